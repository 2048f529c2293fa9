"""What the book's pages take from elsewhere while it is built: a Sphinx extension, named in _config.yml.

- the repository's address, from pyproject.toml, behind the Colab, repository and issue buttons;
- `<!-- common mistakes -->` in a page becomes the list of every "A common mistake" in the notebooks;
- `<!-- results -->` becomes the tables of book/results/*.json;
- `<!-- ladder … -->` becomes a table or the figure of the ladder;
- `<!-- story -->` becomes one of the Village's stories;
- figures and exercises are numbered within their chapter;
- 404.html, at the root of the built book, from book/404.html.
"""

import json
import re
from functools import partial
from pathlib import Path

import ladder_page
from hygiene import ROOT, address, chapters, mistakes, read

from lmcore.village import Village

RESULTS = ROOT / "book" / "results"


def title(path: Path) -> str:
    """The heading of a notebook, without its mark."""
    return read(path).cells[0].source.splitlines()[0].lstrip("# ")


def mistakes_list() -> str:
    """One entry a mistake, in the order of their numbers; those without a number come last, in reading order."""
    entries = []
    for path in chapters():
        for label, paragraph in mistakes(read(path)):
            name = label.removeprefix("mistake-")
            rank = int(name) if name.isdigit() else 10_000
            mark = f"**{name}.** " if name.isdigit() else ""
            quoted = " ".join(paragraph.split())
            entries.append((rank, f"- {mark}{quoted}\n  {{ref}}`Proof in {title(path)} <{label}>`."))
    return "\n".join(entry for _, entry in sorted(entries, key=lambda entry: entry[0]))


def results_tables() -> str:
    """One table a chapter, one row a result: its value with the spread over seeds, and how it was measured.

    The ladder's many rows stand on a page of their own.
    """
    parts = []
    for path in sorted(RESULTS.glob("*.json")):
        if path.stem == "ladder":
            parts.append("## [The ladder](the_ladder.md)\n\nIts rows have a page of their own.")
            continue
        rows = json.loads(path.read_text(encoding="utf-8"))
        notebook = ROOT / "notebooks" / f"{path.stem}.ipynb"
        heading = f"[{title(notebook)}](../notebooks/{notebook.name})" if notebook.is_file() else path.stem
        columns = "| result | value | data | seeds | seconds | tolerance |"
        lines = [f"## {heading}", "", columns, re.sub("[^|]+", "---", columns)]
        for name, row in sorted(rows.items()):
            spread = "" if row["spread"] is None else f" ± {row['spread']:.2g}"
            seeds = ", ".join(map(str, row["seeds"])) or "none"
            seconds = "" if row["seconds"] is None else f"{row['seconds']:.3g}"
            value = f"{row['value']:.5g}{spread} {row['unit']}"
            lines.append(f"| `{name}` | {value} | {row['data']} | {seeds} | {seconds} | {row['tolerance']:.1%} |")
        places = sorted({row["where"] for row in rows.values()})
        parts.append("\n".join([*lines, "", f"Measured on: {'; '.join(places)}."]))
    return "\n\n".join(parts)


def story() -> str:
    """One of the Village's stories, as people read it."""
    return f"> {Village().story(seed=3).prose}"


GENERATED = {
    "<!-- story -->": story,
    "<!-- common mistakes -->": mistakes_list,
    "<!-- results -->": results_tables,
    "<!-- ladder loss -->": ladder_page.loss_table,
    "<!-- ladder cost -->": ladder_page.cost_table,
    "<!-- ladder figure -->": ladder_page.figure,
    "<!-- ladder shakespeare -->": ladder_page.shakespeare_table,
    "<!-- ladder marks -->": ladder_page.marks_table,
    "<!-- ladder recall by facts -->": ladder_page.recall_table,
    **{f"<!-- ladder {p} -->": partial(ladder_page.accuracy_table, p) for p in ladder_page.CHANCE},
    "<!-- ladder seeds excess -->": ladder_page.excess_seeds_table,
    "<!-- ladder seeds recall by facts -->": partial(ladder_page.seeds_table, "recall_facts"),
    **{f"<!-- ladder seeds {p} -->": partial(ladder_page.seeds_table, p) for p in ladder_page.CHANCE},
}


def fill_page(app, docname: str, source: list[str]) -> None:
    """Put generated MyST text in the place of its mark."""
    for mark, generate in GENERATED.items():
        if docname.startswith("book/") and mark in source[0]:
            source[0] = source[0].replace(mark, generate())


def always_read(app, env, added, changed, removed) -> list[str]:
    """Pages with generated text change when the notebooks or the results do, so they are read at every build."""
    generated = {"book/index", "book/common_mistakes", "book/results", "book/the_ladder"}
    return sorted(generated & set(env.found_docs))


def number_by_chapter(app, env) -> list[str]:
    """Number figures and exercises within their chapter: the first exercise of 03_ngram is 3.1."""
    for docname, kinds in env.toc_fignumbers.items():
        if chapter := re.match(r"notebooks/0*(\d+[a-z]?)_", docname):
            for numbers in kinds.values():
                in_order = sorted(numbers, key=numbers.get)
                numbers.update({label: (chapter[1], place) for place, label in enumerate(in_order, 1)})
    return []


def drop_thebe(app) -> None:
    """Jupyter Book always loads sphinx-thebe, whose script names another host and runs twice; no page uses it."""
    for listeners in app.events.listeners.values():
        listeners[:] = [entry for entry in listeners if not entry.handler.__module__.startswith("sphinx_thebe")]
    app.registry.css_files[:] = [entry for entry in app.registry.css_files if "thebe" not in entry[0]]


def settle(app, config) -> None:
    """Give the theme's buttons the repository's address, and leave out what no page uses."""
    drop_thebe(app)
    config.html_theme_options |= {
        "repository_url": address(),
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "use_issues_button": True,
    }


def write_missing_page(app, exception) -> None:
    """A page for addresses that do not exist. It may be shown at any depth, so its links are absolute."""
    if exception is None and app.builder.format == "html":
        home = f"/{re.sub(r'.*/', '', address())}/"
        page = (ROOT / "book" / "404.html").read_text(encoding="utf-8").replace("{{home}}", home)
        Path(app.outdir, "404.html").write_text(page, encoding="utf-8")


def setup(app) -> dict:
    """Sphinx calls this once."""
    app.connect("config-inited", settle)
    app.connect("source-read", fill_page)
    app.connect("env-get-outdated", always_read)
    app.connect("env-get-updated", number_by_chapter, priority=900)
    app.connect("build-finished", write_missing_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
