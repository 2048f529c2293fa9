"""What the page "The ladder" shows: tables and a figure, made from book/results/ladder.json while the book is built."""

import io
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt

from lmcore import plot

LADDER = Path(__file__).resolve().parents[1] / "book" / "results" / "ladder.json"

# The models in the order of the climb, and what the page calls them; one that has no rows yet is left out.
NAMES = {
    "uniform": "uniform",
    "unigram": "unigram",
    **{f"ngram{n}": f"{n}\N{NON-BREAKING HYPHEN}gram" for n in range(2, 7)},
    "RNN": "RNN",
    "LSTM": "LSTM",
    "GRU": "GRU",
    "LSTM_long": "LSTM, 4 × the steps",
    "GRU_long": "GRU, 4 × the steps",
}
DRAWN = {"ngram6": "n-gram", "RNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}  # and the family that gives the colour
CHANCE = {"agreement": 1 / 2, "memory": 1 / 6, "recall": 1 / 12}
HARD = "\N{NO-BREAK SPACE}"  # a space at which no cell breaks
DOT = f"{HARD}·{HARD}"  # between the seeds


class Curve(NamedTuple):
    """What `plot.by_distance` draws."""

    accuracy_by_distance: dict[int, float]


def rows() -> dict[str, dict]:
    """The committed rows by name."""
    return json.loads(LADDER.read_text(encoding="utf-8"))


def models(ladder: dict[str, dict], row: str) -> list[str]:
    """The models that have such a row, in the order of the climb."""
    return [name for name in NAMES if f"{name}.{row}" in ladder]


def groups(ladder: dict[str, dict], row: str) -> dict[int, str]:
    """The groups of `row` by their lowest value and as words: distances as ranges, numbers of facts as they are."""
    lows = sorted(int(name.rpartition(".")[2]) for name in ladder if name.startswith(f"author.words.{row}."))
    if row.endswith("_facts"):
        return {low: f"{low}" for low in lows}
    return {low: f"{low}–{after - 1}" for low, after in pairwise(lows)} | {lows[-1]: f"{lows[-1]}+"}


def seeds(row: dict, digits: int) -> str:
    """What each seed gave."""
    return DOT.join(f"{value:.{digits}f}" for value in row.get("by_seed", ()))


def percent(value: float) -> str:
    """With one decimal, but for a full hundred: the wide tables are read more easily without its zeros."""
    return f"{value:.1f}".replace("100.0", "100")


def mean(row: dict, digits: int) -> str:
    """The mean, with the spread where there are several seeds."""
    spread = "" if row["spread"] is None else f"{HARD}±{HARD}{row['spread']:.{digits}f}"
    return f"{row['value']:.{digits}f}{spread}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    body = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {line[0].replace(' ', HARD)} | {' | '.join(line[1:])} |" for line in body)


def loss_table() -> str:
    """One line a model: its loss, and how far that is above the author's."""
    ladder = rows()
    lines = [["the author", f"{ladder['author.bits']['value']:.3f}", "0", "", ""]]
    for name in models(ladder, "excess"):
        excess, error = ladder[f"{name}.excess"], ladder[f"{name}.excess_error"]["value"]
        bits = ladder[f"{name}.bits"]["value"]
        lines.append([NAMES[name], f"{bits:.3f}", mean(excess, 3), seeds(excess, 3), f"{error:.3f}"])
    return table(["model", "bits a token", "excess", "excess of each seed", "standard error"], lines)


def cost_table() -> str:
    """One line a model that learns: how many numbers, from how many tokens, in how long."""
    ladder = rows()
    lines = []
    for name in models(ladder, "seconds"):
        size, tokens, seconds, speed = (
            ladder[f"{name}.{row}"]["value"] for row in ("parameters", "tokens", "seconds", "tokens_per_second")
        )
        took = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2f}"
        read = f"{tokens / 1e6:.1f}{HARD}M"
        lines.append([NAMES[name], f"{size:,.0f}", read, took, f"{float(f'{speed:.2g}'):,.0f}"])
    return table(["model", "learned numbers", "tokens read", "seconds", "tokens a second"], lines)


def accuracy_table(phenomenon: str) -> str:
    """Per cent right of one phenomenon, in all and by distance: the mean of the seeds."""
    ladder = rows()
    by = groups(ladder, phenomenon)
    words = {low: ladder[f"author.words.{phenomenon}.{low}"]["value"] for low in by}
    lines = [["words asked", f"{sum(words.values()):,.0f}", *(f"{n:,.0f}" for n in words.values())]]
    lines.append(["chance", *[percent(100 * CHANCE[phenomenon])] * (1 + len(by))])
    for name in models(ladder, phenomenon):
        keys = [phenomenon, *(f"{phenomenon}.{low}" for low in by)]
        lines.append([NAMES[name], *(percent(ladder[f"{name}.{key}"]["value"]) for key in keys)])
    return table(["right, %", "all", *by.values()], lines)


def recall_table() -> str:
    """Per cent right of recall, by the number of facts; "about" is knowing which things the story has."""
    ladder = rows()
    by = groups(ladder, "recall_facts")
    words = {n: ladder[f"author.words.recall_facts.{n}"]["value"] for n in by}
    total = sum(words.values())
    knowing = {n: 100 / n for n in by}  # by which things there are, but not whose
    lines = [["words asked", f"{total:,.0f}", *(f"{n:,.0f}" for n in words.values()), ""]]
    lines.append(["chance", *[percent(100 * CHANCE["recall"])] * (1 + len(by)), ""])
    share = sum(words[n] * knowing[n] for n in by) / total
    lines.append(["which things, not whose", *map(percent, (share, *knowing.values(), 100))])
    for name in models(ladder, "recall"):
        keys = ["recall", *(f"recall_facts.{n}" for n in by), "recall_about"]
        lines.append([NAMES[name], *(percent(ladder[f"{name}.{key}"]["value"]) for key in keys)])
    return table(["right, %", "all", *(counted(n) for n in by), "any of them"], lines)


def counted(facts: int) -> str:
    """The head of a column."""
    return f"{facts}{HARD}fact{'s' * (facts > 1)}"


def seeds_table(row: str) -> str:
    """Each seed of a few models: per cent right by `row`'s groups and, by distance, the excess of the tagged words."""
    ladder = rows()
    by = groups(ladder, row)
    lines = []
    for name in (name for name in DRAWN if f"{name}.{row}.{min(by)}" in ladder):
        cells = (seeds(ladder[f"{name}.{row}.{low}"], 1) for low in by)
        lines.append([f"{NAMES[name]}, right, %", *cells])
        if not row.endswith("_facts"):
            cells = (seeds(ladder[f"{name}.{row}_excess.{low}"], 2) for low in by)
            lines.append([f"{NAMES[name]}, excess, bits", *cells])
    what, _, facts = row.partition("_")
    return table([what, *(counted(n) if facts else by[n] for n in by)], lines)


def figure() -> str:
    """Accuracy by distance, one panel a phenomenon, as SVG in the page: its text takes the page's colour."""
    ladder = rows()
    with plt.rc_context(plot.STYLE | {"svg.fonttype": "none"}):
        drawing, panels = plt.subplots(len(CHANCE), figsize=(plot.SIZE[0], 7.8), layout="constrained")
        for ax, (phenomenon, chance) in zip(panels, CHANCE.items(), strict=True):
            lows = groups(ladder, phenomenon)
            curves = {
                family: Curve({low: ladder[f"{name}.{phenomenon}.{low}"]["value"] / 100 for low in lows})
                for name, family in DRAWN.items()
            }
            plot.by_distance(curves, chance, ax=ax)
            ax.set_ylabel(f"{phenomenon}: right, %")
            ax.get_legend().remove()
            if ax is not panels[-1]:
                ax.set_xlabel("")
        handles, labels = panels[0].get_legend_handles_labels()
        shown = [NAMES["ngram6"] if label == "n-gram" else label for label in labels]
        drawing.legend(handles, shown, loc="outside upper center", ncols=len(shown))
        buffer = io.StringIO()
        drawing.savefig(buffer, format="svg", metadata={"Date": None})
        plt.close(drawing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(plot.GREY, "currentColor")
    svg = svg.replace("<svg", f'<svg class="ladder" role="img" aria-label="{alt_text(ladder)}"', 1)
    return f"```{{raw}} html\n{svg.strip()}\n```"


def alt_text(ladder: dict[str, dict]) -> str:
    """The figure in words."""

    def right(model: str, phenomenon: str) -> tuple[str, str]:
        """Per cent right at the shortest and at the longest distances."""
        lows = groups(ladder, phenomenon)
        ends = (ladder[f"{model}.{phenomenon}.{low}"]["value"] for low in (min(lows), max(lows)))
        return tuple(f"{end:.0f}" for end in ends)

    panels = []
    for phenomenon in CHANCE:
        parts = [f"{NAMES[name]} {' to '.join(right(name, phenomenon))}" for name in DRAWN]
        panels.append(f"{phenomenon}: {', '.join(parts)}")
    return (
        "Three panels, the share of right words against the distance to the evidence. Per cent right at the shortest "
        f"and at the longest distances: {'; '.join(panels)}."
    )
