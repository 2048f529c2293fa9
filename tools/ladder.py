"""Every rung of the ladder, trained with three seeds and measured on the same held-out stories.

    LMCORE_RECORD=1 python tools/ladder.py [MODEL …]      MODEL: one of MODELS; all of them if none is named

Seed s draws the 24,000 stories that a model learns from (100 + s), its first weights and its batches. The held-out
stories are of a seed that was used for no choice. Writes book/results/ladder.json and, of each rung, the weights of
seed 0 in lmcore/weights/. Without LMCORE_RECORD the values are held against the committed ones and nothing is written.
All models take about a quarter of an hour of one core; each is written when it is done.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from statistics import fmean

import torch

from lmcore import LanguageModel, NGram, NGramConfig, Village, evaluate, probe, save
from lmcore.corpora import corpus_version
from lmcore.evaluate import Evaluation
from lmcore.ladder import RUNGS, STORIES, WEIGHTS, training_rows
from lmcore.results import record, settings_hash
from lmcore.train import train

SEEDS = (0, 1, 2)
HELD_OUT, HELD_OUT_SEED = 2000, 2027
EDGES = {
    "agreement": (1, 3, 5, 7, 9, 13),
    "memory": (1, 11, 21, 41, 61, 81, 101),
    "recall": (1, 11, 21, 41, 61, 81, 101),
}
ORDERS = {"unigram": 1, **{f"ngram{n}": n for n in range(2, 7)}}
LONGER = 4  # times the steps
LONG = {f"{name}_long": name for name in ("LSTM", "GRU")}
MODELS = ("author", "uniform", *ORDERS, *RUNGS, *LONG)

village = Village()


@cache
def held_out() -> tuple:
    """The held-out stories, as they are and as rows, and the author's losses on them."""
    stories, rows = village.stories(HELD_OUT, HELD_OUT_SEED), village.rows(HELD_OUT, HELD_OUT_SEED)
    return stories, rows, evaluate(village.author(), rows)


def learn(name: str, seed: int) -> tuple[LanguageModel, int, float]:
    """The model, how many tokens it read, and how many processor seconds that took."""
    data = training_rows(seed)
    if name in ORDERS:
        began = time.process_time()
        config = NGramConfig(order=ORDERS[name], vocab_size=village.tokenizer.vocab_size, separator_id=0)
        return NGram(config).fit(data.tokens), len(data.tokens), time.process_time() - began
    if name in LONG:
        rung = RUNGS[LONG[name]]
        phases = tuple((LONGER * steps, rows, length) for steps, rows, length in rung.training.phases)
        model = rung.model(rung.config, seed=seed)
        history = train(model, data, replace(rung.training, phases=phases, seed=seed))
    else:
        model, history = RUNGS[name].train(seed)
        if seed == 0 and os.environ.get("LMCORE_RECORD") == "1":
            save(model, WEIGHTS / f"village_{name.lower()}.safetensors", village.tokenizer)
    return model, history.tokens, history.seconds


def size(model: LanguageModel) -> int:
    """How many numbers a model has learned: weights, or the n-grams of all orders that it has counted."""
    if isinstance(model, NGram):
        return sum(len(model.table("keys", n)) for n in range(1, model.config.order + 1))
    return sum(weight.numel() for weight in model.parameters())


def loss(found: Evaluation) -> dict[str, float]:
    """Bits a token; the excess over the author and its standard error, by story."""
    excess, error = found.excess_over(held_out()[2])
    return {"bits": found.bits_per_token, "excess": excess, "excess_error": error}


def measure(model: LanguageModel, tokens: int, seconds: float) -> dict[str, float]:
    """Everything that the page shows of one trained model, by the name of its row."""
    stories, rows, _ = held_out()
    found = {"parameters": size(model), "tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds}
    found |= loss(evaluate(model, rows))
    for phenomenon, edges in EDGES.items():
        asked = probe(model, stories, phenomenon, edges=edges)
        found[phenomenon] = 100 * asked.accuracy
        found[f"{phenomenon}_excess"] = asked.excess.mean().item()
        for low, accuracy in asked.accuracy_by_distance.items():
            found[f"{phenomenon}.{low}"] = 100 * accuracy
            found[f"{phenomenon}_excess.{low}"] = asked.excess_by_distance[low]
    found["recall_about"] = 100 * asked.about.double().mean().item()
    return found | {f"recall_facts.{n}": 100 * accuracy for n, accuracy in asked.accuracy_by_facts.items()}


def uniform() -> dict[str, float]:
    """The same share for every word: it needs no text, and its accuracy is chance."""
    _, rows, floor = held_out()
    V = village.tokenizer.vocab_size
    nats = torch.where(rows.mask, torch.tensor(float(V), dtype=torch.float64).log(), 0.0)
    return {"parameters": 0} | loss(Evaluation(nats, floor.mask))


def author() -> dict[str, float]:
    """The floor, and how many words each figure of the other models rests on."""
    stories, _, floor = held_out()
    found = {"bits": floor.bits_per_token, "tokens_scored": floor.tokens}
    for phenomenon, edges in EDGES.items():
        asked = probe(village.author(), stories, phenomenon, edges=edges)
        assert asked.excess.abs().max() < 1e-9
        found |= {f"words.{phenomenon}.{low}": n for low, n in asked.counts_by_distance.items()}
    return found | {f"words.recall_facts.{int(n)}": int((asked.facts == n).sum()) for n in asked.facts.unique()}


def unit(name: str, row: str) -> str:
    """What the value of a model's row is counted in."""
    kind = row.partition(".")[0]
    units = dict.fromkeys(("tokens", "tokens_scored"), "tokens")
    units |= dict.fromkeys(("bits", "excess", "excess_error"), "bits/token")
    units |= {"parameters": "n-grams" if name in ORDERS else "weights", "words": "words"}
    units |= {"seconds": "s", "tokens_per_second": "tokens/s"}
    return units.get(kind, "bits/word" if kind.endswith("_excess") else "%")


def settings(name: str) -> dict[str, object]:
    """What a model's rows depend on besides the Village; a recipe of lmcore.ladder stands as its hash."""
    config: dict[str, object] = {"held out": f"{HELD_OUT} stories of seed {HELD_OUT_SEED}"}
    if name in ORDERS:
        config |= {"stories": STORIES, "order": ORDERS[name]}
    if name in (*RUNGS, *LONG):
        rung = RUNGS[LONG.get(name, name)]
        recipe = {"model": repr(rung.config), "training": repr(rung.training)}
        config |= {"stories": STORIES, "recipe": settings_hash("", recipe)}
    return config | ({"times the steps": LONGER} if name in LONG else {})


def note(name: str, seeds: tuple[int, ...], runs: list[dict[str, float]]) -> None:
    """Record the rows of one model: mean and spread over the seeds, and what each seed gave."""
    columns = defaultdict(list)
    for run in runs:
        for row, value in run.items():
            columns[row].append(value)
    put = partial(record, "ladder", data=corpus_version("village"), config=settings(name), seeds=seeds)
    for row, values in columns.items():
        timed = "second" in row
        tolerance = 1.0 if timed else 0.5 if "_excess" in row else 0.1  # 1.0: never compared
        spread = max(values) - min(values) if len(seeds) > 1 else None
        put(
            f"{name}.{row}",
            fmean(values),
            unit(name, row),
            spread=spread,
            by_seed=values if seeds else (),
            tolerance=tolerance,
        )
    shown = {row: [round(value, 3) for value in columns[row]] for row in ("seconds", "excess") if row in columns}
    print(name, shown, {p: round(fmean(columns[p]), 1) for p in EDGES if p in columns}, flush=True)


def main(names: list[str]) -> None:
    """Measure the named models, each written when it is done."""
    if wrong := set(names) - set(MODELS):
        sys.exit(f"no model is called {', '.join(sorted(wrong))}; there are {', '.join(MODELS)}.")
    fixed: dict[str, Callable] = {"author": author, "uniform": uniform}
    for name in names or MODELS:
        if name in fixed:
            note(name, (), [fixed[name]()])
        else:
            seeds = SEEDS[:1] if name in LONG else SEEDS
            note(name, seeds, [measure(*learn(name, seed)) for seed in seeds])


if __name__ == "__main__":
    main(sys.argv[1:])
