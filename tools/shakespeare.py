"""Tiny Shakespeare by the character: the short recipes, the long runs, and both mixed with counting.

    LMCORE_RECORD=1 python tools/shakespeare.py [short] [long] [mix] [RNN] [LSTM] [GRU] [GPT]
    LMCORE_SCALE=gpu LMCORE_RECORD=1 python tools/shakespeare.py gpu

The named jobs for the named networks; where none is named, all three and all four. All losses are nats a character over
the complete last tenth of the text, read as one stream: a recurrent network and the 7-gram carry their memory from its
first character to its last, in a GPT each character looks back at the last W in every layer. Writes
book/results/shakespeare.json; without LMCORE_RECORD the values are held against the committed ones.
short   the recipes with three seeds and chapter 3's 7-gram, in about two minutes of one core
long    LSTM and GPT, each in half an hour and more of one core. A run is kept in a file of the cache folder
        (LMCORE_CACHE), goes on from there if it was stopped, and takes a moment if it is done
mix     p = λ p_network + (1 - λ) p_7-gram, by the short LSTM and the long networks, and at which characters it gains.
        The λ of each half of the held-out text is the best one of the other half, so no character helps to choose its
        own weight
gpu     a GPT near nanoGPT's size, for a card; kept in a file like the long runs

The settings were sought on the last tenth of the training part; those of the short recipes were settled by a few runs
on the held-out tenth itself. A run ends with the weights of its best evaluation.
"""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch

from lmcore import CharTokenizer, LanguageModel, NGram, NGramConfig, load_corpus, runtime, token_losses
from lmcore.corpora import corpus_version
from lmcore.data import split
from lmcore.results import record, settings_hash
from lmcore.shakespeare import GPU, LONG, RECIPES, Recipe
from lmcore.train import History

SEEDS = (0, 1, 2)
ORDER = 7
MARK = 1.88  # nanoGPT's recipe for a laptop's processor, in nats
BFLOAT16 = ("LSTM",)  # which long runs are made in bfloat16

note = partial(record, "shakespeare", data=corpus_version("tinyshakespeare"))


class Texts(NamedTuple):
    """What is learned from and what is held out, and the ids of both by the training part's characters."""

    text: str
    held_text: str
    vocab_size: int
    tokens: torch.Tensor
    held_out: torch.Tensor


@cache
def texts() -> Texts:
    text, held_text = split(load_corpus("tinyshakespeare"))
    tokenizer = CharTokenizer.fit(text)
    return Texts(text, held_text, tokenizer.vocab_size, tokenizer.encode(text), tokenizer.encode(held_text))


def settings(recipe: Recipe) -> dict[str, str]:
    """What a value depends on, as one hash: it changes with every setting of the recipe."""
    return {"recipe": settings_hash("", {"model": repr(recipe.config), "training": repr(recipe.training)})}


@cache
def counted() -> tuple[NGram, float]:
    """Chapter 3's best n-gram, and the processor seconds that counting took."""
    began = time.process_time()
    model = NGram(NGramConfig(order=ORDER, vocab_size=texts().vocab_size)).fit(texts().tokens)
    return model, time.process_time() - began


@cache
def learned_briefly(name: str, seed: int) -> tuple[LanguageModel, History]:
    return RECIPES[name].train(texts().tokens, texts().vocab_size, seed)


def learned_once(recipe: Recipe, file: str, precision: str) -> tuple[LanguageModel, History]:
    """A run that is kept in `file` of the cache folder."""
    import pooch

    folder = Path(os.environ.get("LMCORE_CACHE") or pooch.os_cache("lmcore"))
    folder.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("LMCORE_PRECISION")
    os.environ["LMCORE_PRECISION"] = precision
    try:
        kept = {"checkpoint": folder / f"{file}.run", "checkpoint_every": 50}
        return recipe.train(texts().tokens, texts().vocab_size, held_out=texts().held_out, **kept)
    finally:
        os.environ.pop("LMCORE_PRECISION")
        if before is not None:
            os.environ["LMCORE_PRECISION"] = before


@cache
def learned_long(name: str) -> tuple[LanguageModel, History]:
    precision = "bfloat16" if name in BFLOAT16 else "float32"
    return learned_once(LONG[name], f"shakespeare_long_{name}", precision)


def size(model: LanguageModel) -> int:
    return sum(weight.numel() for weight in model.parameters())


def losses(model: LanguageModel) -> torch.Tensor:
    return token_losses(model, texts().held_out)


def short(networks: Sequence[str]) -> None:
    model, seconds = counted()
    nats = losses(model).mean().item()
    note("ngram7.nats", nats, "nats/character", config={"order": ORDER}, seconds=seconds)
    print(f"7-gram: {nats:.3f} nats, {seconds:.1f} s")
    for name in networks:
        recipe = RECIPES[name]
        runs = [learned_briefly(name, seed) for seed in SEEDS]
        each = [losses(model).mean().item() for model, _ in runs]
        put = partial(note, config=settings(recipe), seeds=SEEDS)
        put(
            f"{name}.short.nats",
            fmean(each),
            "nats/character",
            spread=max(each) - min(each),
            by_seed=each,
            seconds=fmean(history.seconds for _, history in runs),
        )
        put(f"{name}.short.weights", size(runs[0][0]), "weights")
        context(f"{name}.short", runs[0][0], recipe)
        print(name, [round(nats, 3) for nats in each], [round(run.seconds, 1) for _, run in runs], "s", flush=True)
    if "LSTM" in networks:
        recipe = RECIPES["LSTM"]
        _, history = recipe.train(texts().tokens, texts().vocab_size, held_out=texts().held_out)
        curve("LSTM.short", history, recipe)


def context(name: str, model: LanguageModel, recipe: Recipe) -> None:
    """How many characters one looks at in each layer, itself included: the mean over the held-out text."""
    if model.context_length is not None:
        seen = torch.arange(1, len(texts().held_out)).clamp(max=model.context_length).double().mean().item()
        note(f"{name}.context", seen, "characters", config=settings(recipe))


def curve(name: str, history: History, recipe: Recipe) -> None:
    """The held-out loss after so many steps, with the processor seconds that they took."""
    for step, seconds, nats in history.held_out:
        put = partial(note, config=settings(recipe), seeds=[0], seconds=seconds)
        put(f"{name}.curve.{step}", nats, "nats/character", tolerance=0.05)
    reached = [seconds for _, seconds, nats in history.held_out if nats <= MARK]
    print(name, f"is at {MARK} or below after {min(reached):.1f} s" if reached else f"does not reach {MARK}")


def long(networks: Sequence[str]) -> None:
    for name in LONG:
        if name in networks:
            one_run(f"{name}.long", LONG[name], *learned_long(name))


def gpu(networks: Sequence[str]) -> None:
    if runtime.scale() != "gpu":
        sys.exit("this run is for a card, and there is none; LMCORE_SCALE=gpu makes it here, in many hours.")
    precision = "bfloat16" if runtime.device().type == "cuda" else "float32"
    one_run("GPT.gpu", GPU, *learned_once(GPU, "shakespeare_gpu", precision))
    if runtime.device().type == "cuda":
        print(f"on one {torch.cuda.get_device_name()}")


def one_run(name: str, recipe: Recipe, model: LanguageModel, history: History) -> None:
    """What is recorded of a run that is made once."""
    nats = losses(model).mean().item()
    put = partial(note, config=settings(recipe), seeds=[0])
    put(f"{name}.nats", nats, "nats/character", seconds=history.seconds)
    put(f"{name}.training_nats", fmean(history.losses[-200:]), "nats/character")
    put(f"{name}.weights", size(model), "weights")
    put(f"{name}.passes", history.tokens / len(texts().tokens), "passes through the text")
    put(f"{name}.best_step", history.best_step, "steps")
    context(name, model, recipe)
    curve(name, history, recipe)
    print(f"{name}: {nats:.4f} nats, {history.seconds:.0f} s, best after step {history.best_step}")


def mixed(network: torch.Tensor, counts: torch.Tensor, weight: float) -> torch.Tensor:
    """Losses of the mixture from the losses of both, all (N,), in nats."""
    parts = torch.stack([network - torch.tensor(weight).log(), counts - torch.tensor(1 - weight).log()])
    return -torch.logsumexp(-parts, 0)


def best_weight(network: torch.Tensor, counts: torch.Tensor) -> float:
    return min((i / 100 for i in range(1, 100)), key=lambda weight: mixed(network, counts, weight).mean().item())


def mix(networks: Sequence[str]) -> None:
    counts = losses(counted()[0])
    for group, chosen in groups().items():
        note(f"at.{group}.characters", int(chosen.sum()), "characters")
        note(f"at.{group}.ngram7", counts[chosen].mean().item(), "nats/character", config={"order": ORDER})
    if "LSTM" in networks:
        mix_one("short", "LSTM.short", learned_briefly("LSTM", 0)[0], RECIPES["LSTM"])
        mix_one("long", "LSTM.long", learned_long("LSTM")[0], LONG["LSTM"])
    if "GPT" in networks:
        mix_one("GPT", "GPT.long", learned_long("GPT")[0], LONG["GPT"])


def mix_one(name: str, network: str, model: LanguageModel, recipe: Recipe) -> None:
    """The rows mix.`name`.… of one network with the 7-gram."""
    counts, alone = losses(counted()[0]), losses(model)
    middle = len(counts) // 2
    halves = slice(None, middle), slice(middle, None)
    weights = [best_weight(alone[half], counts[half]) for half in halves]
    both = torch.cat([mixed(alone[half], counts[half], weights[1 - i]) for i, half in enumerate(halves)])
    put = partial(note, config={"order": ORDER} | settings(recipe), seeds=[0])
    put(f"mix.{name}.nats", both.mean().item(), "nats/character")
    put(f"mix.{name}.weight", fmean(weights), f"share of the {network.partition('.')[0]}", tolerance=0.15)
    put(f"{network}.behind", 100 * (counts < alone).double().mean().item(), "%", tolerance=0.05)
    print(f"{network} {alone.mean():.4f}, 7-gram {counts.mean():.4f}, mixed {both.mean():.4f}, λ {weights}")
    for group, chosen in groups().items():
        apart, together, counted_alone = (part[chosen].mean().item() for part in (alone, both, counts))
        put(f"at.{group}.{network}", apart, "nats/character", tolerance=0.05)
        put(f"at.{group}.mix.{name}", together, "nats/character", tolerance=0.05)
        print(f"  {group:10} 7-gram {counted_alone:.3f}, {network} {apart:.3f}, mixed {together:.3f}")


@cache
def groups() -> dict[str, torch.Tensor]:
    """Kinds of held-out characters, each a mask (N - 1,) over the characters that are predicted.

    speaker                 the lines that name who speaks, colon and line break included
    first, second, later    the place of a letter in its word, in the lines that are spoken
    between                 spaces, line breaks and marks between the words, there
    unseen, rare, common    letters of words that the training part has never, at most five times, more often
    """
    held_text = texts().held_text
    kind = ["between"] * len(held_text)
    found = [""] * len(held_text)
    known = Counter(re.findall(r"[a-z']+", texts().text.lower()))
    for word in re.finditer(r"[a-z']+", held_text.lower()):
        times = known[word[0]]
        for place, i in enumerate(range(*word.span())):
            kind[i] = ("first", "second", "later")[min(place, 2)]
            found[i] = "unseen" if times == 0 else "rare" if times <= 5 else "common"
    for line in re.finditer(r"(?<=\n\n)[^\n]+:\n", held_text):
        kind[slice(*line.span())] = ["speaker"] * (line.end() - line.start())
        found[slice(*line.span())] = [""] * (line.end() - line.start())
    masks = {name: [one == name for one in kind] for name in ("speaker", "first", "second", "later", "between")}
    masks |= {name: [one == name for one in found] for name in ("unseen", "rare", "common")}
    return {name: torch.tensor(mask[1:]) for name, mask in masks.items()}


JOBS: dict[str, Callable[[Sequence[str]], None]] = {"short": short, "long": long, "mix": mix, "gpu": gpu}


def main(names: list[str]) -> None:
    """Do the named jobs for the named networks, or all but the card's for all."""
    if wrong := set(names) - set(JOBS) - set(RECIPES):
        sys.exit(f"there is no {', '.join(sorted(wrong))}; there are {', '.join([*JOBS, *RECIPES])}.")
    torch.set_num_threads(1)
    networks = [name for name in RECIPES if name in names] or list(RECIPES)
    for name in [name for name in JOBS if name in names] or ("short", "long", "mix"):
        JOBS[name](networks)


if __name__ == "__main__":
    main(sys.argv[1:])
