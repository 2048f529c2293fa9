"""Where things run and how files are written: device, scale, threads, and writes that leave no half file."""

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
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}. Choose a folder that exists and is writable.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _file_mode())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _file_mode() -> int:
    """The permissions an ordinary new file gets (mkstemp alone would make it private)."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
