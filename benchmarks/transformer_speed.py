"""Our GPT against transformers' GPT-2 with the same weights: writing with a cache, and a training step. One core.

    OMP_NUM_THREADS=1 python benchmarks/transformer_speed.py

Prints ratios of processor time, theirs / ours (above 1: ours is faster), as the median of interleaved pairs; whether
the same tokens came out; what a token costs, and its products with the weights alone, which nothing that writes token
by token can do without; and the cost of a token against the length read so far, which a cache keeps flat.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import statistics
import tempfile
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel, utils

from lmcore import GPT, GPTConfig, generate

SIZES = {"n_layer": 4, "n_head": 4}
WIDTH, VOCAB, CONTEXT, NEW = 128, 65, 256, 200


def models():
    """transformers' GPT-2 with random weights, and ours read from its files."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=CONTEXT, n_embd=WIDTH, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        bos_token_id=0, eos_token_id=0, **SIZES,
    )  # fmt: skip
    theirs = GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in theirs.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.15)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        return theirs, GPT.from_gpt2(folder)


def seconds(call) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def ratio(theirs, ours, repeats: int) -> float:
    """The median of theirs / ours over pairs taken in turn, after one of each to warm up."""
    theirs(), ours()
    return statistics.median(seconds(theirs) / seconds(ours) for _ in range(repeats))


def writing(theirs, ours) -> None:
    theirs.eval(), ours.eval()
    for B, aim in ((1, 3.0), (16, 1.5)):
        prompt = torch.randint(VOCAB, (B, 8), generator=torch.Generator().manual_seed(B))
        there = torch.ones_like(prompt)

        def write_theirs(prompt=prompt, there=there):
            return theirs.generate(
                prompt, attention_mask=there, max_new_tokens=NEW, do_sample=False, eos_token_id=None, use_cache=True
            )[:, 8:]

        def write_ours(prompt=prompt):
            return generate(ours, prompt, max_tokens=NEW, temperature=0).tokens

        same = torch.equal(write_theirs(), write_ours())
        print(f"writing {NEW} tokens, B = {B:2}: {ratio(write_theirs, write_ours, 5):.2f} × (aim {aim}), same: {same}")


def training(theirs, ours) -> None:
    tokens = torch.randint(VOCAB, (16, 129), generator=torch.Generator().manual_seed(1))
    theirs.train(), ours.train()

    def step_theirs():
        theirs.zero_grad()
        logits = theirs(tokens[:, :-1]).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()

    def step_ours():
        ours.zero_grad()
        (-ours.score(tokens[:, :-1], tokens[:, 1:])[0].mean()).backward()

    print(f"a training step, 16 × 128 tokens: {ratio(step_theirs, step_ours, 9):.2f} × (aim 1.0)")


@torch.no_grad()
def cost_of_a_token(model) -> None:
    maps = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    vectors = [torch.randn(1, part.in_features) for part in maps]

    def products():
        for part, x in zip(maps, vectors, strict=True):
            torch.nn.functional.linear(x, part.weight)

    write, _ = begin(model)
    one = torch.zeros(1, 1, dtype=torch.long)
    token, bare = (1e6 * median_seconds(call, NEW) for call in (lambda: write(one), products))
    print(f"a token, B = 1: {token:.0f} µs, of which {bare:.0f} µs would be its {len(maps)} products alone")


@torch.no_grad()
def cost_by_length() -> None:
    model = GPT(GPTConfig(vocab_size=VOCAB, context_length=CONTEXT, d_model=WIDTH, **SIZES)).eval()
    write, read = begin(model)
    one = torch.zeros(1, 1, dtype=torch.long)
    for _ in range(50):  # to warm up
        begin(model)[0](one)
    costs = [median_seconds(lambda: write(one), 50) for _ in range(10)]
    lengths = f"{read}, {read + 50}, … {read + 450}"
    print(f"cost of a token after {lengths}, the first as 1:", *(f"{cost / costs[0]:.2f}" for cost in costs))


def begin(model):
    """What `generate` reads its tokens with, after a prompt, and how long that was."""
    prompt = torch.zeros(1, 8, dtype=torch.long)
    _, state = model(prompt)
    return model.writer(state, 2 * CONTEXT), prompt.shape[1]


def median_seconds(call, repeats: int) -> float:
    return statistics.median(seconds(call) for _ in range(repeats))


if __name__ == "__main__":
    torch.set_num_threads(1)
    utils.logging.set_verbosity_error()
    utils.logging.disable_progress_bar()
    pair = models()
    writing(*pair)
    training(*pair)
    cost_of_a_token(pair[1].eval())
    cost_by_length()
