"""The ladder: recipes that train, weights that hold what the chapters say, rows for all that the page shows."""

import json
import re
from dataclasses import replace

import hygiene
import ladder as measurements
import ladder_page
import pytest
import torch

from lmcore import GPT, GPTConfig, NGram, NGramConfig, Village, evaluate, load_tokenizer, probe
from lmcore.data import Rows
from lmcore.ladder import RUNGS, STORIES, WEIGHTS, trained, training_rows
from lmcore.results import settings_hash
from lmcore.train import train

GATED = ("LSTM", "GRU")
LOOKING_BACK = tuple(name for name in RUNGS if name not in ("RNN", *GATED))
VILLAGE = Village()


@pytest.fixture(scope="module")
def stories():
    return VILLAGE.stories(300, seed=31)


@pytest.fixture(scope="module")
def ladder():
    return ladder_page.rows()


@pytest.mark.parametrize("name", RUNGS)
def test_a_kept_network_is_the_rung(name):
    model, rung = trained(name), RUNGS[name]
    assert type(model) is rung.model and model.config == rung.config and not model.training
    assert model.vocab_size == VILLAGE.tokenizer.vocab_size
    assert load_tokenizer(WEIGHTS / f"village_{name.lower()}.safetensors") == VILLAGE.tokenizer
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("name", RUNGS)
def test_a_kept_network_agrees_and_remembers_as_the_chapters_say(name, stories):
    model = trained(name)
    assert min(probe(model, stories, "agreement").accuracy_by_distance.values()) >= 0.97
    memory = probe(model, stories, "memory", edges=(1, 11, 21))
    recall = probe(model, stories, "recall")
    by_facts = recall.accuracy_by_facts
    if name in GATED:
        assert min(memory.accuracy_by_distance.values()) >= 0.99
        assert by_facts[1] > 0.95 and by_facts[4] < 0.4 and recall.about.double().mean() > 0.9
    elif name in LOOKING_BACK:
        assert min(memory.accuracy_by_distance.values()) >= 0.99
        assert min(*by_facts.values(), *recall.accuracy_by_distance.values()) >= 0.99
    else:
        near, middle, far = memory.accuracy_by_distance.values()
        assert near > 0.6 and near > middle + 0.3 and far < 0.25
        assert recall.accuracy < 0.15


def test_each_new_memory_is_closer_to_the_author():
    rows = VILLAGE.rows(200, seed=31)
    floor = evaluate(VILLAGE.author(), rows)
    excess = {name: evaluate(trained(name), rows).excess_over(floor)[0] for name in RUNGS}
    gated = [excess[name] for name in GATED]
    assert 0.1 < min(gated) < max(gated) < 0.2 < excess["RNN"] < 0.45
    assert all(0 < excess[name] < 0.09 for name in LOOKING_BACK)


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=f"{', '.join(RUNGS)}, not 'GPT5'"):
        trained("GPT5")


@pytest.mark.parametrize("name", RUNGS)
def test_a_few_steps_of_each_recipe_lower_the_loss_and_are_the_same_again(name):
    rung, data = RUNGS[name], training_rows(0, 400)
    short = replace(rung.training, phases=((12, 3, 20), (2, 3, 40)), warmup=3)
    runs = []
    for seed in (0, 0, 1):
        model = rung.model(rung.config, seed=seed)
        runs.append((train(model, data, replace(short, seed=seed), progress=False), model))
    (first, one), (again, two), (other, _) = runs
    assert first.losses == again.losses != other.losses
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert first.losses[-1] < first.losses[0] - 0.5
    assert first.tokens == 12 * 3 * 20 + 2 * 3 * 40


def test_a_rung_trains_on_its_seeds_stories(monkeypatch):
    asked = []
    few = training_rows(0, 50)

    def rows(seed):
        asked.append(seed)
        return few

    monkeypatch.setattr("lmcore.ladder.training_rows", rows)
    rung = replace(RUNGS["RNN"], training=replace(RUNGS["RNN"].training, phases=((3, 3, 20),)))
    model, history = rung.train(2, progress=False)
    by_hand = rung.model(rung.config, seed=2)
    assert history.losses == train(by_hand, few, replace(rung.training, seed=2), progress=False).losses
    assert asked == [2] and torch.equal(model.head.weight, by_hand.head.weight)


def test_each_seed_draws_other_stories_and_rows_begin_at_one():
    one, other = training_rows(0, 50), training_rows(1, 50)
    assert isinstance(one, Rows) and one.separator == 0 and len(one.starts) == 51
    assert not torch.equal(one.tokens[:200], other.tokens[:200])
    assert training_rows(0, 50) is one
    text = VILLAGE.write(50, 100)
    assert torch.equal(one.tokens, VILLAGE.tokenizer.encode(text, allow_special=True))


def test_the_recipes_take_rows_that_a_minute_can_read():
    for rung in RUNGS.values():
        read = sum(steps * rows * length for steps, rows, length in rung.training.schedule)
        assert {rows * length for _, rows, length in rung.training.schedule} <= {1024, 2048, 4096}
        assert read < 10_000_000
    assert RUNGS["LSTM"].training == RUNGS["GRU"].training and STORIES == 24_000


def test_the_committed_rows_belong_to_todays_recipes(ladder):
    for row, entry in ladder.items():
        name = row.partition(".")[0]
        assert entry["config"] == measurements.settings(name), row
        assert entry["hash"] == settings_hash(entry["data"], measurements.settings(name)), row
        seeds = measurements.seeds_of(name)
        assert entry["seeds"] == list(seeds) and len(entry.get("by_seed", ())) == len(seeds), row
        if seeds:
            assert entry["value"] == pytest.approx(sum(entry["by_seed"]) / len(seeds), rel=1e-4), row


def test_the_committed_rows_are_all_that_a_model_is_asked(ladder):
    words = {row.removeprefix("author.words.") for row in ladder if row.startswith("author.words.")}
    kinds = {f"{row.replace('.', '_excess.', 1)}" for row in words if "facts" not in row} | words
    kinds |= {"parameters", "tokens", "seconds", "tokens_per_second", "peak_memory", "kept"}
    kinds |= {"bits", "excess", "excess_error", "recall_about"}
    kinds |= {f"{phenomenon}{end}" for phenomenon in measurements.EDGES for end in ("", "_excess")}
    for name in (*measurements.ORDERS, *RUNGS, *measurements.LONG):
        found = {row.partition(".")[2] for row in ladder if row.partition(".")[0] == name}
        assert found == kinds, name


def test_the_kept_networks_are_those_that_were_measured(ladder):
    some = VILLAGE.rows(100, measurements.HELD_OUT_SEED)
    floor = evaluate(VILLAGE.author(), some)
    for name in RUNGS:
        excess, error = evaluate(trained(name), some).excess_over(floor)
        first = ladder[f"{name}.excess"]["by_seed"][0]
        assert abs(excess - first) < 4 * error, name
        assert ladder[f"{name}.parameters"]["value"] == measurements.size(trained(name))
        assert ladder[f"{name}.kept"]["value"] == measurements.kept(trained(name))


def test_what_a_model_keeps_of_a_hundred_words_can_be_counted_by_hand():
    counts = NGram(NGramConfig(order=4, vocab_size=VILLAGE.tokenizer.vocab_size)).fit(training_rows(0, 50).tokens)
    assert measurements.kept(counts) == (3 + 1) * 8  # three ids and how many they are
    H, by_hand = 128, {"RNN": 128 * 4, "GRU": 128 * 4, "LSTM": 2 * 128 * 4}
    by_hand["AttentiveLSTM"] = (2 * H + 100 * 2 * H) * 4
    for name in set(RUNGS) & set(by_hand):
        assert measurements.kept(trained(name)) == by_hand[name], name
    gpt = GPT(GPTConfig(vocab_size=VILLAGE.tokenizer.vocab_size, n_layer=3, d_model=20, n_head=2))
    assert measurements.kept(gpt) == 3 * 2 * 100 * 20 * 4 + 8  # keys and values of each layer, and the position


def test_the_peak_of_memory_is_that_of_the_work_alone():
    if not measurements.PROCESS.exists():
        pytest.skip("memory is read from Linux's /proc")
    large = torch.ones(100 * 2**18)  # 100 MB before: no part of the peak; so much comes from the system and goes back
    del large
    before = measurements.begin_peak()
    assert measurements.memory("VmHWM") - before < 10
    large = torch.ones(100 * 2**18)
    del large
    assert 98 < measurements.memory("VmHWM") - before < 110


def test_a_model_is_trained_in_a_process_of_its_own_and_comes_back_whole(monkeypatch):
    few = training_rows(0, 50)
    monkeypatch.setattr(measurements, "training_rows", lambda seed: few)
    model, took = measurements.trained_alone("ngram3", 0)
    again = NGram(NGramConfig(order=3, vocab_size=VILLAGE.tokenizer.vocab_size, separator_id=0)).fit(few.tokens)
    assert all(torch.equal(mine, other) for mine, other in zip(model.buffers(), again.buffers(), strict=True))
    assert took["tokens"] == len(few.tokens) and took["seconds"] > 0 and took.get("peak_memory", 0) >= 0


def test_the_best_effort_is_the_same_recipe_for_longer():
    rung = RUNGS["GRU"]
    longer = measurements.longer(rung)
    assert longer.config == rung.config and longer.training.total_steps == 4 * rung.training.total_steps
    assert replace(longer.training, phases=rung.training.phases) == rung.training
    assert set(measurements.LONG) == {f"{name}_long" for name in RUNGS}


def test_what_the_page_claims_of_three_seeds(ladder):
    """What the chapters lean on holds for every seed, not for the mean alone."""

    def worst(name, phenomenon, least=min):
        rows = [entry["by_seed"] for row, entry in ladder.items() if row.startswith(f"{name}.{phenomenon}.")]
        return least(value for values in rows for value in values)

    for name in RUNGS:
        assert worst(name, "agreement") >= 97
    for name in GATED:
        assert worst(name, "memory") >= 99
        assert 8.3 < min(ladder[f"{name}.recall"]["by_seed"]) and max(ladder[f"{name}.recall_facts.4"]["by_seed"]) < 40
    near, far = ladder["RNN.memory.1"]["by_seed"], [ladder[f"RNN.memory.{low}"]["by_seed"] for low in (21, 41, 61)]
    assert all(max(group[seed] for group in far) + 20 < near[seed] for seed in range(3))
    assert max(ladder["RNN.recall"]["by_seed"]) < 12
    between = abs(ladder["LSTM.excess"]["value"] - ladder["GRU.excess"]["value"])
    assert between < max(ladder[f"{name}.excess"]["spread"] for name in GATED)
    for name in GATED:
        assert ladder[f"{name}_long.excess"]["value"] < min(ladder[f"{name}.excess"]["by_seed"]) - 0.03
        assert ladder[f"{name}_long.recall_facts.4"]["value"] < 50
    for name in LOOKING_BACK:
        assert worst(name, "memory") >= 99 and worst(name, "recall") >= 99 and worst(name, "recall_facts") >= 99
        assert max(ladder[f"{name}.excess"]["by_seed"]) < min(ladder["GRU.excess"]["by_seed"]) - 0.03
        assert ladder[f"{name}_long.excess"]["value"] < min(ladder[f"{name}.excess"]["by_seed"]) - 0.01
    assert max(ladder["GPT.excess"]["by_seed"]) < min(ladder["AttentiveLSTM.excess"]["by_seed"])
    for n in range(2, 7):
        assert 40 < min(ladder[f"ngram{n}.agreement.{low}"]["value"] for low in (7, 9)) < 60


def test_the_page_has_every_table_and_its_marks_are_filled():
    import book_pages

    page = (hygiene.ROOT / "book" / "the_ladder.md").read_text(encoding="utf-8")
    marks = {mark for mark in book_pages.GENERATED if mark.startswith("<!-- ladder")}
    assert len(marks) >= 6 and all(page.count(mark) == 1 for mark in marks)
    source = [page]
    book_pages.fill_page(None, "book/the_ladder", source)
    assert "<!-- ladder" not in source[0]
    tables = re.findall(r"(?:^\|.*\|\n)+", source[0] + "\n", re.MULTILINE)
    assert len(tables) == len(marks) - 1
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    for name in ladder_page.models(ladder_page.rows(), "excess"):
        assert f"| {ladder_page.NAMES[name].replace(' ', ladder_page.HARD)} |" in tables[0]
    assert set(ladder_page.NAMES) >= {*measurements.ORDERS, *RUNGS} and set(ladder_page.BEST) >= set(measurements.LONG)


def test_the_tables_show_the_rows(ladder):
    found = ladder["GRU.excess"]
    line = next(line for line in ladder_page.loss_table().splitlines() if line.startswith("| GRU |"))
    line = line.replace(ladder_page.HARD, " ")
    assert f"| {found['value']:.3f} ± {found['spread']:.3f} |" in line
    line = next(line for line in ladder_page.excess_seeds_table().splitlines() if line.startswith("| GRU |"))
    assert " · ".join(f"{value:.3f}" for value in found["by_seed"]) in line.replace(ladder_page.HARD, " ")
    line = next(line for line in ladder_page.accuracy_table("memory").splitlines() if line.startswith("| RNN |"))
    assert line.split(" | ")[2] == f"{ladder['RNN.memory.1']['value']:.1f}"
    line = next(line for line in ladder_page.recall_table().splitlines() if line.startswith("| which"))
    assert line.split(" | ")[2:] == ["100", "50.0", "33.3", "25.0", "100 |"]
    best = next(line for line in ladder_page.loss_table().splitlines() if line.startswith("| GRU |"))
    assert best.split(" | ")[3] == f"{ladder['GRU_long.excess']['value']:.3f} |"
    kept = next(line for line in ladder_page.cost_table().splitlines() if line.startswith("| LSTM |"))
    assert kept.split(" | ")[5] == f"{ladder['LSTM.kept']['value']:,.0f}"


def test_real_text_stands_beside_the_marks_of_others_each_with_its_source():
    ours = ladder_page.rows("shakespeare")
    table = ladder_page.shakespeare_table().splitlines()
    line = next(line for line in table if line.startswith("| LSTM |")).split(" | ")
    assert line[1].startswith(f"{ours['LSTM.short.nats']['value']:.3f}")
    assert line[3] == f"{ours['LSTM.long.nats']['value']:.3f}"
    marks = ladder_page.marks_table().splitlines()[2:]
    assert len(marks) == len(ladder_page.MARKS)
    for mark, line in zip(ladder_page.MARKS, marks, strict=True):
        assert "{cite}`" in mark.model and line.startswith(f"| {mark.published} |")
        comparable = mark.published in ("1.88", "1.4697")
        assert ("the same text and split" in mark.beside) is comparable
        assert ("another text" in mark.beside) is not comparable
    in_nats = [line.split(" | ")[1] for line in marks]
    assert in_nats == ["1.88", "1.47", "2.00", "", ""]


def test_the_figure_stands_in_the_page_without_a_file(ladder):
    drawn = ladder_page.figure()
    svg = drawn.removeprefix("```{raw} html\n").removesuffix("\n```")
    assert svg.startswith('<svg class="ladder" role="img" aria-label="Three panels') and svg.endswith("</svg>")
    assert "#808080" not in svg and "<image" not in svg
    alt = ladder_page.alt_text(ladder)
    assert f"RNN {ladder['RNN.memory.1']['value']:.0f} to {ladder['RNN.memory.101']['value']:.0f}" in alt
    assert '"' not in alt and len(json.dumps(alt)) < 1000
    assert drawn == ladder_page.figure()


def test_a_result_says_what_each_seed_gave(tmp_path, monkeypatch):
    monkeypatch.setattr("lmcore.results.RESULTS", tmp_path)
    monkeypatch.setattr(measurements, "corpus_version", lambda name: "village 1")
    monkeypatch.setenv("LMCORE_RECORD", "1")
    measurements.note("GRU", [{"excess": value, "memory_excess.1": 1.0} for value in (0.1, 0.2, 0.6)])
    measurements.note("author", [{"bits": 1.2}])
    found = json.loads((tmp_path / "ladder.json").read_text(encoding="utf-8"))
    row = found["GRU.excess"]
    assert (row["value"], row["spread"], row["by_seed"], row["unit"]) == (0.3, 0.5, [0.1, 0.2, 0.6], "bits/token")
    assert found["GRU.memory_excess.1"]["unit"] == "bits/word" and "by_seed" not in found["author.bits"]
