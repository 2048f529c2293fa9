"""Recipes for text by the character: fit for any text, repeatable, and what is committed of them belongs to them."""

import importlib.util
import json
import math
from dataclasses import replace

import pytest
import torch

from lmcore import evaluate
from lmcore.corpora import corpus_version
from lmcore.data import split
from lmcore.results import RESULTS, ROOT, result, settings_hash
from lmcore.shakespeare import GPU, LONG, RECIPES, Recipe
from lmcore.tokenizer import CharTokenizer

TEXT = "First Citizen:\nSpeak, speak.\n\nAll:\nResolved, resolved: to die, not famish.\n\n" * 60
STEPS = 12


def small(recipe: Recipe) -> Recipe:
    return replace(recipe, training=replace(recipe.training, steps=STEPS, rows=3, length=16, warmup=2))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_learns_from_any_text_and_ends_the_same(name):
    text, held_text = split(TEXT)
    tokenizer = CharTokenizer.fit(text)
    tokens, held_out = tokenizer.encode(text), tokenizer.encode(held_text)
    recipe = small(RECIPES[name])
    first, history = recipe.train(tokens, tokenizer.vocab_size, seed=1, progress=False)
    second, _ = recipe.train(tokens, tokenizer.vocab_size, seed=1, progress=False, held_out=held_out)
    other, _ = recipe.train(tokens, tokenizer.vocab_size, seed=2, progress=False)
    assert len(history.losses) == STEPS and type(first).__name__ == name and not first.training
    assert first.vocab_size == tokenizer.vocab_size != recipe.config.vocab_size
    losses = [evaluate(model, held_out).nats_per_token for model in (first, second, other)]
    assert losses[0] == losses[1] != losses[2]
    assert losses[0] < math.log(tokenizer.vocab_size) - 0.3


def test_a_text_that_is_too_short_or_has_more_characters_is_refused():
    with pytest.raises(ValueError, match="Take fewer or shorter rows"):
        RECIPES["LSTM"].train(torch.zeros(99, dtype=torch.long), 7)
    with pytest.raises(ValueError, match="contains the id 65"):
        RECIPES["LSTM"].train(torch.arange(66).repeat(99))


def test_the_recipes_are_made_for_tiny_shakespeare():
    """The memory is carried, and the long runs read what fits into their time."""
    for recipe in (*RECIPES.values(), *LONG.values(), GPU):
        assert recipe.training.total_steps * recipe.training.decay > recipe.training.warmup
    for recipe in LONG.values():
        steps, rows, length = recipe.training.schedule[0]
        assert 5 < steps * rows * length / 1_003_854 < 30


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_recipe_for_a_card_runs(monkeypatch, precision):
    """As it is, but for so few steps that a processor makes them."""
    monkeypatch.setenv("LMCORE_PRECISION", precision)
    tokenizer = CharTokenizer.fit(TEXT)
    tokens = tokenizer.encode(TEXT)
    recipe = replace(GPU, training=replace(GPU.training, steps=2, rows=3, length=16, warmup=0))
    model, history = recipe.train(tokens, tokenizer.vocab_size, held_out=tokens[:400], progress=False)
    assert sum(weight.numel() for weight in model.parameters()) > 10e6
    assert history.held_out[-1].nats < math.log(tokenizer.vocab_size)


@pytest.fixture(scope="module")
def tool():
    """tools/shakespeare.py as a module."""
    spec = importlib.util.spec_from_file_location("shakespeare_tool", ROOT / "tools" / "shakespeare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def texts(tool):
    """What it reads; nothing else here needs it."""
    try:
        return tool.texts()
    except OSError:
        pytest.skip("Tiny Shakespeare is not on this machine")


def test_what_is_committed_was_measured_with_these_recipes(tool):
    rows = json.loads((RESULTS / "shakespeare.json").read_text(encoding="utf-8"))
    data = corpus_version("tinyshakespeare")
    recipes = {f"{name}.short.nats": recipe for name, recipe in RECIPES.items()}
    recipes |= {f"{name}.long.nats": recipe for name, recipe in LONG.items()}
    for name, recipe in recipes.items():
        assert rows[name]["hash"] == settings_hash(data, tool.settings(recipe)), name
    for name in RECIPES:
        assert len(rows[f"{name}.short.nats"]["by_seed"]) == 3


def test_the_committed_figures_keep_their_order():
    """What the chapters say of them: the long run beats counting, and a mixture beats both of its parts."""
    ngram, short, long = (result(f"shakespeare.{name}.nats") for name in ("ngram7", "LSTM.short", "LSTM.long"))
    assert result("shakespeare.mix.long.nats") < long < 1.48 < ngram < short < 1.88
    assert result("shakespeare.mix.short.nats") < ngram
    assert result("shakespeare.mix.GPT.nats") < result("shakespeare.GPT.long.nats") < 1.47
    assert result("shakespeare.GPT.long.nats") < 1.47 < ngram < result("shakespeare.GPT.short.nats") < 1.88


@pytest.fixture
def small_tool(tool, monkeypatch, tmp_path):
    """The tool with a small text and a small recipe for a card; what it notes comes into `rows`."""
    tokenizer, rows = CharTokenizer.fit(TEXT), {}
    tokens = tokenizer.encode(TEXT)
    monkeypatch.setattr(tool, "texts", lambda: tool.Texts(TEXT, TEXT, tokenizer.vocab_size, tokens, tokens[:8]))
    monkeypatch.setattr(tool, "note", lambda name, value, unit, **about: rows.update({name: value}))
    config = replace(GPU.config, n_layer=1, n_head=2, d_model=12, context_length=4)
    monkeypatch.setattr(tool, "GPU", replace(small(GPU), config=config))
    monkeypatch.setenv("LMCORE_CACHE", str(tmp_path / "cache"))
    tool.rows = rows
    return tool


def test_the_run_for_a_card_is_kept_and_recorded(small_tool, monkeypatch, tmp_path):
    monkeypatch.setenv("LMCORE_SCALE", "gpu")
    small_tool.main(["gpu"])
    first = dict(small_tool.rows)
    assert first["GPT.gpu.nats"] == pytest.approx(first[f"GPT.gpu.curve.{STEPS}"]) and first["GPT.gpu.best_step"] > 0
    assert first["GPT.gpu.passes"] == pytest.approx(STEPS * 3 * 16 / len(TEXT))
    assert first["GPT.gpu.context"] == pytest.approx((1 + 2 + 3 + 4 + 4 + 4 + 4) / 7)  # seven characters are predicted
    assert (tmp_path / "cache" / "shakespeare_gpu.run").is_file()
    small_tool.main(["gpu"])
    assert small_tool.rows == first


def test_the_run_for_a_card_does_not_begin_where_there_is_none(small_tool, monkeypatch, tmp_path):
    monkeypatch.setenv("LMCORE_SCALE", "cpu")
    with pytest.raises(SystemExit, match="LMCORE_SCALE=gpu"):
        small_tool.main(["gpu"])
    assert not (tmp_path / "cache").exists()
    with pytest.raises(SystemExit, match="there is no wide; there are short, long, mix, gpu, RNN"):
        small_tool.main(["wide"])


def test_a_mixture_is_a_mixture_of_probabilities(tool):
    network, counts = (-torch.tensor(p, dtype=torch.float64).log() for p in ([0.5, 0.1, 0.9], [0.2, 0.7, 0.3]))
    expected = -torch.tensor([0.25 * 0.5 + 0.75 * 0.2, 0.25 * 0.1 + 0.75 * 0.7, 0.25 * 0.9 + 0.75 * 0.3]).log()
    assert torch.allclose(tool.mixed(network, counts, 0.25).float(), expected, atol=1e-6)
    grid = [tool.mixed(network, counts, i / 100).mean() for i in range(1, 100)]
    assert tool.mixed(network, counts, tool.best_weight(network, counts)).mean() == min(grid)


def test_every_character_is_of_one_kind_and_letters_of_a_spoken_word_are_counted_once(tool, texts):
    where = tool.groups()
    length = len(texts.held_out) - 1
    kinds = torch.stack([where[name] for name in ("speaker", "first", "second", "later", "between")])
    assert kinds.shape == (5, length) and (kinds.sum(0) == 1).all()
    known = torch.stack([where[name] for name in ("unseen", "rare", "common")]).sum(0)
    assert (known == kinds[1:4].sum(0)).all()
    at = texts.held_text.index("\n\n") + 2  # the first line that surely names a speaker
    assert where["speaker"][at - 1] and texts.held_text[at:].split("\n")[0].endswith(":")
