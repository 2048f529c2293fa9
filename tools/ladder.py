"""Every rung of the ladder, trained with several seeds and measured on the same held-out stories.

    LMCORE_RECORD=1 python tools/ladder.py [MODEL …]      MODEL: one of MODELS; all of them if none is named

Seed s draws the 24,000 stories that a model learns from (100 + s), its first weights and its batches. The held-out
stories are of a seed that was used for no choice. Writes book/results/ladder.json and, of each rung, the weights of
seed 0 in lmcore/weights/. Without LMCORE_RECORD the values are held against the committed ones and nothing is written.
Each run trains in a process of its own, so that the memory it needs can be told from what was there before. All models
take about 50 minutes of one core; each is written when it is done.
"""

import os
import pickle
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from lmcore import LanguageModel, NGram, NGramConfig, Village, evaluate, probe, save
from lmcore.corpora import corpus_version
from lmcore.data import Rows
from lmcore.evaluate import Evaluation
from lmcore.ladder import RUNGS, STORIES, WEIGHTS, Rung, training_rows
from lmcore.model import map_tensors
from lmcore.results import record, settings_hash
from lmcore.train import train

SEEDS, MORE_SEEDS = (0, 1, 2), (0, 1, 2, 3, 4)  # the more where recall begins with a jump, which could fail to come
HELD_OUT, HELD_OUT_SEED = 2000, 2027
EDGES = {
    "agreement": (1, 3, 5, 7, 9, 13),
    "memory": (1, 11, 21, 41, 61, 81, 101),
    "recall": (1, 11, 21, 41, 61, 81, 101),
}
ORDERS = {"unigram": 1, **{f"ngram{n}": n for n in range(2, 7)}}
KEPT_AFTER = 100  # words that have been read when the size of the state is taken
LONGER = 4  # times the steps
PROCESS = Path("/proc/self")  # where Linux says how much memory a process has


def longer(rung: Rung) -> Rung:
    """The same recipe with more steps of each phase."""
    phases = tuple((LONGER * steps, rows, length) for steps, rows, length in rung.training.phases)
    return replace(rung, training=replace(rung.training, phases=phases))


# The best effort of a rung: its own recipe for longer.
LONG = {f"{name}_long": longer(rung) for name, rung in RUNGS.items()}
NETWORKS = RUNGS | LONG
MODELS = ("author", "uniform", *ORDERS, *NETWORKS)

village = Village()


@cache
def held_out() -> tuple:
    """The held-out stories, as they are and as rows, and the author's losses on them."""
    stories, rows = village.stories(HELD_OUT, HELD_OUT_SEED), village.rows(HELD_OUT, HELD_OUT_SEED)
    return stories, rows, evaluate(village.author(), rows)


def seeds_of(name: str) -> tuple[int, ...]:
    """The seeds with which a model is trained; none for what is not trained."""
    if name in LONG:
        return SEEDS[:1]
    if name in ("author", "uniform"):
        return ()
    return MORE_SEEDS if name in ("AttentiveLSTM", "GPT") else SEEDS


def fit(name: str, seed: int, data: Rows, briefly: bool = False) -> tuple[LanguageModel, int, float]:
    """The model, how many tokens it read, and how many processor seconds that took; `briefly` is a single step."""
    if name in ORDERS:
        began = time.process_time()
        config = NGramConfig(order=ORDERS[name], vocab_size=village.tokenizer.vocab_size, separator_id=0)
        return NGram(config).fit(data.tokens), len(data.tokens), time.process_time() - began
    rung = NETWORKS[name]
    model = rung.model(rung.config, seed=seed)
    training = replace(rung.training, seed=seed, **({"phases": ((1, 1, 8),), "warmup": 0} if briefly else {}))
    history = train(model, data, training, progress=not briefly)
    return model, history.tokens, history.seconds


def learn(name: str, seed: int, text: np.ndarray) -> tuple[bytes, dict[str, float]]:
    """The model, pickled, and what it took: tokens read, processor seconds and the peak of memory in MB."""
    tokens = torch.from_numpy(text)
    fit(name, seed, Rows(tokens[:1000]), briefly=True)  # what is loaded at first use is no part of the training
    before = begin_peak()
    model, read, seconds = fit(name, seed, Rows(tokens, separator=0))
    found = {"tokens": read, "seconds": seconds, "tokens_per_second": read / seconds}
    if before:
        found["peak_memory"] = memory("VmHWM") - before
    return pickle.dumps(model), found


def memory(kind: str) -> float:
    """This process's memory in MB: "VmRSS" what it has, "VmHWM" the most it has had."""
    status = (PROCESS / "status").read_text(encoding="utf-8")
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) / 1024


def begin_peak() -> float:
    """Let VmHWM begin anew, and return the memory that there is now; 0 where the system is not Linux."""
    if not PROCESS.exists():
        return 0.0
    (PROCESS / "clear_refs").write_text("5", encoding="utf-8")
    return memory("VmRSS")


def trained_alone(name: str, seed: int) -> tuple[LanguageModel, dict[str, float]]:
    """What `learn` gives, in a fresh process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        weights, found = pool.submit(learn, name, seed, training_rows(seed).tokens.numpy()).result()
    return pickle.loads(weights), found


def size(model: LanguageModel) -> int:
    """How many numbers a model has learned: weights, or the n-grams of all orders that it has counted."""
    if isinstance(model, NGram):
        return sum(len(model.table("keys", n)) for n in range(1, model.config.order + 1))
    return sum(weight.numel() for weight in model.parameters())


def kept(model: LanguageModel) -> int:
    """Bytes of the state after `KEPT_AFTER` words of one text."""
    sizes = []

    def note_size(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.no_grad():
        map_tensors(note_size, model(training_rows(0).tokens[None, :KEPT_AFTER])[1])
    return sum(sizes)


def loss(found: Evaluation) -> dict[str, float]:
    """Bits a token; the excess over the author and its standard error, by story."""
    excess, error = found.excess_over(held_out()[2])
    return {"bits": found.bits_per_token, "excess": excess, "excess_error": error}


def measure(model: LanguageModel) -> dict[str, float]:
    """Everything that the page shows of one trained model, by the name of its row."""
    stories, rows, _ = held_out()
    found = {"parameters": size(model), "kept": kept(model)} | loss(evaluate(model, rows))
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
    units |= {"seconds": "s", "tokens_per_second": "tokens/s", "peak_memory": "MB", "kept": "bytes"}
    return units.get(kind, "bits/word" if kind.endswith("_excess") else "%")


def settings(name: str) -> dict[str, object]:
    """What a model's rows depend on besides the Village; a recipe of lmcore.ladder stands as its hash."""
    config: dict[str, object] = {"held out": f"{HELD_OUT} stories of seed {HELD_OUT_SEED}"}
    if name in ORDERS:
        config |= {"stories": STORIES, "order": ORDERS[name]}
    if name in NETWORKS:
        rung = RUNGS[name.removesuffix("_long")]
        recipe = {"model": repr(rung.config), "training": repr(rung.training)}
        config |= {"stories": STORIES, "recipe": settings_hash("", recipe)}
    return config | ({"times the steps": LONGER} if name in LONG else {})


def note(name: str, runs: list[dict[str, float]]) -> None:
    """Record the rows of one model: mean and spread over the seeds, and what each seed gave."""
    columns, seeds = defaultdict(list), seeds_of(name)
    for run in runs:
        for row, value in run.items():
            columns[row].append(value)
    put = partial(record, "ladder", data=corpus_version("village"), config=settings(name), seeds=seeds)
    for row, values in columns.items():
        machines = "second" in row or row == "peak_memory"
        tolerance = 1.0 if machines else 0.5 if "_excess" in row else 0.1  # 1.0: never compared
        spread = max(values) - min(values) if len(seeds) > 1 else None
        put(
            f"{name}.{row}",
            fmean(values),
            unit(name, row),
            spread=spread,
            by_seed=values if seeds else (),
            tolerance=tolerance,
        )


def runs(name: str) -> list[dict[str, float]]:
    """Train a model with each of its seeds and measure it; keep the weights of a rung's first seed if recording."""
    found = []
    for seed in seeds_of(name):
        model, took = trained_alone(name, seed)
        if name in RUNGS and seed == 0 and os.environ.get("LMCORE_RECORD") == "1":
            save(model, WEIGHTS / f"village_{name.lower()}.safetensors", village.tokenizer)
        found.append(took | measure(model))
        shown = ("excess", *EDGES, "seconds", "peak_memory")
        values = (f"{row} {found[-1][row]:.3g}" for row in shown if row in found[-1])
        print(f"{name}, seed {seed}:", ", ".join(values), flush=True)
    return found


def main(names: list[str]) -> None:
    """Measure the named models, each written when it is done."""
    if wrong := set(names) - set(MODELS):
        sys.exit(f"no model is called {', '.join(sorted(wrong))}; there are {', '.join(MODELS)}.")
    fixed: dict[str, Callable] = {"author": author, "uniform": uniform}
    for name in names or MODELS:
        found = [fixed[name]()] if name in fixed else runs(name)
        note(name, found)
        print(f"{name} is done.", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
