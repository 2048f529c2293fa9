"""What the page "The ladder" shows: tables and a figure, made from book/results while the book is built."""

import io
import json
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt

from lmcore import plot

HARD = "\N{NO-BREAK SPACE}"  # a space at which no cell breaks
HYPHEN = "\N{NON-BREAKING HYPHEN}"
RESULTS = Path(__file__).resolve().parents[1] / "book" / "results"

# The models in the order of the climb, and what the page calls them; one that has no rows yet is left out.
NAMES = {
    "uniform": "uniform",
    "unigram": "unigram",
    **{f"ngram{n}": f"{n}{HYPHEN}gram" for n in range(2, 7)},
    "RNN": "RNN",
    "GRU": "GRU",
    "LSTM": "LSTM",
    "AttentiveLSTM": "LSTM with attention",
    "GPT": "GPT",
}
BEST = {f"{name}_long": f"{NAMES[name]}, best effort" for name in ("RNN", "GRU", "LSTM", "AttentiveLSTM", "GPT")}
# Those of the figure, and the family that gives the colour
DRAWN = {
    "ngram6": "n-gram",
    "RNN": "RNN",
    "GRU": "GRU",
    "LSTM": "LSTM",
    "AttentiveLSTM": "attention",
    "GPT": "GPT",
}
# Rows of a model, and the heads of their columns
COSTS = {
    "parameters": "learned numbers",
    "seconds": "time, s",
    "tokens_per_second": "tokens a second",
    "peak_memory": "memory, MB",
    "kept": "keeps, bytes",
}
# Tiny Shakespeare: a line's name, and the rows of shakespeare.json for the short recipe and for the best effort
SEVEN = f"7{HYPHEN}gram"
SHAKESPEARE = (
    (SEVEN, "ngram7", ""),
    ("RNN", "RNN.short", ""),
    ("GRU", "GRU.short", ""),
    ("LSTM", "LSTM.short", "LSTM.long"),
    ("GPT", "GPT.short", "GPT.long"),
    ("GPT, on a GPU", "", "GPT.gpu"),
    (f"LSTM and {SEVEN}, mixed", "mix.short", "mix.long"),
    (f"GPT and {SEVEN}, mixed", "", "mix.GPT"),
)
CHANCE = {"agreement": 1 / 2, "memory": 1 / 6, "recall": 1 / 12}
DOT = f"{HARD}·{HARD}"  # between the seeds


class Mark(NamedTuple):
    """What others have published; `beside` says whether text, split and unit are those of our table."""

    model: str
    published: str
    unit: str
    beside: str


NATS, PERPLEXITY = "nats a character", "perplexity a character"  # the first is the logarithm of the second
MARKS = (
    Mark(
        "nanoGPT, 4 layers of width 128, 3 minutes of a CPU {cite}`karpathy2022`",
        "1.88",
        NATS,
        "the same text and split; estimated on 20 batches of 12 random rows of 64 characters",
    ),
    Mark(
        "nanoGPT, 6 layers of width 384, 3 minutes of an A100 {cite}`karpathy2022`",
        "1.4697",
        NATS,
        "the same text and split; the best of many estimates, each on 200 batches of 64 random rows of 256 characters",
    ),
    Mark(
        "d2l, an RNN of width 32 {cite}`zhang2023`; "
        "[slides](https://d2l.smola.org/slides/pytorch/chapter_recurrent-neural-networks/rnn-concise.html)",
        "7.4",
        PERPLEXITY,
        "another text, *The Time Machine*, in 28 different characters; the last third of 15,000 rows of 32 is held out",
    ),
    Mark(
        "d2l, an RNN of width 512 {cite}`zhang2023`; slides of 2021 in its repository d2l-ai/d2l-pytorch-slides",
        "1.0",
        "perplexity a character, in training",
        "another text, and not held out: the 10,000 letters of *The Time Machine* that the model was trained on",
    ),
    Mark(
        "KenLM, a 4-gram {cite}`likhomanenko2019`",
        "156",
        "perplexity a word",
        "another text, the *Wall Street Journal* (nov93dev), and another unit",
    ),
)


class Curve(NamedTuple):
    """What `plot.by_distance` draws."""

    accuracy_by_distance: dict[int, float]


def rows(chapter: str = "ladder") -> dict[str, dict]:
    """The committed rows by name."""
    return json.loads((RESULTS / f"{chapter}.json").read_text(encoding="utf-8"))


def models(ladder: dict[str, dict], row: str, names: Iterable[str] = NAMES) -> list[str]:
    """Those of `names` that have such a row, in the order of the climb."""
    return [name for name in names if f"{name}.{row}" in ladder]


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


def table(head: Sequence[str], lines: Iterable[Sequence[str]], text: Sequence[int] = (0,)) -> str:
    """A Markdown table; the columns of `text` are text, the others numbers. A name breaks after a comma only."""
    kinds = ["---" if i in text else "---:" for i in range(len(head))]
    names = (line[0].replace(" ", HARD).replace(f",{HARD}", ", ") for line in lines)
    body = [head, kinds, *([name, *line[1:]] for name, line in zip(names, lines, strict=True))]
    return "\n".join(f"| {' | '.join(line)} |" for line in body)


def loss_table() -> str:
    """One line a model: its loss, how far that is above the author's, and how far with its best effort."""
    ladder = rows()
    lines = [["the author", f"{ladder['author.bits']['value']:.3f}", "0", ""]]
    for name in models(ladder, "excess"):
        bits, excess, best = (ladder.get(row) for row in (f"{name}.bits", f"{name}.excess", f"{name}_long.excess"))
        effort = f"{best['value']:.3f}" if best else ""
        lines.append([NAMES[name], f"{bits['value']:.3f}", mean(excess, 3), effort])
    return table(["model", "bits a token", "excess", "best effort"], lines)


def excess_seeds_table() -> str:
    """One line a network: the excess with each seed."""
    ladder = rows()
    lines = [[NAMES[name], seeds(ladder[f"{name}.excess"], 3)] for name in models(ladder, "excess", DRAWN)]
    return table(["model", "excess, bits a token"], lines)


def cost_table() -> str:
    """One line a model that learns: how many numbers, in how long, in how much memory, and what it keeps of a text."""
    ladder = rows()
    lines = []
    for name in models(ladder, "seconds"):
        size, seconds, speed, *memory = (ladder.get(f"{name}.{row}", {}).get("value") for row in COSTS)
        cells = [f"{size:,.0f}", took(seconds), rounded(speed)]
        cells += ["" if amount is None else f"{amount:,.0f}" for amount in memory]
        longer = ladder.get(f"{name}_long.seconds")
        lines.append([NAMES[name], *cells, took(longer["value"]) if longer else ""])
    return table(["model", *COSTS.values(), "best effort, s"], lines)


def rounded(speed: float) -> str:
    """Two digits, in thousands or millions."""
    unit, name = (1e6, "M") if speed >= 1e6 else (1e3, "k")
    return f"{float(f'{speed / unit:.2g}'):g}{HARD}{name}"


def took(seconds: float) -> str:
    """Seconds, with decimals where they are few."""
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2f}"


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
    names = NAMES | BEST
    for name in models(ladder, "recall", names):
        keys = ["recall", *(f"recall_facts.{n}" for n in by), "recall_about"]
        lines.append([names[name], *(percent(ladder[f"{name}.{key}"]["value"]) for key in keys)])
    return table(["right, %", "all", *(counted(n) for n in by), "any of them"], lines)


def counted(facts: int) -> str:
    """The head of a column."""
    return f"{facts}{HARD}fact{'s' * (facts > 1)}"


def seeds_table(row: str) -> str:
    """Each seed of a few models: per cent right by `row`'s groups and, by distance, the excess of the tagged words."""
    ladder = rows()
    by = groups(ladder, row)
    lines = []
    for name in models(ladder, f"{row}.{min(by)}", DRAWN):
        cells = (seeds(ladder[f"{name}.{row}.{low}"], 1) for low in by)
        lines.append([f"{NAMES[name]}, right, %", *cells])
        if not row.endswith("_facts"):
            cells = (seeds(ladder[f"{name}.{row}_excess.{low}"], 2) for low in by)
            lines.append([f"{NAMES[name]}, excess, bits", *cells])
    what, _, facts = row.partition("_")
    return table([what, *(counted(n) if facts else by[n] for n in by)], lines)


def shakespeare_table() -> str:
    """Nats a character on Tiny Shakespeare: the short recipe of each model, its best effort, and mixtures."""
    found = rows("shakespeare")

    def cells(name: str) -> list[str]:
        row = found.get(f"{name}.nats")
        return [mean(row, 3), took(row["seconds"]) if row["seconds"] else ""] if row else ["", ""]

    lines = [[shown, *cells(short), *cells(best)] for shown, short, best in SHAKESPEARE]
    heads = ["nats a character", "short", "seconds", "best effort", "seconds"]
    return table(heads, [line for line in lines if any(line[1:])])


def marks_table() -> str:
    """What others have published, in their unit, and in nats a character where it is a loss of held-out ones."""
    lines = []
    for mark in MARKS:
        value = float(mark.published)
        nats = {NATS: value, PERPLEXITY: math.log(value)}.get(mark.unit)
        shown = "" if nats is None else f"{nats:.2f}"
        lines.append([mark.published, shown, mark.model, f"{mark.unit}; {mark.beside}"])
    return table(["published", "nats", "model and source", "beside ours"], lines, text=(0, 2, 3))


def figure() -> str:
    """Accuracy by distance, one panel a phenomenon, as SVG in the page: its text takes the page's colour."""
    ladder = rows()
    drawn = models(ladder, "recall", DRAWN)
    with plt.rc_context(plot.STYLE | {"svg.fonttype": "none"}):
        drawing, panels = plt.subplots(len(CHANCE), figsize=(plot.SIZE[0], 7.8), layout="constrained")
        for ax, (phenomenon, chance) in zip(panels, CHANCE.items(), strict=True):
            lows = groups(ladder, phenomenon)
            curves = {
                family: Curve({low: ladder[f"{name}.{phenomenon}.{low}"]["value"] / 100 for low in lows})
                for name, family in DRAWN.items()
                if name in drawn
            }
            plot.by_distance(curves, chance, ax=ax)
            ax.set_ylabel(f"{phenomenon}: right, %")
            ax.get_legend().remove()
            if ax is not panels[-1]:
                ax.set_xlabel("")
        handles, labels = panels[0].get_legend_handles_labels()
        called = {family: NAMES[name] for name, family in DRAWN.items()}
        shown = [called.get(label, label) for label in labels]
        drawing.legend(handles, shown, loc="outside upper center", ncols=4)
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
        drawn = models(ladder, phenomenon, DRAWN)
        parts = [f"{NAMES[name]} {' to '.join(right(name, phenomenon))}" for name in drawn]
        panels.append(f"{phenomenon}: {', '.join(parts)}")
    return (
        "Three panels, the share of right words against the distance to the evidence. Per cent right at the shortest "
        f"and at the longest distances: {'; '.join(panels)}."
    )
