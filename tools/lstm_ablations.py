"""What each gate of the LSTM is worth, and what its first bias is: whole trainings, for the tables of chapter 5.

    LMCORE_RECORD=1 python tools/lstm_ablations.py [VARIANT …]

Each variant is the ladder's LSTM with one thing changed, trained by the ladder's recipe with each of SEEDS. All of them
take about ten minutes of one core. Writes book/results/lstm_ablations.json; without LMCORE_RECORD the values are held
against it.
"""

import math
import sys
from dataclasses import replace
from functools import cache, partial
from statistics import fmean

import torch

from lmcore import LSTM, Village, evaluate, probe
from lmcore.corpora import corpus_version
from lmcore.data import Batch, rows_of
from lmcore.ladder import RUNGS, training_rows
from lmcore.results import record
from lmcore.train import train
from lmcore.village import Story

SEEDS = (0, 1)
STORIES, STORIES_SEED, TOGETHER = 2000, 2027, 8  # held out; TOGETHER stories are also read one after the other
OPEN = 30.0  # σ(30) is 1 in float32, and what weight decay leaves of 30 still is

VARIANTS = {
    "spread": "as the rung is: b_f from 0 to 5 over the units, b_i its negative",
    "one": "b_f = 1, b_i = 0",
    "no_forget": "f = 1 always, the cell of 1997",
    "no_input": "i = 1 always",
    "no_output": "o = 1 always",
    "coupled": "i = 1 - f always",
}


def hold_open(model: LSTM, gate: str) -> None:
    """Set one gate to 1 for good: no weights, a large bias, and a gradient of zero. The fused path stays in use."""
    H, block = model.config.hidden_size, model.cells[0].gates.index(gate)
    rows = slice(block * H, (block + 1) * H)

    def still(gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.clone()
        gradient[rows] = 0
        return gradient

    cell = model.cells[0]
    with torch.no_grad():
        for weight, value in ((cell.weight_ih, 0.0), (cell.weight_hh, 0.0), (cell.bias, OPEN)):
            weight[rows] = value
            weight.register_hook(still)


def couple(model: LSTM) -> None:
    """i = 1 - f for good: σ(-a) is 1 - σ(a), so i's weights are f's with the other sign, and so are their gradients."""
    H, cell = model.config.hidden_size, model.cells[0]
    assert cell.gates[:2] == ("i", "f")

    def opposite(gradient: torch.Tensor) -> torch.Tensor:
        both = gradient[H : 2 * H] - gradient[:H]
        return torch.cat([-both, both, gradient[2 * H :]])

    with torch.no_grad():
        for weight in (cell.weight_ih, cell.weight_hh, cell.bias):
            weight[:H] = -weight[H : 2 * H]
            weight.register_hook(opposite)


def train_variant(variant: str, seed: int) -> LSTM:
    """The rung's LSTM with the one change, trained by the rung's recipe; raises AssertionError if the change did not
    last."""
    rung = RUNGS["LSTM"]
    model = LSTM(replace(rung.config, gate_init="one") if variant == "one" else rung.config, seed=seed)
    if variant.startswith("no_"):
        hold_open(model, variant[3])
    elif variant == "coupled":
        couple(model)
    train(model, training_rows(seed), replace(rung.training, seed=seed))
    read = model.read_out(held_out()[1][0].inputs[:3])
    if variant.startswith("no_"):
        assert (read[variant[3]] == 1).all()
    elif variant == "coupled":
        assert torch.allclose(read["i"], 1 - read["f"], atol=1e-5)
    return model


def stories_and_rows(number: int, seed: int, together: int) -> tuple[list[Story], list[Batch]]:
    """Stories of the Village; they as rows of one story and as rows of so many `together`."""
    village = Village()
    stories = village.stories(number, seed)
    ids = [torch.tensor([0, *(village.tokenizer.ids[word] for word in story.words)]) for story in stories]
    cuts = [(n, range(0, number, n)) for n in (1, together)]
    return stories, [rows_of([torch.cat([*ids[i : i + n], torch.tensor([0])]) for i in starts]) for n, starts in cuts]


@cache
def held_out() -> tuple:
    """The stories, and both kinds of rows, each with the author's losses."""
    stories, rows = stories_and_rows(STORIES, STORIES_SEED, TOGETHER)
    return stories, *((part, evaluate(Village().author(), part)) for part in rows)


def measure(model: LSTM) -> dict[str, tuple[float, str]]:
    """name -> (value, unit): accuracies and excess over the stories, and the excess in the last story of a row."""
    stories, (alone, floor), (rows, floor_together) = held_out()
    found = {"excess": (evaluate(model, alone).excess_over(floor)[0], "bits per token")}
    excess = (evaluate(model, rows).losses - floor_together.losses) / math.log(2)
    last = (rows.inputs == 0).cumsum(1) == TOGETHER  # the targets of the row's last story
    found["excess_last"] = (excess[rows.mask & last].mean().item(), "bits per token")
    for phenomenon in ("agreement", "memory", "recall"):
        answers = probe(model, stories, phenomenon)
        found[phenomenon] = (100 * answers.accuracy, "%")
        if phenomenon == "memory":
            found["memory_far"] = (100 * answers.accuracy_by_distance[81], "%")
    return found


if __name__ == "__main__":
    note = partial(record, "lstm_ablations", data=corpus_version("village"), seeds=[*SEEDS, STORIES_SEED])
    for variant in sys.argv[1:] or VARIANTS:
        settings = {"variant": VARIANTS[variant], "training": repr(RUNGS["LSTM"].training), "stories": STORIES}
        runs = [measure(train_variant(variant, seed)) for seed in SEEDS]
        for name, (_, unit) in runs[0].items():
            values = [run[name][0] for run in runs]
            spread = max(values) - min(values)
            note(f"{variant}.{name}", fmean(values), unit, spread=spread, by_seed=values, config=settings)
            print(f"{variant}.{name}: {', '.join(f'{value:.3f}' for value in values)} {unit}", flush=True)
