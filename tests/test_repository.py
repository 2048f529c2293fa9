"""What the repository says of itself is true: tree, address, licences, commands, vendored files."""

import fnmatch
import json
import re
import subprocess
import tomllib

import hygiene
import pytest
import vendor
import yaml

ROOT = hygiene.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOSTED = re.compile(r"https?://(?:www\.)?github\.com/[\w.-]+/[\w.-]+|\bgit@github\.com:\S+")


def tracked() -> list[str]:
    """The files of the repository: those git knows, and new ones it would not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in listed if (ROOT / name).is_file())


def texts():
    """(name, text) of every tracked text file that we wrote."""
    for name in tracked():
        ours = not name.startswith(("_vendor/", "tests/fixtures/"))
        if ours and not name.endswith((".png", ".webp", ".safetensors")):
            yield name, (ROOT / name).read_text(encoding="utf-8")


def test_the_tree_in_the_readme_is_the_tree():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- tree -->")[2].partition("\n## ")[0]
    rows = dict(line.split(maxsplit=1) for line in tree.splitlines() if line.startswith("    "))
    present = {"/".join(name.split("/")[:2]) for name in tracked()}
    assert {name for name in present if not any(fnmatch.fnmatch(name, row) for row in rows)} == set()
    assert {row for row in rows if not fnmatch.filter(present, row)} == set()
    assert all(len(words) > 8 for words in rows.values())


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) >= 4 and [link for link in links if not (ROOT / link).is_file()] == []


def test_every_command_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    asked = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"book", "test", "serve", "look", "notebooks", "results", "bench", "slides", "clean"} <= targets & asked


def test_ci_runs_the_test_command():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec make test")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
    assert "bash .ci/run" in [step.get("run") for step in workflow["jobs"]["test"]["steps"]]
    for name, job in workflow["jobs"].items():
        assert job["runs-on"] and all(step.keys() & {"uses", "run"} for step in job["steps"]), name


def test_the_address_stands_once():
    """In pyproject.toml; the notebooks' first cell, which is generated from there, is the only copy."""
    cell = json.dumps(hygiene.first_cell(), ensure_ascii=False)[1:-1].split("\\n")
    for name, text in texts():
        if name.endswith(".ipynb"):
            for line in cell:
                text = text.replace(line, "", 1)
        found = HOSTED.findall(text)
        assert found == ([PROJECT["urls"]["Repository"]] if name == "pyproject.toml" else []), name


def test_the_first_cells_packages_are_lmcores_dependencies():
    assert hygiene.small_packages() == ["ipywidgets", "matplotlib", "pooch", "safetensors", "tqdm"]


def test_the_pinned_versions_satisfy_lmcore():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    plain = [line for line in lines if line and not line.startswith("#") and "==" not in line]
    assert plain == ["-e ."]
    for requirement in PROJECT["dependencies"]:
        name, least = requirement.split(">=")
        assert [int(part) for part in pins[name].split(".")[:2]] >= [int(part) for part in least.split(".")]


def test_no_file_names_a_place_on_a_machine():
    placed = re.compile(r"(?<![\w.:~/(|-])/(?:work|root|tmp|farm)/\w")
    assert [name for name, text in texts() if placed.search(text)] == []


def test_vendored_files_are_those_of_the_manifest():
    assert vendor.complaints() == []
    for name in vendor.LIBRARIES:
        assert (vendor.VENDOR / name / "LICENSE").is_file()


def test_a_changed_vendored_file_is_found(tmp_path, monkeypatch):
    manifest = json.loads(vendor.MANIFEST.read_text(encoding="utf-8"))
    for name, entry in manifest.items():
        for file in entry["files"]:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes((vendor.VENDOR / file).read_bytes())
        (tmp_path / name / "extra.js").write_text("1", encoding="utf-8")
    (tmp_path / "reveal.js" / "reveal.js").write_text("2", encoding="utf-8")
    (tmp_path / "mathjax" / "LICENSE").unlink()
    monkeypatch.setattr(vendor, "VENDOR", tmp_path)
    found = " ".join(vendor.complaints())
    for file in ("reveal.js/reveal.js", "reveal.js/extra.js", "mathjax/extra.js", "mathjax/LICENSE"):
        assert file in found


def test_authors_version_and_licence_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    author = "The lmcore authors"
    assert [PROJECT["authors"], citation["authors"], config["author"]] == [[{"name": author}]] * 2 + [author]
    assert str(citation["version"]) == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["title"] == config["title"]


def test_the_pre_commit_hooks_run_what_is_here():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        assert hook["language"] == "system" and hook["entry"].startswith(".venv/bin/")
        assert all((ROOT / word).is_file() for word in hook["entry"].split() if word.startswith("tools/"))


def test_every_citation_has_an_entry():
    entries = re.findall(r"^@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)
    cited = {
        key.strip()
        for name, text in texts()
        if name.endswith((".md", ".ipynb"))
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
        for key in keys.split(",")
    }
    assert len(entries) == len(set(entries)) and cited <= set(entries) and cited


@pytest.mark.parametrize("name", ["book/index.md", "book/common_mistakes.md", "book/results.md"])
def test_generated_parts_and_chapters_are_on_the_pages(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    marks = {"book/common_mistakes.md": ["<!-- common mistakes -->"], "book/results.md": ["<!-- results -->"]}
    cards = [f":link: ../notebooks/{path.stem}" for path in hygiene.chapters()]
    assert all(mark in text for mark in marks.get(name, cards))
