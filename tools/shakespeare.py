"""Tiny Shakespeare by the character: the short recipes, the long run, and both mixed with counting.

    LMCORE_RECORD=1 python tools/shakespeare.py [short] [long] [mix]        all three if none is named

All losses are nats a character over the complete last tenth of the text, read as one stream. Writes
book/results/shakespeare.json; without LMCORE_RECORD the values are held against the committed ones.
short   RNN, LSTM and GRU with three seeds and chapter 3's 7-gram, in a minute and a half of one core
long    one run of half an hour and more of one core, in bfloat16. It is kept in a file of the cache folder
        (LMCORE_CACHE), goes on from there if it was stopped, and takes a moment if it is done
mix     p = λ p_LSTM + (1 - λ) p_7-gram, by both the short and the long LSTM, and at which characters it gains. The λ of
        each half of the held-out text is the best one of the other half, so no character helps to choose its own weight

The settings were sought on the last tenth of the training part; those of the short recipes were settled by a few runs
on the held-out tenth itself. A run ends with the weights of its best evaluation, which was the last each time.
"""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from statistics import fmean

import torch

from lmcore import CharTokenizer, LanguageModel, NGram, NGramConfig, load_corpus, token_losses
from lmcore.corpora import corpus_version
from lmcore.data import split
from lmcore.results import record, settings_hash
from lmcore.shakespeare import LONG, RECIPES, Recipe
from lmcore.train import History

SEEDS = (0, 1, 2)
ORDER = 7
MARK = 1.88  # nanoGPT's recipe for a laptop's processor, in nats

text, held_text = split(load_corpus("tinyshakespeare"))
tokenizer = CharTokenizer.fit(text)
tokens, held_out = tokenizer.encode(text), tokenizer.encode(held_text)
note = partial(record, "shakespeare", data=corpus_version("tinyshakespeare"))


def settings(recipe: Recipe) -> dict[str, str]:
    """What a value depends on, as one hash: it changes with every setting of the recipe."""
    return {"recipe": settings_hash("", {"model": repr(recipe.config), "training": repr(recipe.training)})}


@cache
def counted() -> tuple[NGram, float]:
    """Chapter 3's best n-gram, and the processor seconds that counting took."""
    began = time.process_time()
    model = NGram(NGramConfig(order=ORDER, vocab_size=tokenizer.vocab_size)).fit(tokens)
    return model, time.process_time() - began


@cache
def learned_briefly(name: str, seed: int) -> tuple[LanguageModel, History]:
    recipe = RECIPES[name]
    return recipe.train(tokens, tokenizer.vocab_size, seed)


@cache
def learned_long() -> tuple[LanguageModel, History]:
    import pooch

    folder = Path(os.environ.get("LMCORE_CACHE") or pooch.os_cache("lmcore"))
    folder.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("LMCORE_PRECISION")
    os.environ["LMCORE_PRECISION"] = "bfloat16"
    try:
        kept = {"checkpoint": folder / "shakespeare_long.run", "checkpoint_every": 50}
        return LONG.train(tokens, tokenizer.vocab_size, held_out=held_out, **kept)
    finally:
        os.environ.pop("LMCORE_PRECISION")
        if before is not None:
            os.environ["LMCORE_PRECISION"] = before


def size(model: LanguageModel) -> int:
    return sum(weight.numel() for weight in model.parameters())


def short() -> None:
    model, seconds = counted()
    nats = token_losses(model, held_out).mean().item()
    note("ngram7.nats", nats, "nats/character", config={"order": ORDER}, seconds=seconds)
    print(f"7-gram: {nats:.3f} nats, {seconds:.1f} s")
    for name, recipe in RECIPES.items():
        runs = [learned_briefly(name, seed) for seed in SEEDS]
        each = [token_losses(model, held_out).mean().item() for model, _ in runs]
        seconds = fmean(history.seconds for _, history in runs)
        put = partial(note, config=settings(recipe), seeds=SEEDS)
        put(
            f"{name}.short.nats",
            fmean(each),
            "nats/character",
            spread=max(each) - min(each),
            by_seed=each,
            seconds=seconds,
        )
        put(f"{name}.short.weights", size(runs[0][0]), "weights")
        print(name, [round(nats, 3) for nats in each], f"{seconds:.1f} s", flush=True)
    recipe = RECIPES["LSTM"]
    _, history = recipe.train(tokens, tokenizer.vocab_size, held_out=held_out)
    curve("LSTM.short", history, recipe)


def curve(name: str, history: History, recipe: Recipe) -> None:
    """The held-out loss after so many steps, with the processor seconds that they took."""
    for step, seconds, nats in history.held_out:
        put = partial(note, config=settings(recipe), seeds=[0], seconds=seconds)
        put(f"{name}.curve.{step}", nats, "nats/character", tolerance=0.05)
    reached = [seconds for _, seconds, nats in history.held_out if nats <= MARK]
    print(name, f"is at {MARK} or below after {min(reached):.1f} s" if reached else f"does not reach {MARK}")


def long() -> None:
    model, history = learned_long()
    nats = token_losses(model, held_out).mean().item()
    put = partial(note, config=settings(LONG), seeds=[0])
    put("LSTM.long.nats", nats, "nats/character", seconds=history.seconds)
    put("LSTM.long.training_nats", fmean(history.losses[-200:]), "nats/character")
    put("LSTM.long.weights", size(model), "weights")
    put("LSTM.long.passes", history.tokens / len(tokens), "passes through the text")
    put("LSTM.long.best_step", history.best_step, "steps")
    curve("LSTM.long", history, LONG)
    print(f"long: {nats:.4f} nats, {history.seconds:.0f} s, best after step {history.best_step}")


def mixed(network: torch.Tensor, counts: torch.Tensor, weight: float) -> torch.Tensor:
    """Losses of the mixture from the losses of both, all (N,), in nats."""
    parts = torch.stack([network - torch.tensor(weight).log(), counts - torch.tensor(1 - weight).log()])
    return -torch.logsumexp(-parts, 0)


def best_weight(network: torch.Tensor, counts: torch.Tensor) -> float:
    return min((i / 100 for i in range(1, 100)), key=lambda weight: mixed(network, counts, weight).mean().item())


def mix() -> None:
    counts = token_losses(counted()[0], held_out)
    networks = {
        "short": (token_losses(learned_briefly("LSTM", 0)[0], held_out), RECIPES["LSTM"]),
        "long": (token_losses(learned_long()[0], held_out), LONG),
    }
    middle = len(counts) // 2
    halves = slice(None, middle), slice(middle, None)
    where = groups()
    for group, chosen in where.items():
        note(f"at.{group}.characters", int(chosen.sum()), "characters")
        note(f"at.{group}.ngram7", counts[chosen].mean().item(), "nats/character", config={"order": ORDER})
    for name, (network, recipe) in networks.items():
        weights = [best_weight(network[half], counts[half]) for half in halves]
        both = torch.cat([mixed(network[half], counts[half], weights[1 - i]) for i, half in enumerate(halves)])
        put = partial(note, config={"order": ORDER} | settings(recipe), seeds=[0])
        put(f"mix.{name}.nats", both.mean().item(), "nats/character")
        put(f"mix.{name}.weight", fmean(weights), "share of the LSTM", tolerance=0.15)
        put(f"LSTM.{name}.behind", 100 * (counts < network).double().mean().item(), "%", tolerance=0.05)
        print(f"{name}: LSTM {network.mean():.4f}, 7-gram {counts.mean():.4f}, mixed {both.mean():.4f}, λ {weights}")
        for group, chosen in where.items():
            alone, together = network[chosen].mean().item(), both[chosen].mean().item()
            put(f"at.{group}.LSTM.{name}", alone, "nats/character", tolerance=0.05)
            put(f"at.{group}.mix.{name}", together, "nats/character", tolerance=0.05)
            counted_alone = counts[chosen].mean().item()
            print(f"  {group:10} 7-gram {counted_alone:.3f}, LSTM {alone:.3f}, mixed {together:.3f}")


def groups() -> dict[str, torch.Tensor]:
    """Kinds of held-out characters, each a mask (N - 1,) over the characters that are predicted.

    speaker                 the lines that name who speaks, colon and line break included
    first, second, later    the place of a letter in its word, in the lines that are spoken
    between                 spaces, line breaks and marks between the words, there
    unseen, rare, common    letters of words that the training part has never, at most five times, more often
    """
    kind = ["between"] * len(held_text)
    found = [""] * len(held_text)
    known = Counter(re.findall(r"[a-z']+", text.lower()))
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


JOBS: dict[str, Callable[[], None]] = {"short": short, "long": long, "mix": mix}


def main(names: list[str]) -> None:
    """Do the named jobs, or all of them."""
    if wrong := set(names) - set(JOBS):
        sys.exit(f"there is no {', '.join(sorted(wrong))}; there are {', '.join(JOBS)}.")
    torch.set_num_threads(1)
    for name in names or JOBS:
        JOBS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
