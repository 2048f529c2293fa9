"""The one interface of the book: a language model is a next-token distribution and a memory.

    logits, state = model(tokens, state)      tokens (B, T) -> logits (B, T, V)

`logits[:, t]` scores the token that FOLLOWS `tokens[:, t]`; `state` is what the model keeps of the past; `state=None`
means that nothing has been read. Three laws hold for every state, and one contract test checks them for every model:
the batch comes first in each of its tensors; reading in pieces equals reading at once; a call does not change the
state it was given.

A model's file is one .safetensors file: the weights, and in its metadata the format version, the class, the config, the
tokenizer, and a SHA-256 over every byte of the file.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

from lmcore.runtime import write_whole
from lmcore.tokenizer import Tokenizer, tokenizer_from_config

FORMAT_VERSION = 1
_NO_DIGEST = "0" * 64


class Batch(NamedTuple):
    """Rows to read and what each should be followed by; all (B, T). Where `mask` is False there is only padding."""

    inputs: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    source: Any = None


class LanguageModel(nn.Module):
    """Base of every model. A subclass sets `config_class` and defines `forward`.

    Attributes: `config` (a frozen dataclass of plain values), `vocab_size`, and `context_length`, the number of tokens
    that a model can look back at, or None where nothing bounds it. `piece` is how many tokens `evaluate` gives it at
    once: only speed and memory depend on it.
    """

    config_class: type
    context_length: int | None = None
    piece = 8192

    def __init__(self, config: Any):
        super().__init__()
        if not isinstance(config, self.config_class):
            raise TypeError(f"{type(self).__name__} takes a {self.config_class.__name__}, not {type(config).__name__}.")
        self.config = config

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def device(self) -> torch.device:
        """Where the model's tensors are, and where what it reads must be."""
        first = next(self.parameters(), next(self.buffers(), torch.empty(0)))
        return first.device

    def forward(self, tokens: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """tokens (B, T) -> logits (B, T, V), and the state after the last of them."""
        raise NotImplementedError

    def score(self, inputs: torch.Tensor, targets: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """log p(targets[:, t] | inputs[:, :t+1], state) in nats, shape (B, T), and the state after the last input.

        A model that can do so without the (B, T, V) table of logits overrides this.
        """
        logits, state = self(inputs, state)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return -losses.view(targets.shape), state

    def writer(self, state: Any, max_tokens: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """A function tokens (B, 1) -> logits (B, V) that reads on from `state`, for at most `max_tokens` tokens.

        `generate` reads what it writes through it; a model that has a cheaper way for single tokens overrides this.
        """

        def write(tokens: torch.Tensor) -> torch.Tensor:
            nonlocal state
            logits, state = self(tokens, state)
            return logits[:, -1]

        return write

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """{"matrices": …, "stacked": …, "rest": …}, each weight in one of them; see `TrainConfig`.

        Muon may update the first two, the weights of hidden layers. "stacked" are those of them in which three maps of
        one size stand below each other; a module that has such weights lists them as its `three_maps`.
        """
        return self._groups([])

    def _groups(self, matrices: list[nn.Parameter]) -> dict[str, list[nn.Parameter]]:
        stacked = [weight for module in self.modules() for weight in getattr(module, "three_maps", ())]
        chosen, three = ({id(weight) for weight in weights} for weights in (matrices, stacked))
        return {
            "matrices": [weight for weight in matrices if id(weight) not in three],
            "stacked": stacked,
            "rest": [weight for weight in self.parameters() if id(weight) not in chosen | three],
        }


def select(state: Any, rows: torch.Tensor) -> Any:
    """The state of the given rows of the batch, in their order; `rows` is a 1-D LongTensor.

    This is all that beam search needs to know of a state: its tensors have the batch first.
    """
    return map_tensors(lambda tensor: tensor.index_select(0, rows.to(tensor.device)), state)


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], state: Any) -> Any:
    """The same state with `function` applied to each of its tensors, in order."""
    if state is None or isinstance(state, torch.Tensor):
        return None if state is None else function(state)
    parts = (map_tensors(function, part) for part in state)
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def check_tokens(tokens: torch.Tensor, vocab_size: int, name: str = "tokens") -> None:
    """Raise a TypeError or ValueError unless `tokens` is a (B, T) LongTensor of ids below `vocab_size`."""
    if not isinstance(tokens, torch.Tensor):
        hint = " Text becomes ids through a tokenizer: tokenizer.encode(text)[None]." if isinstance(tokens, str) else ""
        raise TypeError(f"{name} must be a tensor of token ids, not {type(tokens).__name__}.{hint}")
    if tokens.dtype != torch.long:
        raise TypeError(f"{name} must be whole-number ids (torch.long), not {tokens.dtype}.")
    if tokens.dim() != 2:
        raise ValueError(
            f"{name} must have the shape (B, T), not {tuple(tokens.shape)}. One row alone is tokens.unsqueeze(0)."
        )
    check_ids(tokens, vocab_size, name)


def check_ids(tokens: torch.Tensor, vocab_size: int, name: str = "tokens") -> None:
    """Raise a ValueError if an id lies outside 0 … vocab_size - 1; `tokens` may have any shape."""
    if not tokens.numel():
        return
    low, high = (bound.item() for bound in tokens.aminmax())
    if low < 0 or high >= vocab_size:
        wrong = tokens[(tokens < 0) | (tokens >= vocab_size)][0].item()
        raise ValueError(f"{name} contains the id {wrong}; this vocabulary has the ids 0 to {vocab_size - 1}.")


class FileRefused(ValueError):
    """A model file that cannot be trusted or used; the message names the file and the reason."""


def save(model: LanguageModel, path: str | os.PathLike, tokenizer: Tokenizer | None = None) -> None:
    """Write `model`, and the tokenizer if there is one, to one .safetensors file.

    The file is written beside `path` and then renamed, so that a failed save leaves the previous file whole.
    Raises ValueError if the tokenizer has another vocabulary size than the model, OSError if the file cannot be made.
    """
    if tokenizer is not None and tokenizer.vocab_size != model.vocab_size:
        raise ValueError(f"the tokenizer has {tokenizer.vocab_size} tokens, the model {model.vocab_size}.")
    about = {
        "sha256": _NO_DIGEST,  # the first of all fields, so that it is the first run of zeros in the file
        "format": FORMAT_VERSION,
        "class": type(model).__name__,
        "config": dataclasses.asdict(model.config),
        "tokenizer": None if tokenizer is None else tokenizer.to_config(),
    }
    data = safetensors.torch.save(_named_tensors(model), metadata={"lmcore": json.dumps(about)})
    write_whole(path, data.replace(_NO_DIGEST.encode(), hashlib.sha256(data).hexdigest().encode(), 1))


def load(path: str | os.PathLike, expect: type[LanguageModel] | None = None) -> LanguageModel:
    """The model in the file at `path`, in evaluation mode.

    Only the classes of `lmcore` are looked up, and no code is read from the file. Raises FileNotFoundError, or
    FileRefused if the file is cut, changed, of another format version, or holds another class than `expect`.
    """
    about, data = _read(path)
    classes = {cls.__name__: cls for cls in _language_models(LanguageModel)}
    name = about["class"]
    if expect is not None and name != expect.__name__:
        raise FileRefused(f"{path} holds a {name}, not a {expect.__name__}.")
    if name not in classes:
        raise FileRefused(f"{path} holds a {name!r}, which is no model of lmcore. It has {', '.join(sorted(classes))}.")
    try:
        config = classes[name].config_class(**{key: _as_tuple(value) for key, value in about["config"].items()})
        model = classes[name](config)
        _set_tensors(model, safetensors.torch.load(data))
    except (TypeError, ValueError, RuntimeError) as error:
        raise FileRefused(f"{path} does not fit this version of {name}: {error}") from error
    return model.eval()


def load_tokenizer(path: str | os.PathLike) -> Tokenizer:
    """The tokenizer in the file at `path`. Raises as `load`, and FileRefused if the file holds none."""
    about, _ = _read(path)
    if about["tokenizer"] is None:
        raise FileRefused(f"{path} holds a model without a tokenizer; save(model, path, tokenizer) keeps one.")
    return tokenizer_from_config(about["tokenizer"])


def _named_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict on the processor; a tensor that two names share (tied weights) stands under the first alone."""
    tensors, seen = {}, set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor.detach().cpu().contiguous()
    return tensors


def _set_tensors(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put saved tensors into a fresh model: a buffer takes any shape (tables grow with the text), a weight its own."""
    expected = _named_tensors(model).keys()
    if wrong := expected ^ tensors.keys():
        raise ValueError(f"the tensor {sorted(wrong)[0]!r} is missing or unknown")
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for name, tensor in tensors.items():
        if name in parameters:
            if parameters[name].shape != tensor.shape:
                raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, not {tuple(parameters[name].shape)}")
            parameters[name].data = tensor.clone()
        else:
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, tensor.clone())


def _read(path: str | os.PathLike) -> tuple[dict, bytes]:
    """The metadata and the bytes of a model file, after every check that needs no class."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file at {path}.")
    data = path.read_bytes()
    try:
        end = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:end])
        about = json.loads(header["__metadata__"]["lmcore"])
        version, digest = about["format"], about["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileRefused(f"{path} is no whole model file of lmcore: it is cut, changed or of another kind.") from error
    if version != FORMAT_VERSION:
        raise FileRefused(
            f"{path} has format version {version!r}; this lmcore reads version {FORMAT_VERSION}. Save the model again."
        )
    blank = data.replace(str(digest).encode(), _NO_DIGEST.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise FileRefused(f"{path} is cut or changed: its bytes do not match its SHA-256. Fetch or save it again.")
    return about, data


def _language_models(base: type[LanguageModel]) -> list[type[LanguageModel]]:
    subclasses = [sub for cls in base.__subclasses__() for sub in (cls, *_language_models(cls))]
    return [cls for cls in subclasses if cls.__module__.split(".")[0] == "lmcore"]


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(part) for part in value) if isinstance(value, list) else value
