"""Slides of each chapter, made of the notebook's own cells, to be shown without a network.

    python tools/slides.py [FILE …]      writes _build/html/slides/<chapter>.html

A cell's `slideshow.slide_type` says where it goes: slide and subslide begin a new one, fragment appears at a key press,
"-" continues, notes and skip are left out; exercises are always left out. reveal.js and MathJax are the vendored ones.
"""

import html
import re
import shutil
import sys
from pathlib import Path

from hygiene import ROOT, chapters, read, tags
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

OUT = ROOT / "_build" / "html" / "slides"
VENDOR = Path("_static", "vendor")
STYLE = ROOT / "book" / "slides.css"
FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w-]+)\} *(.*)$")
ROLE = re.compile(r"\{(\w+)(?::\w+)?\}`([^`<]*?)(?: *<[^`]*>)?`")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title} · slides</title>
<link rel="stylesheet" href="../{vendor}/reveal.js/reset.css">
<link rel="stylesheet" href="../{vendor}/reveal.js/reveal.css">
<style>
{style}
</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>window.MathJax = {{startup: {{typeset: true}}}};</script>
<script src="../{vendor}/mathjax/tex-mml-chtml.js"></script>
<script src="../{vendor}/reveal.js/reveal.js"></script>
<script>
Reveal.initialize({{hash: true, slideNumber: true, transition: "none", width: 1100, height: 720, center: false}});
</script>
</body>
</html>
"""


def _formula(content: str, options: dict) -> str:
    left, right = ("\\[", "\\]") if options["display_mode"] else ("\\(", "\\)")
    return f"{left}{html.escape(content)}{right}"


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=_formula)


def plain_markdown(source: str) -> str:
    """MyST as plain markdown: a directive becomes its title and its body, a role its text."""
    lines: list[str] = []
    fences: list[tuple[str, list[str]]] = []  # open ones: what closes it, what then stands in the last line's place
    options = False
    for line in source.splitlines():
        if match := FENCE.match(line):
            fence, kind, argument = match.groups()
            fences.append((fence, ["$$"] if kind == "math" else []))
            options = True
            if kind == "math":
                lines.append("$$")
            elif kind == "literalinclude":
                lines.append(f"`{argument.removeprefix('../')}`\n")
            elif argument and kind != "figure":
                lines.append(f"**{argument}**\n")
        elif options and re.match(r":[\w-]+:", line):
            continue
        elif fences and line.rstrip() == fences[-1][0]:
            lines += fences.pop()[1]
            options = False
        else:
            options = False
            if line.startswith("```"):
                fences.append(("```", ["```"]))
            lines.append(line)
    text = re.sub(r"<!--.*?-->|\[\]\([^)]*\)", "", "\n".join(lines), flags=re.DOTALL)
    return ROLE.sub(lambda match: "" if match[1] == "cite" else match[2], text)


def output_html(output) -> str:
    """What a cell shows: a picture, HTML, or text."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        return f"<div class='picture'>{data['image/svg+xml']}</div>"
    if "image/png" in data:
        return f"<div class='picture'><img alt='' src='data:image/png;base64,{data['image/png'].strip()}'></div>"
    if "text/html" in data:
        return f"<div class='html'>{data['text/html']}</div>"
    text = output.get("text") or data.get("text/plain", "")
    return f"<pre class='text'>{html.escape(text)}</pre>" if text else ""


def cell_html(cell) -> str:
    """One cell as HTML: markdown, or code with its outputs, the code left out where the page folds it."""
    if cell.cell_type == "markdown":
        return MARKDOWN.render(plain_markdown(cell.source))
    hidden = any(tag.startswith(("hide-input", "hide-cell", "remove-")) for tag in tags(cell))
    code = "" if hidden else highlight(cell.source, PythonLexer(), HtmlFormatter(cssclass="code"))
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    shown = "".join(output_html(output) for output in cell.outputs)
    return code + shown.replace("<img alt=''", f'<img alt="{html.escape(alt)}"')


def slides_html(nb) -> str:
    """All slides of a notebook: a section for each slide, with a section inside it for each subslide."""
    stacks: list[list[str]] = []
    for cell in nb.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind in ("skip", "notes"):
            continue
        content = cell_html(cell)
        if not content.strip():
            continue
        if kind == "slide" or not stacks:
            stacks.append([content])
        elif kind == "subslide":
            stacks[-1].append(content)
        else:
            stacks[-1][-1] += f"<div class='fragment'>{content}</div>" if kind == "fragment" else content
    parts = ("".join(f"<section>{slide}</section>\n" for slide in stack) for stack in stacks)
    return "".join(f"<section>\n{part}</section>\n" for part in parts)


def write(path: Path) -> Path:
    """Write one chapter's slides; returns the file."""
    nb = read(path)
    title = nb.cells[0].source.splitlines()[0].lstrip("# ")
    style = STYLE.read_text(encoding="utf-8") + HtmlFormatter(style="default").get_style_defs(".code")
    page = PAGE.format(title=html.escape(title), vendor=VENDOR.as_posix(), style=style, slides=slides_html(nb))
    target = OUT / f"{path.stem}.html"
    target.write_text(page, encoding="utf-8")
    return target


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "_vendor" / VENDOR, OUT.parent / VENDOR, dirs_exist_ok=True)
    for notebook in [Path(name) for name in sys.argv[1:]] or chapters():
        print(f"Slides: {write(notebook)}")
