"""What a training run is told, `TrainConfig`, and what it tells afterwards, `History`."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from lmcore.runtime import check_seed


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. Everything that the result depends on is here, but for the model, the data and the
    runtime's threads and precision.

    steps, rows, length   so many steps, each on a batch of `rows` rows of `length` tokens
    phases                instead of `steps`: ((steps, rows, length), …) one after the other; the memory that is carried
                          begins anew with each
    optimizer             "adamw" (Loshchilov & Hutter 2019), or "muon" (Jordan 2024) for the hidden matrices with
                          AdamW for the rest
    learning_rate         AdamW's
    muon_learning_rate    Muon's
    betas, weight_decay   AdamW's decay rates of its two averages; the share of each weight lost at rate 1 (both)
    warmup                steps over which the rates rise linearly
    decay                 the last share of all steps, over which they fall linearly to 0
    clip                  the gradient's norm is cut to this (Pascanu et al. 2013); math.inf never cuts
    evaluate_every        steps between evaluations of the held-out data; 0: at the end alone
    patience              stop after so many evaluations in a row without a new best; 0: never
    seed                  draws the batches and what dropout zeroes

    Raises ValueError for values outside these.
    """

    steps: int = 0
    rows: int = 32
    length: int = 64
    phases: tuple[tuple[int, int, int], ...] = ()
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 5e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    warmup: int = 50
    decay: float = 0.35
    clip: float = 1.0
    evaluate_every: int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self):
        if bool(self.steps) == bool(self.phases):
            raise ValueError("give either steps or phases, ((steps, rows, length), …): one of the two.")
        for phase in self.schedule:
            if len(phase) != 3 or not all(isinstance(n, int) and n >= 1 for n in phase):
                raise ValueError(f"a phase is three whole numbers of at least 1, (steps, rows, length), not {phase}.")
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f'optimizer must be "adamw" or "muon", not {self.optimizer!r}.')
        for name in ("learning_rate", "muon_learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}.")
        if not math.isfinite(self.learning_rate + self.muon_learning_rate):
            raise ValueError("a learning rate must be finite.")
        if not (len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)):
            raise ValueError(f"betas must be two numbers of at least 0 and below 1, not {self.betas}.")
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the steps, 0 to 1, not {self.decay}.")
        for name in ("weight_decay", "warmup", "evaluate_every", "patience"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}.")
        check_seed(self.seed)

    @property
    def schedule(self) -> tuple[tuple[int, int, int], ...]:
        """The phases, whichever way they were given."""
        return self.phases or ((self.steps, self.rows, self.length),)

    @property
    def total_steps(self) -> int:
        return sum(steps for steps, _, _ in self.schedule)

    def evaluates_after(self, steps: int) -> bool:
        """Whether the held-out data are evaluated after so many steps, the end aside."""
        return self.evaluate_every > 0 and steps % self.evaluate_every == 0

    def rate(self, step: int) -> float:
        """The share of the learning rates used at a step, counted from 0."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = min(1.0, (self.total_steps - step) / (self.decay * self.total_steps)) if self.decay else 1.0
        return rise * fall

    def phase_of(self, step: int) -> tuple[int, int, int]:
        """(the step's number within its phase, rows, length)"""
        for steps, rows, length in self.schedule:
            if step < steps:
                return step, rows, length
            step -= steps
        raise ValueError(f"there is no step {step} after the last.")


class HeldOut(NamedTuple):
    """One evaluation of the held-out data: after how many steps and processor seconds of training, and the loss."""

    step: int
    seconds: float
    nats: float


@dataclass(frozen=True)
class History:
    """What happened in a training run.

    losses, gradient_norms   of each step: mean nats per token of its batch before the update, and the length of the
                             whole gradient before it is cut
    held_out                 the evaluations, in order
    best_step                the evaluation whose weights the model has now; 0 without held-out data (it has the last)
    tokens, seconds          how many tokens were read in training, and processor seconds without the evaluations
    """

    losses: tuple[float, ...]
    gradient_norms: tuple[float, ...]
    held_out: tuple[HeldOut, ...]
    best_step: int
    tokens: int
    seconds: float

    def __str__(self) -> str:
        recent = self.losses[-50:]
        line = f"{len(self.losses):,} steps: {sum(recent) / len(recent):.2f} nats a token in training"
        if self.held_out:
            best = min(self.held_out, key=lambda entry: entry.nats)
            line += f", {best.nats:.2f} held out"
        return line
