"""The browser libraries that the book carries with it, so that no page asks another host for anything.

    python tools/vendor.py          check every file against its SHA-256 (make test does the same)
    python tools/vendor.py fetch    take the files anew from the packages below (needs npm and the package index)

To move to a new version: change it here, fetch, look at the pages (make look), commit the files with the manifest.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "_vendor" / "_static" / "vendor"
MANIFEST = VENDOR / "manifest.json"

# name: (version, licence, what it is for, {file or folder in the package: where it stands here})
LIBRARIES = {
    "mathjax": (
        "3.2.2",
        "Apache-2.0",
        "formulas in pages and slides",
        {
            "es5/tex-mml-chtml.js": "tex-mml-chtml.js",
            "es5/output/chtml/fonts": "output/chtml/fonts",
            "es5/input/tex/extensions": "input/tex/extensions",
            "LICENSE": "LICENSE",
        },
    ),
    "reveal.js": (
        "5.2.1",
        "MIT",
        "slides",
        {
            "dist/reveal.js": "reveal.js",
            "dist/reveal.css": "reveal.css",
            "dist/reset.css": "reset.css",
            "LICENSE": "LICENSE",
        },
    ),
}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(name: str) -> list[Path]:
    """Every file that lies under one library's folder, in a fixed order."""
    return sorted(path for path in (VENDOR / name).rglob("*") if path.is_file())


def complaints() -> list[str]:
    """What differs between the manifest and the files: changed, missing and unlisted ones, one line each."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    found = [f"{name} is in the manifest but not in LIBRARIES, or the reverse" for name in manifest.keys() ^ LIBRARIES]
    for name, entry in manifest.items():
        present = {path.relative_to(VENDOR).as_posix(): digest(path) for path in files_of(name)}
        for path in sorted(present.keys() | entry["files"].keys()):
            if present.get(path) != entry["files"].get(path):
                found.append(f"{path}: manifest {entry['files'].get(path)}, on disk {present.get(path)}")
        if name in LIBRARIES and LIBRARIES[name][0] != entry["version"]:
            found.append(f"{name}: manifest has version {entry['version']}, tools/vendor.py {LIBRARIES[name][0]}")
    return found


def fetch() -> None:
    """Take every library's files out of its package and write the manifest."""
    manifest = {}
    for name, (version, licence, purpose, wanted) in LIBRARIES.items():
        shutil.rmtree(VENDOR / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
            for source, target in wanted.items():
                origin, goal = Path(folder, "package", source), VENDOR / name / target
                goal.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if origin.is_dir() else shutil.copyfile)(origin, goal)
        files = {path.relative_to(VENDOR).as_posix(): digest(path) for path in files_of(name)}
        manifest[name] = {"version": version, "licence": licence, "purpose": purpose, "files": files}
    MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["fetch"]:
        fetch()
    problems = complaints()
    print("\n".join(problems) or "Every vendored file is the one in the manifest.")
    sys.exit(bool(problems))
