"""How fast a network learns Tiny Shakespeare by the character: held-out loss against processor seconds of one core.

    python benchmarks/shakespeare_speed.py [SEED …]        seeds 0, 1 and 2 if none is given; some minutes in all

First 90 % of the text to learn from, the complete last 10 % to score, read as one stream. The seconds are those of
training alone; the evaluations between are not counted. The line to beat is chapter 3's 7-gram, which only counts.
The mark is 1.88 nats, which nanoGPT's README gives for its laptop recipe: four layers of width 128, 2,000 steps of
12 × 64 characters. What those steps cost is measured here too: a few of them, before each of our runs, with a GPT of
that shape and with AdamW. Its evaluations are not counted either.
"""

import sys
import time
from collections.abc import Sequence

import torch

from lmcore import GPT, CharTokenizer, GPTConfig, NGram, NGramConfig, TrainConfig, evaluate, load_corpus, train
from lmcore.data import Rows, split
from lmcore.shakespeare import RECIPES
from lmcore.train_config import HeldOut

MARK = 1.88
NANOGPT = {"n_layer": 4, "d_model": 128, "context_length": 64, "positions": "learned", "norm": "layernorm",
           "tie_embeddings": True}  # fmt: skip
NANOGPT_STEPS, SAMPLE = 2000, 30
RATIOS = {"LSTM": 25, "GPT": 8}  # at least so much faster
WIDTH = 56  # of the drawing, from 1.4 to 4.2 nats


def bar(nats: float, line: float) -> str:
    """A loss as a row of dashes to its point; | is the 7-gram's line."""
    at, mark = (round((value - 1.4) / (4.2 - 1.4) * WIDTH) for value in (min(nats, 4.2), line))
    return "".join("*" if i == at else "|" if i == mark else "-" if i < at else " " for i in range(WIDTH + 1))


def reached(curve: Sequence[HeldOut]) -> float | None:
    """The seconds of the first evaluation at or under the mark."""
    return min((point.seconds for point in curve if point.nats <= MARK), default=None)


def nanogpt_seconds(tokens: torch.Tensor, vocab_size: int) -> float:
    """The processor seconds of all its steps, from a few after the first two."""
    taken = []
    for steps in (2, 2 + SAMPLE):
        config = TrainConfig(steps=steps, rows=12, length=64)
        model = GPT(GPTConfig(vocab_size=vocab_size, **NANOGPT))
        taken.append(train(model, Rows(tokens), config, progress=False).seconds)
    return (taken[1] - taken[0]) / SAMPLE * NANOGPT_STEPS


def main(seeds: list[int]) -> None:
    torch.set_num_threads(1)
    text, held_text = split(load_corpus("tinyshakespeare"))
    tokenizer = CharTokenizer.fit(text)
    tokens, held_out = tokenizer.encode(text), tokenizer.encode(held_text)
    began = time.process_time()
    ngram = NGram(NGramConfig(order=7, vocab_size=tokenizer.vocab_size)).fit(tokens)
    seconds = time.process_time() - began
    line = evaluate(ngram, held_out).nats_per_token
    print(f"7-gram: {line:.3f} nats after {seconds:.1f} s of counting; |, the line to beat", flush=True)
    for name, recipe in RECIPES.items():
        for seed in seeds:
            theirs = nanogpt_seconds(tokens, tokenizer.vocab_size)
            model, history = recipe.train(tokens, tokenizer.vocab_size, seed, held_out=held_out, progress=False)
            if seed == seeds[0]:
                weights = sum(weight.numel() for weight in model.parameters())
                print(f"{name}, {weights:,} weights, {history.tokens / history.seconds:,.0f} characters a second")
                for point in history.held_out:
                    print(f"  {point.seconds:6.2f} s  {point.nats:.3f} {bar(point.nats, line)}")
            found, last = reached(history.held_out), history.held_out[-1]
            end = f"  seed {seed}: {last.nats:.3f} nats after {last.seconds:.2f} s"
            if found is None:
                print(f"{end}; {MARK} is not reached")
            else:
                least = f"    (at least {RATIOS[name]})" if name in RATIOS else ""
                print(f"{end}; {MARK} after {found:.2f} s, nanoGPT's {theirs:.0f} s / ours {theirs / found:.1f}{least}")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
