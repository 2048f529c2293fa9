"""A progress bar that suits where it stands: a terminal, a live notebook, or nowhere.

A notebook's cell shows one line that is replaced as the work goes on and at the end by a line without times, so that
what is kept in the file is the same at every run. A terminal's bar goes to stderr and is cleared. Elsewhere: silence.
"""

import io
import sys
import time
from typing import Any

from tqdm import tqdm


class Progress:
    """`total` steps, of which `done` are done. Use it as a context; `update` after each step, `finish` with a line."""

    def __init__(self, total: int, done: int, *, shown: bool):
        self._handle = _notebook_line() if shown else None
        terminal = shown and self._handle is None and sys.stderr.isatty()
        file = io.StringIO() if self._handle else sys.stderr
        self._bar = tqdm(
            total=total, initial=done, file=file, leave=False, disable=not (terminal or self._handle), unit=" steps"
        )
        self._smooth, self._tokens, self._began = 0.0, 0, time.monotonic()
        self._next = self._began + 1.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, loss: float, tokens: int) -> None:
        """One more step, with its loss in nats and its number of tokens."""
        if self._bar.disable:
            return
        self._smooth = loss if not self._tokens else 0.95 * self._smooth + 0.05 * loss
        self._tokens += tokens
        now = time.monotonic()
        self._bar.set_postfix_str(
            f"loss {self._smooth:.3f}, {self._tokens / (now - self._began + 1e-9):,.0f} tokens/s", refresh=False
        )
        self._bar.update()
        if self._handle and now >= self._next:
            self._next = now + 1.0
            self._handle.update({"text/plain": str(self._bar)}, raw=True)

    def finish(self, line: str) -> None:
        """Replace the bar by a line."""
        if self._handle:
            self._handle.update({"text/plain": line}, raw=True)


def _notebook_line() -> Any:
    """A line of a notebook's output that can be replaced, or None outside a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return display({"text/plain": "…"}, raw=True, display_id=True)
