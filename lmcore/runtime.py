"""Where things run and how files are written: device, scale, threads, and writes that leave no half file."""

import glob
import math
import os
import tempfile
from pathlib import Path

import torch


def device() -> torch.device:
    """A CUDA card if there is one, else the processor. (Apple's cards lack float64, which losses are kept in.)"""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def scale() -> str:
    """How large a run a chapter makes: "cpu" (two minutes on a laptop) or "gpu".

    The environment variable LMCORE_SCALE decides; without it the scale follows the device.

    Raises ValueError if LMCORE_SCALE is neither "cpu" nor "gpu".
    """
    chosen = os.environ.get("LMCORE_SCALE")
    if chosen is None:
        return "gpu" if device().type == "cuda" else "cpu"
    if chosen not in ("cpu", "gpu"):
        raise ValueError(f"LMCORE_SCALE is {chosen!r}; set it to 'cpu' or 'gpu', or unset it.")
    return chosen


def memory() -> float:
    """Bytes of memory where models run, the card's or the machine's; infinite where the system does not say."""
    if device().type == "cuda":
        return torch.cuda.mem_get_info()[1]
    known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else math.inf


def precision() -> torch.dtype:
    """The type in which matrix products are computed in training: float32, or bfloat16 under LMCORE_PRECISION=bfloat16.

    Weights and losses stay float32. bfloat16 pays on a card, and on processors with the instructions for it from width
    256 up.

    Raises ValueError for another value of LMCORE_PRECISION.
    """
    chosen = os.environ.get("LMCORE_PRECISION", "float32")
    if chosen not in ("float32", "bfloat16"):
        raise ValueError(f"LMCORE_PRECISION is {chosen!r}; set it to 'float32' or 'bfloat16', or unset it.")
    return getattr(torch, chosen)


def threads() -> int:
    """How many threads one model may use: LMCORE_THREADS, else what torch chose (OMP_NUM_THREADS, or the cores).

    The last bits of a sum depend on it, so one figure is measured with one number of threads.

    Raises ValueError if LMCORE_THREADS is no whole number of at least 1.
    """
    chosen = os.environ.get("LMCORE_THREADS")
    if chosen is None:
        return torch.get_num_threads()
    if not chosen.isdigit() or int(chosen) < 1:
        raise ValueError(f"LMCORE_THREADS is {chosen!r}; set it to a whole number of at least 1, or unset it.")
    return int(chosen)


def check_seed(seed: int) -> int:
    """`seed` itself, if it is a whole number of at least 0; otherwise a TypeError or ValueError that says so."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be a whole number, not {seed!r}.")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}.")
    return seed


def write_whole(path: str | os.PathLike, data: bytes | str) -> None:
    """Write `data` to `path` so that the file is always whole: the old one until the new one is complete.

    The data go to a file beside it, which then takes its name in one step. A str is written as UTF-8.

    Raises OSError if the folder is missing or cannot be written; the previous file is then untouched.
    """
    path = Path(path)
    data = data.encode() if isinstance(data, str) else data
    handle, beside = _open_beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _file_mode())
        os.replace(beside, path)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            kept = "the previous file is whole" if path.exists() else "nothing was written"
            what = f"cannot write {path}: {error.strerror or error}; {kept}"
            raise OSError(f"{what}. Make room or choose another folder, then run it again.") from error
        raise


def check_writable(path: str | os.PathLike) -> None:
    """Raise an OSError if `write_whole` could not begin to write `path`, and remove what killed writers left beside it.

    Only for a path with a single writer.
    """
    path = Path(path)
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder. Give the name of a file.")
    for beside in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        beside.unlink(missing_ok=True)
    handle, beside = _open_beside(path)
    os.close(handle)
    os.unlink(beside)


def _open_beside(path: Path) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}. Choose a folder that exists and is writable.") from error


def _file_mode() -> int:
    """The permissions an ordinary new file gets (mkstemp alone would make it private)."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
