"""The rules that every notebook of the book keeps, each a function that yields what is wrong, one line each.

`complaints(path)` applies them all; `python tools/notebooks.py check` prints them, and so do `make test` and the
pre-commit hook. The reasons stand in CONTRIBUTING.md.
"""

import ast
import re
import symtable
import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
SLIDE_TYPES = {"slide", "subslide", "fragment", "-", "notes", "skip"}
FREE_NAMES = {"fig", "ax", "axes"}  # what the code of a folded figure may call its own
WIDGET = "application/vnd.jupyter.widget-view+json"
ABSOLUTE = re.compile(r"(?<![\w.:/~-])(/(?:home|root|tmp|usr|opt|var|mnt|work|content|Users)/\w|[A-Z]:\\\w)")
MISTAKE = re.compile(
    r"^(`{3,}|:{3,})\{admonition\} A common mistake *\n((?::[^\n]*\n)*)(.*?)^\1 *$", re.MULTILINE | re.DOTALL
)


def address() -> str:
    """The repository's address, which stands in pyproject.toml and nowhere else."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def small_packages() -> list[str]:
    """What the first cell fetches where it is missing: lmcore's dependencies but torch and numpy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.match(r"[\w-]+", requirement).group() for requirement in project["dependencies"]]
    return sorted(name for name in names if name not in ("torch", "numpy"))


def first_cell() -> str:
    """The first code cell of every notebook: it makes a bare Colab able to run the rest, and elsewhere does nothing."""
    names = ", ".join(f'"{name}"' for name in ["lmcore", *small_packages()])
    return f'''import sys
from importlib.util import find_spec
from subprocess import run

sources = {{"lmcore": "--no-deps git+{address()}"}}
for package in ({names}):
    command = [sys.executable, "-m", "pip", "install", "-q", *sources.get(package, package).split()]
    if not find_spec(package) and run(command).returncode:
        raise RuntimeError(f"{{package}} is not here and cannot be fetched: connect to the network and try again.")'''


def chapters() -> list[Path]:
    """The notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook with its cells' sources as single strings."""
    return nbformat.read(path, as_version=4)


def tags(cell) -> list[str]:
    """A cell's tags, none where it has no such metadata."""
    return cell.metadata.get("tags", [])


def mistakes(nb) -> list[tuple[str, str]]:
    """(label, first paragraph) of each "A common mistake" admonition; the label is "" where `:name:` is missing."""
    found = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for match in MISTAKE.finditer(cell.source + "\n"):
                label = re.search(r"^:name: *(\S+)", match[2], re.MULTILINE)
                found.append((label[1] if label else "", match[3].strip().split("\n\n")[0]))
    return found


def _code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]


def _markdown(nb) -> str:
    return "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


def _plain(source: str) -> str:
    """The Python of a cell: its lines without IPython's own commands."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def _bound(source: str) -> set[str]:
    """Names that a cell defines for the cells after it."""
    symbols = symtable.symtable(_plain(source), "cell", "exec").get_symbols()
    names = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return {name for name in names if not name.startswith("_")} - FREE_NAMES


def executed(nb, path) -> Iterator[str]:
    """Run from top to bottom, once, without an error or a warning."""
    counts = [cell.execution_count for cell in _code(nb)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1 to {len(counts)}: run it again from the top"
    for number, cell in enumerate(_code(nb), 1):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"code cell {number} ends in an error or writes to stderr"


def sizes(nb, path) -> Iterator[str]:
    """Small cells, and enough of them."""
    lines = [sum(1 for line in cell.source.splitlines() if line.strip()) for cell in _code(nb)]
    if not 25 <= len(lines) <= 40:
        yield f"{len(lines)} code cells, not 25 to 40"
    if max(lines, default=0) > 30:
        yield f"code cell {lines.index(max(lines)) + 1} has {max(lines)} lines, more than 30"
    if median(lines or [0]) > 8:
        yield f"the median code cell has {median(lines):.0f} lines, more than 8"
    trees = [ast.parse(_plain(cell.source)) for cell in _code(nb)]
    proven = sum(any(isinstance(node, ast.Assert) for node in ast.walk(tree)) for tree in trees)
    if proven < 6:
        yield f"{proven} cells assert something, fewer than 6"


def openings(nb, path) -> Iterator[str]:
    """A title cell that says what is claimed, learnt and needed; then the first cell that all notebooks share."""
    title = nb.cells[0].source if nb.cells and nb.cells[0].cell_type == "markdown" else ""
    number = re.match(r"0*(\d+[a-z]?)_", path.name)
    if not number or not re.match(rf"# {number[1]} · \S", title):
        yield f'the first cell does not begin with "# N · Title", N being the number in {path.name}'
    if len(re.findall(r"^\s*(?:[-*]|\d\.) ", title, re.MULTILINE)) < 3 or "minutes" not in title:
        yield "the first cell lacks three objectives in a list, or the minutes it takes"
    code = _code(nb)
    if not code or code[0].source != first_cell():
        yield "the first code cell is not the shared one: python tools/notebooks.py first-cell"
    if len(code) > 1 and ("hide" in " ".join(tags(code[1])) or len(code[1].source.splitlines()) > 8):
        yield "the second code cell, the imports, is hidden or longer than 8 lines"


def hidden(nb, path) -> Iterator[str]:
    """What a reader does not see must not matter to what is seen: a hidden cell defines no name."""
    for number, cell in enumerate(_code(nb), 1):
        unseen = [tag for tag in tags(cell) if tag in ("hide-input", "hide-cell") or tag.startswith("remove-")]
        if number > 1 and unseen and _bound(cell.source):
            yield f"code cell {number} is hidden ({unseen[0]}) and defines {', '.join(sorted(_bound(cell.source)))}"


def leftovers(nb, path) -> Iterator[str]:
    """Nothing of the machine that ran it: paths, other kernels, widgets that no longer answer."""
    if dict(nb.metadata) != METADATA:
        yield f"its metadata is not exactly {METADATA}"
    for number, cell in enumerate(nb.cells):
        if not cell.get("id"):
            yield f"cell {number} has no id"
        if cell.cell_type == "code" and not cell.source.strip():
            yield f"cell {number} is an empty code cell"
        texts = [cell.source]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
            if WIDGET in data:
                yield f"cell {number} keeps a widget, which is dead in a page: python tools/notebooks.py run drops it"
        if match := next((match for text in texts if (match := ABSOLUTE.search(text))), None):
            yield f"cell {number} holds an absolute path, {match.group()}…"


def slides(nb, path) -> Iterator[str]:
    """Each cell says what it is on a slide; exercises are on none."""
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nb.cells]
    if wrong := [number for number, kind in enumerate(kinds) if kind not in SLIDE_TYPES]:
        yield f"cells {wrong} have no slideshow.slide_type of {sorted(SLIDE_TYPES)}"
    if kinds[:1] != ["slide"] or sum(kind in ("slide", "subslide") for kind in kinds) < 8:
        yield "the first cell is no slide, or there are fewer than 8 slides"
    inside = False
    for number, (cell, kind) in enumerate(zip(nb.cells, kinds, strict=True)):
        starts = re.search(r"\{(exercise|solution)(-start)?\}", cell.source) is not None
        inside = inside or starts
        if inside and kind != "skip":
            yield f"cell {number} belongs to an exercise and is not skipped in the slides"
        inside = inside and "{solution-end}" not in cell.source


def exercises(nb, path) -> Iterator[str]:
    """Four to six exercises, each with one folded solution."""
    text = _markdown(nb)
    labels = re.findall(r"\{exercise(?:-start)?\}.*\n(?::.*\n)*?:label: *(\S+)", text)
    solved = re.findall(r"\{solution(?:-start)?\} *(\S+)\n(?::.*\n)*?:class: *dropdown", text)
    if not 4 <= len(labels) <= 6:
        yield f"{len(labels)} exercises, not four to six"
    if sorted(labels) != sorted(solved):
        yield f"exercises without exactly one folded solution: {sorted(set(labels) ^ set(solved))}"


def figures(nb, path) -> Iterator[str]:
    """A picture says in words what it shows."""
    for number, cell in enumerate(_code(nb), 1):
        pictures = [output for output in cell.outputs if any("image/" in kind for kind in output.get("data", {}))]
        if pictures and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt"):
            yield f"code cell {number} shows a picture without mystnb.image.alt"


def prose(nb, path) -> Iterator[str]:
    """Plain words, and a label on each common mistake so that the page of mistakes can point to it."""
    for word in re.findall(r"\b(simply|obviously|just)\b", _markdown(nb), re.IGNORECASE):
        yield f'the word "{word}" tells a reader nothing'
    for label, _ in mistakes(nb):
        if not label.startswith("mistake-"):
            yield 'an admonition "A common mistake" lacks `:name: mistake-…`'


RULES = (executed, sizes, openings, hidden, leftovers, slides, exercises, figures, prose)


def complaints(path: Path) -> list[str]:
    """Everything that is wrong with the notebook at `path`, an empty list if nothing is."""
    nb = read(path)
    return [f"{path.name}: {line}" for rule in RULES for line in rule(nb, path)]
