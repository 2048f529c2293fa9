"""The bottleneck: English into French with and without attention, by the length of the sentence, for chapter 7a.

    LMCORE_RECORD=1 python tools/bottleneck.py [ATTENTION …]

Each Seq2Seq is trained with each of SEEDS on distinct sentences of the Village, and translates PER_LENGTH distinct
sentences of each range of LENGTHS, taken from other stories; none of these is among the training sentences. A
translation is right if it has every word. The hidden sizes are chosen so that all three have equally many weights. All
of them take about seven minutes of one core. Writes book/results/bottleneck.json; without LMCORE_RECORD the values are
held against it.
"""

import sys
from functools import cache, partial
from statistics import fmean

import numpy as np
import torch

from lmcore import Seq2Seq, Seq2SeqConfig, Village, WordTokenizer, generate
from lmcore.corpora import corpus_version
from lmcore.data import Pairs
from lmcore.results import record
from lmcore.source import pad_sources
from lmcore.train import TrainConfig, train

SEEDS = (0, 1, 2)
STORIES, TEST_STORIES, TEST_SEED = 8000, 2000, 2027
LENGTHS = ((3, 5), (6, 8), (9, 11), (12, 15), (16, 22))  # English words, the full stop among them
PER_LENGTH = 200
HIDDEN = {"none": 116, "dot": 96, "additive": 96}
TRAINING = TrainConfig(steps=700, rows=64, length=30, optimizer="muon", learning_rate=1e-2, muon_learning_rate=0.01)

Sentences = list[tuple[str, str]]


def sentences(stories: int, seed: int) -> Sentences:
    """The distinct sentences of some stories, in English and in French, in the order of their first occurrence."""
    return list(dict.fromkeys(pair for story in Village().stories(stories, seed) for pair in story.sentences("french")))


@cache
def test_sentences(seed: int = TEST_SEED) -> list[Sentences]:
    """PER_LENGTH sentences for each range of LENGTHS, drawn from the distinct ones."""
    draw, found = np.random.default_rng(seed), sentences(TEST_STORIES, seed)
    fit = [[pair for pair in found if low <= len(pair[0].split()) <= high] for low, high in LENGTHS]
    return [[some[i] for i in draw.permutation(len(some))[:PER_LENGTH]] for some in fit]


def train_model(attention: str, seed: int, tests: list[Sentences]) -> tuple[Seq2Seq, WordTokenizer, float]:
    """A model that has seen none of `tests`, the words of its French, and its processor seconds."""
    kept = set().union(*tests)
    pairs = [pair for pair in sentences(STORIES, 100 + seed) if pair not in kept]
    english, french = Village().tokenizer, WordTokenizer.fit(" ".join(f for _, f in pairs), special_tokens=["<s>"])
    sources = [english.encode(e) for e, _ in pairs]
    targets = [french.encode(f"<s> {f} <s>", allow_special=True) for _, f in pairs]
    config = Seq2SeqConfig(
        vocab_size=french.vocab_size,
        source_vocab_size=english.vocab_size,
        hidden_size=HIDDEN[attention],
        attention=attention,
    )
    model = Seq2Seq(config, seed=seed)
    return model, french, train(model, Pairs(sources, targets), TRAINING).seconds


def translate(model: Seq2Seq, french: WordTokenizer, english: list[str]) -> list[str]:
    """The likeliest word at each step, up to <s>."""
    state = model.read(pad_sources([Village().tokenizer.encode(e) for e in english]))
    begin = torch.full((len(english), 1), french.ids["<s>"])
    out = generate(model, begin, state=state, max_tokens=40, stop=[french.ids["<s>"]], temperature=0)
    return [french.decode(row[: n - 1]) for row, n in zip(out.tokens, out.lengths.tolist(), strict=True)]


def accuracies(model: Seq2Seq, french: WordTokenizer, tests: list[Sentences]) -> list[float]:
    """The share of right translations in each of `tests`, in per cent."""
    found = []
    for some in tests:
        english, expected = zip(*some, strict=True)
        written = translate(model, french, list(english))
        found.append(100 * fmean(a == b for a, b in zip(written, expected, strict=True)))
    return found


if __name__ == "__main__":
    note = partial(record, "bottleneck", data=corpus_version("village"))
    for attention in sys.argv[1:] or HIDDEN:
        runs = []
        for seed in SEEDS:
            model, french, seconds = train_model(attention, seed, test_sentences())
            runs.append([*accuracies(model, french, test_sentences()), seconds])
            print(attention, seed, *(f"{value:.1f}" for value in runs[-1]), flush=True)
        weights = sum(weight.numel() for weight in model.parameters())
        settings = {"attention": attention, "hidden_size": HIDDEN[attention], "training": repr(TRAINING)}
        note(f"{attention}.weights", weights, "weights", config=settings, tolerance=0.01)
        by_length = list(zip(*runs, strict=True))[:-1]
        for (low, high), values in zip(LENGTHS, by_length, strict=True):
            note(
                f"{attention}.{low}_{high}",
                fmean(values),
                "%",
                spread=max(values) - min(values),
                by_seed=values,
                seeds=[*SEEDS, TEST_SEED],
                seconds=fmean(run[-1] for run in runs),
                config=settings | {"sentences": PER_LENGTH},
                tolerance=0.2 if attention == "none" else 0.03,
            )
        means = [fmean(values) for values in by_length]
        if attention == "none":
            assert means[1] > means[2] > means[3] > means[4], "the fall grows with length"
        else:
            assert max(means) - min(means) < 3, "no fall"
