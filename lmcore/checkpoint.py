"""Where a training run stands, and the file from which it can go on as if it had never stopped."""

import hashlib
import io
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lmcore.model import LanguageModel, map_tensors
from lmcore.runtime import write_whole

CHECKPOINT_VERSION = 1


@dataclass
class Run:
    """All that changes while a model trains, besides the weights and the optimisers.

    `state` is the memory that the last batch left, (rows, …) tensors; `best` the weights of the best evaluation so far.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float, float]] = field(default_factory=list)
    best_step: int = 0
    stopped: bool = False
    best: dict[str, torch.Tensor] | None = None
    state: Any = None


def write_checkpoint(
    path: str | os.PathLike, about: dict, model: LanguageModel, optimizers: list[torch.optim.Optimizer], run: Run
) -> None:
    """Write everything to `path`, which holds the previous checkpoint until the new one is whole. Raises OSError.

    The file is a SHA-256 and what torch.save makes, which alone would not notice a changed byte.
    """
    tensors: list[torch.Tensor] = []
    map_tensors(lambda tensor: tensors.append(tensor) or tensor, run.state)
    plain = {name: value for name, value in vars(run).items() if name != "state"}
    everything = {
        "version": CHECKPOINT_VERSION,
        "about": about,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "run": plain,
        "state": tensors if run.state is not None else None,
    }
    data = io.BytesIO()
    torch.save(everything, data)
    write_whole(path, hashlib.sha256(data.getbuffer()).digest() + data.getbuffer())


def read_checkpoint(
    path: str | os.PathLike, about: dict, model: LanguageModel, optimizers: list[torch.optim.Optimizer]
) -> Run:
    """Bring model and optimisers to where the checkpoint stands, and return the run.

    Raises ValueError, with nothing changed, if the file is no checkpoint, or one of another model, config or data.
    """
    content = Path(path).read_bytes()
    digest, data = content[:32], content[32:]
    try:
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("its bytes do not match their SHA-256")
        saved = torch.load(io.BytesIO(data), map_location=model.device, weights_only=True)
    except (ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no checkpoint of lmcore, or is damaged. Remove it to begin anew.") from error
    version = saved["version"]
    if version != CHECKPOINT_VERSION:
        raise ValueError(f"{path} has checkpoint version {version}, not {CHECKPOINT_VERSION}. Remove it to begin anew.")
    for part, value in about.items():
        if saved["about"].get(part) != value:
            raise ValueError(
                f"{path} is the checkpoint of another run: its {part} is {saved['about'].get(part)}, this run's is "
                f"{value}. Use another file, or remove this one to begin anew."
            )
    model.load_state_dict(saved["model"])
    for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    run = Run(**saved["run"])
    if saved["state"] is not None:
        rows = len(saved["state"][0]) if saved["state"] else 1
        _, shape = model(torch.zeros(rows, 0, dtype=torch.long, device=model.device))
        tensors = iter(saved["state"])
        run.state = map_tensors(lambda _: next(tensors), shape)
    return run
