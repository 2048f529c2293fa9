"""The notebooks' first cell, rehearsed in an environment like a bare Colab: torch and numpy are there, lmcore is not.

The cell itself runs unchanged. git is told to take the book's address from this folder, and pip the small packages
from a folder of empty wheels, so that nothing is asked of a network.
"""

import base64
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import hygiene
import pytest

BARE = ("torch", "numpy", "pip", "setuptools", "wheel", "packaging")
CLOSED = "http://127.0.0.1:9"


def write_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel that holds one module, `name.py`, which says that it is a stand-in."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'STAND_IN = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def needed(names) -> set[str]:
    """The named distributions and all that they need, as installed here."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            try:
                requirements = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # needed on another platform only
            found.add(name)
            plain = (line for line in requirements if "extra ==" not in line)
            waiting += ["".join(c if c.isalnum() or c in "-_." else " " for c in line).split()[0] for line in plain]
    return found


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """A virtual environment, its python, in which torch and numpy can be imported and lmcore cannot."""
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    site = Path(sysconfig.get_paths()["purelib"])
    for name in needed(BARE):
        for file in importlib.metadata.files(name):
            top = file.parts[0]
            if top != ".." and (site / top).exists() and not (borrowed / top).exists():
                (borrowed / top).symlink_to(site / top)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "venv" / "lib" / version / "site-packages"
    (packages / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    return folder / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """What the network would give: the book's repository, and wheels, newer torch and numpy among them."""
    folder = tmp_path_factory.mktemp("shelf")
    book = folder / "book"
    book.mkdir()
    for name in ("lmcore", "pyproject.toml", "README.md", "LICENSE"):
        source = hygiene.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, book / name)
    git = ["git", "-C", book, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "the book"]):
        subprocess.run([*git, *command], check=True)
    for name in hygiene.small_packages():
        write_wheel(folder, name, "99.0")
    write_wheel(folder, "torch", "99.0")
    write_wheel(folder, "numpy", "99.0")
    write_wheel(folder, "lmcore", "99.0")
    return folder


def run(python: Path, code: str, **extra: str) -> subprocess.CompletedProcess:
    """Run code with that python, with no pip, proxy or path setting of this machine but those given."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("PIP_", "PYTHON"))}
    closed = {key: CLOSED for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    quick = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(
        [python, "-c", code],
        env=kept | closed | quick | extra,
        cwd=python.parent,
        capture_output=True,
        text=True,
    )


def offline_shelf(shelf: Path) -> dict[str, str]:
    """The settings that put the shelf in the network's place."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(shelf),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the other way round
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{shelf}/book.insteadOf",
        "GIT_CONFIG_VALUE_0": hygiene.address(),
    }


VERSIONS = """
from importlib.metadata import version, PackageNotFoundError
def of(name):
    try: return version(name)
    except PackageNotFoundError: return None
print([of(name) for name in NAMES])
"""


def versions(python: Path, *names: str) -> list:
    """Which versions of the named distributions that python has, None for those it lacks."""
    return eval(run(python, f"NAMES = {names!r}{VERSIONS}").stdout)


def test_the_first_cell_in_a_bare_colab(colab, shelf):
    before = versions(colab, "torch", "numpy")
    assert None not in before and versions(colab, "lmcore", "pooch") == [None, None]

    alone = run(colab, hygiene.first_cell())
    assert alone.returncode != 0
    assert "lmcore is not here and cannot be fetched: connect to the network" in alone.stderr
    assert versions(colab, "lmcore", "pooch") == [None, None]

    first = run(colab, hygiene.first_cell(), **offline_shelf(shelf))
    assert first.returncode == 0, first.stderr
    own = importlib.metadata.version("lmcore")
    assert versions(colab, "lmcore", *hygiene.small_packages()) == [own, *["99.0"] * len(hygiene.small_packages())]
    assert versions(colab, "torch", "numpy") == before

    again = run(colab, hygiene.first_cell())  # no network: it must not want any
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_the_first_cell_does_nothing_where_the_book_is_installed():
    done = run(Path(sys.executable), hygiene.first_cell())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_first_cell_takes_lmcore_from_its_repository_only():
    """The package index has another project called lmcore."""
    assert f'{{"lmcore": "--no-deps git+{hygiene.address()}"}}' in hygiene.first_cell()
