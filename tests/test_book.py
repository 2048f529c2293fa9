"""What the pages and slides take out of the notebooks and the results."""

import json
import re

import book_pages
import hygiene
import pytest
import slides
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes


def chapter(folder, name, title, *cells):
    """Write a notebook of that name and title with the given cells."""
    (folder / "notebooks").mkdir(exist_ok=True)
    path = folder / "notebooks" / f"{name}.ipynb"
    path.write_text(writes(new_notebook(cells=[new_markdown_cell(f"# {title}"), *cells])), encoding="utf-8")
    return path


def mistake(label, text):
    """A cell with one admonition, its proof announced in a second paragraph."""
    body = f":class: warning\n:name: {label}\n{text}\n\nThe cell below proves it."
    return new_markdown_cell(f"Words before.\n\n```{{admonition}} A common mistake\n{body}\n```\nWords after.")


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """Two chapters with three mistakes, and one result."""
    paths = [
        chapter(tmp_path, "01_one", "1 · One", mistake("mistake-22", "Late."), mistake("mistake-words", "Unnumbered.")),
        chapter(tmp_path, "03_two", "3 · Two", mistake("mistake-16", "N words,\nnot $N-1$.")),
    ]
    row = {"value": 2.1874, "unit": "bits", "seeds": [0, 1], "spread": 0.0123, "seconds": 3.21, "tolerance": 0.01}
    row |= {"data": "a text", "config": {}, "hash": "0", "where": "a machine"}
    (tmp_path / "03_two.json").write_text(json.dumps({"kn7": row}), encoding="utf-8")
    monkeypatch.setattr(book_pages, "chapters", lambda: paths)
    monkeypatch.setattr(book_pages, "RESULTS", tmp_path)
    monkeypatch.setattr(book_pages, "ROOT", tmp_path)


def test_the_mistakes_are_listed_by_number_with_a_link_to_each_proof(small_book):
    assert book_pages.mistakes_list().splitlines() == [
        "- **16.** N words, not $N-1$.",
        "  {ref}`Proof in 3 · Two <mistake-16>`.",
        "- **22.** Late.",
        "  {ref}`Proof in 1 · One <mistake-22>`.",
        "- Unnumbered.",
        "  {ref}`Proof in 1 · One <mistake-words>`.",
    ]


def test_the_results_become_a_table(small_book):
    table = book_pages.results_tables()
    assert table.startswith("## [3 · Two](../notebooks/03_two.ipynb)\n")
    assert "| `kn7` | 2.1874 ± 0.012 bits | a text | 0, 1 | 3.21 | 1.0% |" in table
    assert table.endswith("Measured on: a machine.")


def test_only_the_marked_pages_are_filled(small_book):
    for docname, filled in (("book/results", True), ("notebooks/03_two", False)):
        source = ["Before. <!-- results -->"]
        book_pages.fill_page(None, docname, source)
        assert ("kn7" in source[0]) is filled


def test_figures_are_numbered_within_their_chapter():
    class Environment:
        toc_fignumbers = {  # noqa: RUF012
            "notebooks/03_ngram": {"figure": {"b": (8,), "a": (7,)}, "exercise": {"c": (5,)}},
            "notebooks/04a_rnn": {"figure": {"d": (9,)}},
            "book/data": {"figure": {"e": (1,)}},
        }

    book_pages.number_by_chapter(None, Environment)
    assert Environment.toc_fignumbers == {
        "notebooks/03_ngram": {"figure": {"a": ("3", 1), "b": ("3", 2)}, "exercise": {"c": ("3", 1)}},
        "notebooks/04a_rnn": {"figure": {"d": ("4a", 1)}},
        "book/data": {"figure": {"e": (1,)}},
    }


def cell_of(kind, source, **more):
    """A markdown cell of that slide type, or a code cell where outputs are given."""
    make = new_code_cell if "outputs" in more else new_markdown_cell
    metadata = {"slideshow": {"slide_type": kind}, **more.pop("metadata", {})}
    return make(source, metadata=metadata, **more)


def test_slides_follow_the_cells_metadata():
    text = [new_output("stream", text="a < b\n")]
    picture = [new_output("display_data", data={"image/png": "aGk="})]
    folded = {"tags": ["hide-input"], "mystnb": {"image": {"alt": 'a "bar"'}}}
    page = slides.slides_html(
        new_notebook(
            cells=[
                cell_of("slide", "# First"),
                cell_of("-", "more"),
                cell_of("fragment", "later"),
                cell_of("subslide", "print('a < b')", outputs=text),
                cell_of("skip", "an exercise"),
                cell_of("notes", "a note"),
                cell_of("slide", "secret = 1", outputs=picture, metadata=folded),
            ]
        )
    )
    stacks = re.findall(r"<section>\n(.*?)</section>\n</section>", page, re.DOTALL)
    assert len(stacks) == 2 and page.count("<section>") == 5
    assert "<h1>First</h1>" in stacks[0] and "<div class='fragment'><p>later</p>" in stacks[0]
    assert "<pre class='text'>a &lt; b\n</pre>" in stacks[0]
    assert 'alt="a &quot;bar&quot;"' in stacks[1]
    assert not any(word in page for word in ("exercise", "a note", "secret"))


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("```{admonition} Title\n:class: warning\n:name: m\nWrong.\n```\nAfter.", "**Title**\n\nWrong.\nAfter."),
        ("````{note}\n```python\nx = 1\n```\n````", "```python\nx = 1\n```"),
        ("```{literalinclude} ../lmcore/model.py\n:pyobject: select\n```", "`lmcore/model.py`\n"),
        (":::{note}\nWords.\n:::", "Words."),
        ("It is 2.19<!--r:03_ngram.kn7--> bits.", "It is 2.19 bits."),
        ("So {cite}`shannon1948` says; see {ref}`the figure <fig-a>`.", "So  says; see the figure."),
        ("```{math}\n:label: a\nx = 1\n```", "$$\nx = 1\n$$"),
        ("```python\nx = 1\n```", "```python\nx = 1\n```"),
    ],
)
def test_myst_becomes_plain_markdown(source, shown):
    assert slides.plain_markdown(source) == shown


def test_formulas_reach_mathjax_as_they_are():
    assert "\\(a &lt; b_1\\)" in slides.MARKDOWN.render("so $a < b_1$")
    assert "\\[x_1 * y_1\\]" in slides.MARKDOWN.render("$$x_1 * y_1$$").replace("\n", "")


def test_the_slides_page_asks_no_other_host():
    assert hygiene.address() not in slides.PAGE
    assert re.findall(r"(?:src|href)=\"(?!\.\./|data:)([^\"]*)\"", slides.PAGE) == []
