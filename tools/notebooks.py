"""Work on the notebooks as files.

    python tools/notebooks.py run [FILE …]          run in place, keep the outputs a page can show
    python tools/notebooks.py check [FILE …]        the rules of tools/hygiene.py
    python tools/notebooks.py first-cell [FILE …]   rewrite the shared first cell from pyproject.toml

Without files, all of notebooks/.
"""

import base64
import io
import os
import sys
import time
from pathlib import Path

import nbformat
from hygiene import METADATA, WIDGET, chapters, complaints, first_cell, read
from nbclient import NotebookClient
from PIL import Image

CELL_TIMEOUT = 300  # seconds


def clean(nb: nbformat.NotebookNode) -> None:
    """Drop what only the running kernel understands or only this machine saw: widgets, timings, other metadata."""
    nb.metadata = nbformat.from_dict(METADATA)
    nb.nbformat_minor = 5
    for cell in nb.cells:
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled", "jupyter", "vscode", "outputId", "colab"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
            for output in cell.outputs:
                if picture := output.get("data", {}).get("image/png"):
                    output.data["image/png"] = with_palette(picture)


def with_palette(png: str) -> str:
    """The same picture, base64, in at most 256 colours: a third of the bytes, and no eye sees it."""
    small = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode() + "\n"


def run(path: Path) -> None:
    """Run every cell from the top in the notebook's folder and write the notebook in place."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    nb = read(path)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start = time.perf_counter()
    client = NotebookClient(
        nb,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    clean(nb)
    nbformat.write(nb, path)
    print(f"{path.name}: {time.perf_counter() - start:.0f} s")


def check(path: Path) -> bool:
    """Print what is wrong with a notebook; True if nothing is."""
    found = complaints(path)
    print("\n".join(found) or f"{path.name}: in order")
    return not found


def write_first_cell(path: Path) -> None:
    """Put the shared first cell in the place of the notebook's first code cell."""
    nb = read(path)
    cell = next(cell for cell in nb.cells if cell.cell_type == "code")
    if cell.source != first_cell():
        cell.source = first_cell()
        nbformat.write(nb, path)


if __name__ == "__main__":
    command, *names = sys.argv[1:] or ["help"]
    files = [Path(name) for name in names] or chapters()
    if command == "run":
        for file in files:
            run(file)
    elif command == "check":
        sys.exit(not all([check(file) for file in files]))
    elif command == "first-cell":
        for file in files:
            write_first_cell(file)
    else:
        sys.exit(__doc__)
