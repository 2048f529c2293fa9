"""What each part of the Transformer is worth: short trainings without it, for the tables of chapter 8a.

    LMCORE_RECORD=1 python tools/transformer_ablations.py [VARIANT …]

A variant is one thing changed. WIDE are changes of the book's small GPT, DEEP of a narrow one with four times as many
layers and heavier first weights, in which norm and residual connection matter more. All of them, with each of SEEDS,
take about ten minutes of one core. Writes book/results/transformer_ablations.json; without LMCORE_RECORD the values
are held against it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from statistics import fmean

import torch
from lstm_ablations import stories_and_rows
from torch import nn

from lmcore import GPT, GPTConfig, TrainConfig, Village, evaluate, probe
from lmcore.corpora import corpus_version
from lmcore.evaluate import Evaluation
from lmcore.ladder import V, training_rows
from lmcore.results import record
from lmcore.train import TrainingDiverged, train
from lmcore.transformer import Block

SEEDS = (0, 1)
STORIES, STORIES_SEED, TOGETHER = 400, 2027, 4  # held out; TOGETHER stories are also read one after the other
LENGTH = 128  # of a row in training

WIDE = GPTConfig(vocab_size=V)
WIDE_TRAINING = TrainConfig(
    steps=300, rows=16, length=LENGTH, optimizer="muon", muon_learning_rate=5e-3, learning_rate=1e-2
)
DEEP = GPTConfig(vocab_size=V, n_layer=8, d_model=32)
DEEP_TRAINING = TrainConfig(steps=200, rows=16, length=64, learning_rate=1e-2)


class NoResidual(Block):
    """A block whose parts replace what they read instead of being added to it."""

    def _after(self, x: torch.Tensor, part: torch.Tensor, norm: nn.Module) -> torch.Tensor:
        return part if self.pre else norm(part)


class OneMap(nn.Module):
    """ReLU(Linear(x)), which with the residual connection is ReLU(Linear(x)) + x: mistake 7."""

    def __init__(self, d_model: int):
        super().__init__()
        self.up = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(x).relu()


def no_feed_forward(model: GPT, generator: torch.Generator) -> None:
    """A part whose last matrix is zero, and stays so, adds nothing."""
    for block in model.decoder.blocks:
        nn.init.zeros_(block.feed_forward.down.weight)
        block.feed_forward.down.weight.register_hook(torch.zeros_like)


def no_residual(model: GPT, generator: torch.Generator) -> None:
    model.decoder.blocks = nn.ModuleList(NoResidual(model.config) for _ in model.decoder.blocks)
    model.decoder.initialise(generator)


def no_norm(model: GPT, generator: torch.Generator) -> None:
    for block in model.decoder.blocks:
        block.norm_attend = block.norm_feed_forward = nn.Identity()
    model.decoder.norm = nn.Identity()


def one_map(model: GPT, generator: torch.Generator) -> None:
    for block in model.decoder.blocks:
        block.feed_forward = OneMap(model.config.d_model)
    model.decoder.initialise(generator)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change: of the configuration, of the training, or of the model once it is made."""

    about: str
    deep: bool = False
    config: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    change: Callable[[GPT, torch.Generator], None] | None = None


VARIANTS = {
    "whole": Variant(about="nothing: ALiBi, RMSNorm before each part, GELU, four heads"),
    "no_feed_forward": Variant(about="no feed-forward network", change=no_feed_forward),
    "no_residual": Variant(about="no residual connection", change=no_residual),
    "no_norm": Variant(about="no norm", change=no_norm),
    "no_positions": Variant(about="no positions", config={"positions": "none"}),
    "sinusoidal": Variant(about="sinusoidal positions", config={"positions": "sinusoidal"}),
    "learned": Variant(about="learned positions", config={"positions": "learned"}),
    "rotary": Variant(about="rotary positions", config={"positions": "rotary"}),
    "post": Variant(about="the norm after each part", config={"norm_place": "post"}),
    "relu": Variant(about="ReLU", config={"activation": "relu"}),
    "swiglu": Variant(about="SwiGLU, as many weights", config={"activation": "swiglu", "d_ff": 171}),
    "one_map": Variant(about="ReLU(Linear(x)) + x", change=one_map),
    "one_head": Variant(about="one head", config={"n_head": 1}),
    "deep": Variant(about="nothing: the norm before each part", deep=True),
    "deep_cold": Variant(about="no warm-up", deep=True, training={"warmup": 0}),
    "deep_post": Variant(about="the norm after each part", deep=True, config={"norm_place": "post"}),
    "deep_post_cold": Variant(
        about="the norm after each part, no warm-up", deep=True, config={"norm_place": "post"}, training={"warmup": 0}
    ),
    "deep_post_slow": Variant(
        about="the norm after each part, a third of the rate",
        deep=True,
        config={"norm_place": "post"},
        training={"learning_rate": 3e-3},
    ),
    "deep_post_slow_cold": Variant(
        about="the norm after each part, a third of the rate, no warm-up",
        deep=True,
        config={"norm_place": "post"},
        training={"learning_rate": 3e-3, "warmup": 0},
    ),
    "deep_no_residual": Variant(about="no residual connection", deep=True, change=no_residual),
    "deep_no_norm": Variant(about="no norm", deep=True, change=no_norm),
}


def settings(variant: Variant) -> tuple[GPTConfig, TrainConfig]:
    config, training = (DEEP, DEEP_TRAINING) if variant.deep else (WIDE, WIDE_TRAINING)
    return replace(config, **variant.config), replace(training, **variant.training)


def train_variant(variant: Variant, seed: int) -> GPT:
    config, training = settings(variant)
    model = GPT(config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    if variant.change:
        variant.change(model, generator)
    if variant.deep:
        nn.init.normal_(model.decoder.embedding.weight, generator=generator)
        for weight in model.decoder.matrices():
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5, generator=generator)
    train(model, training_rows(seed), replace(training, seed=seed), progress=False)
    return model


@cache
def held_out() -> tuple:
    """The stories; rows of one story and of TOGETHER, cut to the context; the author's losses on both."""
    stories, rows = stories_and_rows(STORIES, STORIES_SEED, TOGETHER)
    rows = [part._replace(**{name: getattr(part, name)[:, : WIDE.context_length] for name in part._fields[:3]})
            for part in rows]  # fmt: skip
    return stories, *((part, evaluate(Village().author(), part)) for part in rows)


def measure(model: GPT) -> dict[str, tuple[float, str]]:
    """name -> (value, unit). `beyond` is the excess of tokens that stand farther on than any did in training."""
    stories, (alone, floor), (rows, floor_together) = held_out()
    found = {"excess": (evaluate(model, alone).excess_over(floor)[0], "bits per token")}
    later = rows.mask & (torch.arange(rows.mask.shape[1]) >= LENGTH)
    both = [evaluate_part(losses, later) for losses in (evaluate(model, rows), floor_together)]
    found["beyond"] = (both[0].excess_over(both[1])[0], "bits per token")
    for phenomenon in ("agreement", "memory", "recall"):
        found[phenomenon] = (100 * probe(model, stories, phenomenon).accuracy, "%")
    return found


def evaluate_part(whole: Evaluation, mask: torch.Tensor) -> Evaluation:
    return Evaluation(torch.where(mask, whole.losses, 0.0), mask)


def train_and_measure(variant: Variant, seed: int) -> dict[str, tuple[float, str]]:
    """See `measure`; {"diverged": …} alone if the loss became infinite."""
    try:
        model = train_variant(variant, seed)
    except TrainingDiverged as error:
        print(error)
        return {"diverged": (1.0, "of 1")}
    return measure(model)


def note_spread(spreads: list[float]) -> None:
    """How far apart the seeds of one WIDE variant are at most: what a difference must exceed to mean anything."""
    about = {"model": repr(WIDE), "training": repr(WIDE_TRAINING), "stories": STORIES}
    note("spread_wide", max(spreads), "bits per token", config=about)


note = partial(record, "transformer_ablations", data=corpus_version("village"), seeds=[*SEEDS, STORIES_SEED])

if __name__ == "__main__":
    spreads = []
    for name in sys.argv[1:] or VARIANTS:
        variant = VARIANTS[name]
        config, training = settings(variant)
        about = {"variant": variant.about, "model": repr(config), "training": repr(training), "stories": STORIES}
        runs = [train_and_measure(variant, seed) for seed in SEEDS]
        for measured, (_, unit) in runs[0].items():
            values = [run[measured][0] for run in runs]
            spread = max(values) - min(values)
            note(f"{name}.{measured}", fmean(values), unit, spread=spread, by_seed=values, config=about)
            print(f"{name}.{measured}: {', '.join(f'{value:.3f}' for value in values)} {unit}", flush=True)
            if measured == "excess" and not variant.deep:
                spreads.append(spread)
    if not sys.argv[1:]:
        note_spread(spreads)
