"""Every figure of the book: one size, one colour for each family of models, units on the axes, fit for light and dark.

Figures are transparent with mid-grey axes, so that one picture stands on a white page and on a dark one. They have no
title: the caption is the page's. Each function returns the Axes it drew on.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lmcore.probes import Probe

# A backend loads with the first figure. If that happened inside rc_context, the end of the context would undo the
# interactive mode that the backend turned on, and a notebook would show its first figure alone.
plt.switch_backend(plt.get_backend())

GREY = "#808080"  # 3.9 : 1 against white and 5.3 : 1 against black
SIZE = (6.4, 3.4)  # inches

# One fixed colour for each family, told apart with any colour vision (Okabe & Ito 2008).
COLOURS = {
    "floor": GREY,
    "uniform": GREY,
    "n-gram": "#E69F00",
    "RNN": "#56B4E9",
    "LSTM": "#0072B2",
    "GRU": "#009E73",
    "attention": "#CC79A7",
    "GPT": "#D55E00",
}
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")  # a second sign beside the colour, for greyscale

STYLE = {
    "figure.figsize": SIZE,
    "figure.dpi": 110,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": "tight",
    "axes.facecolor": "none",
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "font.size": 10,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.cmap": "cividis",
    "svg.hashsalt": "lmcore",
}


def axes(columns: int = 1, height: float = SIZE[1], **settings: object) -> Axes | Sequence[Axes]:
    """Empty axes in the book's style: one, or `columns` side by side that share their vertical scale."""
    with plt.rc_context(STYLE):
        settings = {"sharey": columns > 1, "layout": "constrained", **settings}
        _, ax = plt.subplots(1, columns, figsize=(SIZE[0], height), **settings)
    return ax


def shades(n: int) -> list[tuple[float, ...]]:
    """`n` colours from one scale, for variants of one family; none so dark or so pale that it sinks into a page."""
    scale = plt.get_cmap("cividis")
    return [scale(0.35 + 0.53 * i / max(1, n - 1)) for i in range(n)]


def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    *,
    colours: Mapping[str, str] | None = None,
    dashed: Sequence[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Curves by name, each (x, y). A name in COLOURS has its family's colour, another a shade; `dashed` are dashed."""
    ax = axes() if ax is None else ax
    with plt.rc_context(STYLE):
        for i, (name, (x, y)) in enumerate(curves.items()):
            colour = (colours or COLOURS).get(name, shades(len(curves))[i])
            style = "--" if name in dashed else "-"
            ax.plot(x, y, style, marker=MARKS[i % len(MARKS)], color=colour, label=name)
        _finish(ax, xlabel, ylabel, legend=len(curves) > 1)
    return ax


def bars(
    names: Sequence[str], values: Sequence[float], xlabel: str, *, colour: str = GREY, ax: Axes | None = None
) -> Axes:
    """One horizontal bar for each name, the first on top; `xlabel` says the unit."""
    ax = axes(height=0.6 + 0.28 * len(names)) if ax is None else ax
    with plt.rc_context(STYLE):
        drawn = ax.barh(range(len(names)), values, color=colour)
        ax.bar_label(drawn, fmt="%.3f", padding=3, color=GREY, fontsize=8)
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        _finish(ax, xlabel, "", grid="x")
    return ax


def stacked_bars(
    names: Sequence[str], parts: Mapping[str, Sequence[float]], xlabel: str, *, ax: Axes | None = None
) -> Axes:
    """Horizontal bars made of parts, the first part leftmost; `parts` maps a part's name to its value for each bar."""
    ax = axes(height=0.9 + 0.28 * len(names)) if ax is None else ax
    shades = plt.get_cmap("cividis")
    left = [0.0] * len(names)
    with plt.rc_context(STYLE):
        for i, (part, values) in enumerate(parts.items()):
            colour = shades(0.08 + 0.84 * i / max(1, len(parts) - 1))
            ax.barh(range(len(names)), values, left=left, color=colour, label=part, edgecolor=GREY, linewidth=0.4)
            left = [a + b for a, b in zip(left, values, strict=True)]
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        _finish(ax, xlabel, "", legend=True, grid="x")
    return ax


def strips(parts: Mapping[str, Sequence], names: Sequence[str] = (), xlabel: str = "", *, axs: Sequence[Axes] = ()):
    """One picture a part, one above the other: rows of (units, steps) or a single row (units,), all of one width.

    A part that has a negative value is signed: blue below 0, red above, white at 0. One without is a gate: from 0,
    dark, to 1, light. `names` are written below the columns. Returns the list of Axes.
    """
    tall = max(len(part) if getattr(part, "ndim", 1) == 2 else 1 for part in parts.values())
    with plt.rc_context(STYLE):
        if not len(axs):
            height = len(parts) * (0.45 if tall == 1 else 1.5) + (0.7 if len(names) else 0.3)
            _, axs = plt.subplots(
                len(parts), figsize=(SIZE[0], height), sharex=True, squeeze=False, layout="constrained"
            )
            axs = list(axs[:, 0])
        for ax, (name, part) in zip(axs, parts.items(), strict=True):
            picture = np.atleast_2d(np.asarray(part, dtype=float))
            span = max(1.0, float(abs(picture).max()))
            colours = {"cmap": "RdBu_r", "vmin": -span, "vmax": span} if picture.min() < 0 else {"vmin": 0, "vmax": 1}
            drawn = ax.imshow(picture, aspect="auto", interpolation="nearest", **colours)
            if tall > 1:
                ax.figure.colorbar(drawn, ax=ax, pad=0.01).ax.tick_params(labelsize=7)
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
        if len(names):
            axs[-1].set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axs[-1].set_xlabel(xlabel)
    return axs


def attention_map(
    weights: Sequence,
    queries: Sequence[str],
    keys: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
    xlabel: str = "looked at",
    ylabel: str = "looking",
    axs: Sequence[Axes] = (),
) -> list[Axes]:
    """Weights of attention, from 0, dark, to 1, light: one row a query, one column a key.

    weights   (T, S), or (n, T, S) for n pictures side by side, with `names` above them
    keys      the S words below; without them the queries are the keys
    """
    pictures = np.asarray(weights, dtype=float)
    pictures = pictures[None] if pictures.ndim == 2 else pictures
    keys = keys or queries
    with plt.rc_context(STYLE):
        if bar := not len(axs):
            square = min(0.4, (SIZE[0] - 1.3) / len(pictures) / len(keys))  # inches of one weight
            size = min(SIZE[0], square * len(keys) * len(pictures) + 1.7), max(0.2, square) * len(queries) + 1.1
            _, axs = plt.subplots(1, len(pictures), figsize=size, sharey=True, squeeze=False, layout="constrained")
            axs = list(axs[0])
        for i, (ax, picture) in enumerate(zip(axs, pictures, strict=True)):
            drawn = ax.imshow(picture, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
            ax.set_xticks(range(len(keys)), keys, rotation=90, fontsize=8 if len(keys) < 45 else 7)
            ax.set_yticks(range(len(queries)), queries, fontsize=8)
            ax.spines[:].set_visible(False)
            ax.set_xlabel(xlabel)
            if len(names):
                ax.set_title(names[i], fontsize=10)
        axs[0].set_ylabel(ylabel)
        if bar:
            axs[0].figure.colorbar(drawn, ax=axs, label="weight", aspect=12).ax.tick_params(labelsize=7)
    return axs


def by_distance(
    probes: Mapping[str, Probe], chance: float, *, grey: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """Accuracy against distance, one line for each model; chance is a dotted line, earlier models (`grey`) are grey."""
    ax = axes() if ax is None else ax
    with plt.rc_context(STYLE):
        groups = next(iter(probes.values())).accuracy_by_distance
        for i, (name, found) in enumerate(probes.items()):
            colour = GREY if name in grey else COLOURS.get(name, shades(len(probes))[i])
            places = [list(groups).index(low) for low in found.accuracy_by_distance]
            y = [100 * accuracy for accuracy in found.accuracy_by_distance.values()]
            ax.plot(places, y, marker=MARKS[i % len(MARKS)], color=colour, label=name)
        ax.axhline(100 * chance, color=GREY, linestyle=":", linewidth=1, label="chance")
        ax.set_xticks(range(len(groups)), _ranges(list(groups)))
        ax.set_ylim(0, 104)
        _finish(ax, "distance to the evidence, words", "right, %", legend=True)
    return ax


def _ranges(lows: Sequence[int]) -> list[str]:
    groups = [f"{low}–{high - 1}" if high - 1 > low else f"{low}" for low, high in pairwise(lows)]
    return [*groups, f"{lows[-1]}+"]


def _finish(ax: Axes, xlabel: str, ylabel: str, *, legend: bool = False, grid: str = "y") -> None:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis=grid)
    if legend:
        ax.legend(fontsize=9)
