"""Whether a state belongs to the model and the rows that are to be read on from it."""

from typing import Any

import torch

from lmcore.model import map_tensors


def check_state(state: Any, like: Any) -> Any:
    """The state itself, or `like` if it is None. Raises ValueError unless it has the parts of `like`, a model's own
    state for these rows, in the same shapes; where `like` has the size 0 any size is right.
    """
    if state is None:
        return like
    if not _fits(state, like):
        raise ValueError(
            f"this state is of another model or of other rows: it is {_described(state)}, and here it must be "
            f"{_described(like)}. A text begins with state=None and goes on with what the same model has returned for "
            "the same rows."
        )
    return state


def _fits(state: Any, like: Any) -> bool:
    if isinstance(like, torch.Tensor):
        same = isinstance(state, torch.Tensor) and state.dim() == like.dim()
        return same and all(right in (size, 0) for size, right in zip(state.shape, like.shape, strict=True))
    return type(state) is type(like) and len(state) == len(like) and all(map(_fits, state, like))


def _described(state: Any) -> str:
    """The class of a state and the shapes of its tensors."""
    shapes = []
    try:
        map_tensors(lambda tensor: shapes.append(str(tuple(tensor.shape)).replace(" 0", " any")), state)
    except TypeError:  # no state at all
        return repr(state)[:80]
    return f"{type(state).__name__} with {', '.join(shapes)}"
