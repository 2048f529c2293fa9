"""Every notebook keeps the rules of tools/hygiene.py, and every rule catches the notebook that breaks it."""

import copy
import re

import hygiene
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TITLE = "# 3 · Counting\n\nClaim: 2.19 bits.\n\n- count\n- smooth\n- measure\n\n60 minutes to teach, one to run."
MISTAKE = "```{admonition} A common mistake\n:class: warning\n:name: mistake-16\nN words, not N−1.\n\nProof below.\n```"


def good_notebook():
    """A notebook that keeps every rule: 27 code cells, 4 exercises, one picture, one common mistake."""
    slide = {"slideshow": {"slide_type": "slide"}}
    skip = {"slideshow": {"slide_type": "skip"}}
    cells = [new_markdown_cell(TITLE, metadata=slide), new_code_cell(hygiene.first_cell(), metadata=slide)]
    cells += [new_code_cell("import math", metadata=slide), new_markdown_cell(MISTAKE, metadata=slide)]
    cells += [new_code_cell(f"x = {number}\nassert x == {number}", metadata=slide) for number in range(20)]
    picture = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    alt = {"mystnb": {"image": {"alt": "a bar"}}, "tags": ["hide-input"], **slide}
    cells.append(new_code_cell("fig = [bar for bar in (1, 2)]", outputs=[picture], metadata=alt))
    for number in range(4):
        start = f"```{{exercise-start}}\n:label: ex-{number}\n```\nWhy?\n```{{exercise-end}}\n```"
        solution = f"```{{solution-start}} ex-{number}\n:class: dropdown\n```"
        cells += [new_markdown_cell(start, metadata=skip), new_markdown_cell(solution, metadata=skip)]
        cells += [new_code_cell("1 + 1", metadata=skip), new_markdown_cell("```{solution-end}\n```", metadata=skip)]
    notebook = new_notebook(cells=cells, metadata=copy.deepcopy(hygiene.METADATA))
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
    return notebook


def code(notebook, number):
    """The code cell with that number, counted from 1."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number - 1]


def found_in(notebook, folder):
    """What the rules say about a notebook written to disk as chapter 3."""
    path = folder / "03_ngram.ipynb"
    nbformat.write(notebook, path)
    return hygiene.complaints(path)


@pytest.mark.parametrize("path", hygiene.chapters(), ids=lambda path: path.stem)
def test_each_chapter_keeps_every_rule(path):
    assert hygiene.complaints(path) == []


def test_the_book_has_the_chapters_of_its_contents():
    contents = (hygiene.ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = re.findall(r"file: notebooks/(\w+)", contents)
    assert listed == [path.stem for path in hygiene.chapters()] != []


def test_labels_stand_once_in_the_whole_book():
    sources = [cell.source for path in hygiene.chapters() for cell in hygiene.read(path).cells]
    labels = [label for source in sources for label in re.findall(r"^:(?:label|name): *(\S+)", source, re.MULTILINE)]
    assert len(labels) == len(set(labels)) > 0


def test_a_good_notebook_has_nothing_to_complain_of(tmp_path):
    assert found_in(good_notebook(), tmp_path) == []


def set_source(number, source):
    return lambda notebook: code(notebook, number).update(source=source)


def add_output(number, output):
    return lambda notebook: code(notebook, number).outputs.append(output)


STDERR = new_output("stream", name="stderr", text="careful\n")
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
WIDGET = new_output("display_data", data={hygiene.WIDGET: {"model_id": "1"}})
PATH = new_output("stream", name="stdout", text="read /home/me/input.txt\n")
BREAKS = {
    "run out of order": (lambda notebook: code(notebook, 3).update(execution_count=9), "execution counts"),
    "not run": (lambda notebook: code(notebook, 3).update(execution_count=None), "execution counts"),
    "a warning": (add_output(4, STDERR), "stderr"),
    "an error": (add_output(4, ERROR), "error"),
    "a long cell": (set_source(5, "\n".join(["1 + 1"] * 31)), "31 lines"),
    "long cells": (lambda n: [set_source(k, "1\n" * 9 + "assert 1")(n) for k in range(3, 22)], "median"),
    "few cells": (lambda notebook: notebook.cells.__delitem__(slice(4, 10)), "not 25 to 40"),
    "few asserts": (lambda notebook: [set_source(k, "# assert")(notebook) for k in range(3, 20)], "fewer than 6"),
    "another number": (lambda notebook: notebook.cells[0].update(source=TITLE.replace("3", "4", 1)), "does not begin"),
    "no objectives": (lambda notebook: notebook.cells[0].update(source=TITLE.replace("- ", "")), "objectives"),
    "another first cell": (set_source(1, hygiene.first_cell().replace("--no-deps ", "")), "shared one"),
    "hidden imports": (lambda notebook: code(notebook, 2).metadata.update(tags=["hide-input"]), "imports"),
    "a hidden name": (set_source(23, "secret = 1\nfig = secret"), "defines secret"),
    "a hidden function": (set_source(23, "def helper():\n    return 1"), "defines helper"),
    "other metadata": (lambda notebook: notebook.metadata.update(widgets={}), "metadata"),
    "an empty cell": (set_source(6, " "), "empty"),
    "a dead widget": (add_output(6, WIDGET), "widget"),
    "a path in an output": (add_output(6, PATH), "absolute path, /home/m"),
    "a path in the code": (set_source(6, 'open("/home/me/x")'), "absolute path"),
    "no slide type": (lambda notebook: code(notebook, 7).metadata.pop("slideshow"), "slide_type"),
    "few slides": (lambda n: [c.metadata.slideshow.update(slide_type="-") for c in n.cells[1:24]], "fewer than 8"),
    "a shown exercise": (
        lambda notebook: code(notebook, 24).metadata.slideshow.update(slide_type="slide"),
        "not skipped",
    ),
    "no solution": (lambda notebook: notebook.cells.__delitem__(-3), "without exactly one"),
    "an open solution": (lambda notebook: notebook.cells[-3].update(source="```{solution-start} ex-3\n```"), "folded"),
    "few exercises": (lambda notebook: notebook.cells.__delitem__(slice(-4, None)), "not four to six"),
    "no alternative text": (lambda notebook: code(notebook, 23).metadata.pop("mystnb"), "picture"),
    "an empty word": (lambda notebook: notebook.cells[3].update(source="It is simply so."), '"simply"'),
    "an unnamed mistake": (
        lambda notebook: notebook.cells[3].update(source=MISTAKE.replace(":name: mistake-16\n", "")),
        "lacks `:name:",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_rule_catches_what_breaks_it(name, tmp_path):
    change, message = BREAKS[name]
    notebook = good_notebook()
    change(notebook)
    assert any(message in line for line in found_in(notebook, tmp_path)), found_in(notebook, tmp_path)


def test_a_mistake_is_read_with_its_label_and_its_first_paragraph():
    assert hygiene.mistakes(good_notebook()) == [("mistake-16", "N words, not N−1.")]
