"""Results as data: what a chapter measured, written once and compared at every later run.

Each chapter calls `record`. Under LMCORE_RECORD=1 (set by `make notebooks` and `make results`) the value is written to
book/results/<chapter>.json; otherwise it must agree with the committed value within the row's tolerance. The prose
takes its numbers from these files: `2.19<!--r:03_ngram.kn7-->` shows 2.19 and names where it comes from.
"""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lmcore.runtime import write_whole

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "book" / "results"
CLAIM = re.compile(r"(-?[\d,]+(?:\.\d+)?)<!--r:(\w+)\.([\w.]+)-->")


class ResultChanged(AssertionError):
    """A value measured now does not agree with the committed one."""


def record(
    chapter: str,
    name: str,
    value: float,
    unit: str,
    *,
    data: str,
    config: dict[str, Any] | None = None,
    seeds: Sequence[int] = (),
    spread: float | None = None,
    by_seed: Sequence[float] = (),
    seconds: float | None = None,
    tolerance: float = 0.01,
) -> None:
    """Write one result of a chapter, or hold it against the committed one.

    `data` names the corpus and its version, `config` what the value depends on besides; a hash of both stands with the
    row, so that a value cannot outlive the settings it was measured with. `tolerance` is relative, for another
    processor's last digits; `spread` is over the seeds, in the value's unit, `by_seed` what each of them gave;
    `seconds` and the machine are noted and never compared. Where lmcore is installed without the book there are no
    committed values and nothing to compare.

    Raises ResultChanged if there is no such row, its hash differs, or the value is out of tolerance.
    """
    recording = os.environ.get("LMCORE_RECORD") == "1"
    if not RESULTS.is_dir() and not recording:
        return
    path, rows = RESULTS / f"{chapter}.json", _rows(chapter)
    row = {
        "value": _rounded(value),
        "unit": unit,
        "seeds": list(seeds),
        "spread": None if spread is None else _rounded(spread),
        "seconds": None if seconds is None else _rounded(seconds, 2),
        "tolerance": tolerance,
        "data": data,
        "config": config or {},
        "hash": settings_hash(data, config or {}),
        "where": where(),
    }
    if by_seed:
        row["by_seed"] = [_rounded(one) for one in by_seed]
    if recording:
        rows[name] = row
        RESULTS.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(dict(sorted(rows.items())), indent=1, ensure_ascii=False) + "\n")
        return
    if name not in rows:
        raise ResultChanged(f"{chapter}.json has no row {name!r}; run `make notebooks` to write it.")
    if rows[name]["hash"] != row["hash"]:
        raise ResultChanged(f"{chapter}.{name} was measured with other settings or data; run `make notebooks`.")
    if abs(value - rows[name]["value"]) > tolerance * max(abs(value), abs(rows[name]["value"]), 1e-12):
        raise ResultChanged(
            f"{chapter}.{name} is {value:.6g} {unit} here, but {rows[name]['value']:.6g} in the committed results "
            f"(tolerance {tolerance:.1%}). Find out why before recording it anew with `make notebooks`."
        )


def result(claim: str) -> float:
    """The committed value of "chapter.name". Raises KeyError if there is no such row."""
    chapter, _, name = claim.partition(".")
    rows = _rows(chapter)
    if name not in rows:
        raise KeyError(f"no committed result is called {claim!r}.")
    return rows[name]["value"]


def settings_hash(data: str, config: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that change with the data's version and with every setting."""
    return hashlib.sha256(json.dumps([data, config], sort_keys=True).encode()).hexdigest()[:12]


def where() -> str:
    """The kind of machine, in words that hold no name of it."""
    return f"{platform.machine()}, {sys.platform}, Python {platform.python_version()}"


def claims(text: str) -> Iterator[tuple[str, str]]:
    """The (number as written, "chapter.name") pairs in a page's or cell's text."""
    for match in CLAIM.finditer(text):
        yield match[1], f"{match[2]}.{match[3]}"


def as_written(value: float, like: str) -> str:
    """`value` with as many decimals as `like` has, and its thousands marks if it has them."""
    decimals = len(like.partition(".")[2])
    return f"{value:,.{decimals}f}" if "," in like else f"{value:.{decimals}f}"


def prose() -> list[Path]:
    """The files whose numbers may come from results: the pages, the chapters and the README."""
    return [
        path for pattern in ("README.md", "book/**/*.md", "notebooks/*.ipynb") for path in sorted(ROOT.glob(pattern))
    ]


def refresh() -> list[Path]:
    """Set every number of the prose to its committed result; returns the files that changed."""
    changed = []
    for path in prose():
        text = path.read_text(encoding="utf-8")
        new = CLAIM.sub(
            lambda m: f"{as_written(result(f'{m[2]}.{m[3]}'), m[1])}<!--r:{m[2]}.{m[3]}-->",
            text,
        )
        if new != text:
            write_whole(path, new)
            changed.append(path)
    return changed


def _rows(chapter: str) -> dict[str, dict]:
    path = RESULTS / f"{chapter}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _rounded(value: float, digits: int = 6) -> float:
    return float(f"{float(value):.{digits}g}")


if __name__ == "__main__":
    if sys.argv[1:] != ["refresh"]:
        sys.exit("usage: python -m lmcore.results refresh")
    for page in refresh():
        print(f"refreshed {page.relative_to(ROOT)}")
