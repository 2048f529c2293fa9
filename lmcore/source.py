"""A text to read before one writes: sources of different lengths side by side, and whoever reads them."""

from typing import Any

import torch

from lmcore.model import LanguageModel, check_ids

PADDING = -1  # no token has this id, so padding cannot be mistaken for one


class SourceModel(LanguageModel):
    """A language model whose first state is what it has read: `state = model.read(source)`, then as every other.

    A subclass defines `read`; its config has `source_vocab_size`.
    """

    def read(self, source: torch.Tensor) -> Any:
        """source (B, S) of ids, PADDING after the end of the shorter rows -> the state in which nothing is written yet.

        Raises TypeError or ValueError unless it is such a tensor and each row has at least one token.
        """
        raise NotImplementedError


def pad_sources(sources: list[torch.Tensor]) -> torch.Tensor:
    """1-D tensors of ids side by side, (B, S), with PADDING after the end of the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence(sources, batch_first=True, padding_value=PADDING)


def check_source(source: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Where the tokens are, (B, S), True or False. Raises as `SourceModel.read` says."""
    if not isinstance(source, torch.Tensor) or source.dtype != torch.long or source.dim() != 2:
        what = f"{source.dtype}, {tuple(source.shape)}" if isinstance(source, torch.Tensor) else type(source).__name__
        raise TypeError(f"a source must be a (B, S) tensor of token ids (torch.long), not {what}.")
    there = source != PADDING
    lengths = there.sum(1)
    if len(source) and not lengths.all():
        row = int((lengths == 0).nonzero()[0])
        raise ValueError(f"row {row} of the source is empty; a source needs at least one token, such as a full stop.")
    if not torch.equal(there, torch.arange(source.shape[1], device=source.device) < lengths[:, None]):
        raise ValueError("a row of the source has padding before its end; padding stands after the last token alone.")
    check_ids(source[there], vocab_size, "the source")
    return there


def need_source(state: Any, model: LanguageModel) -> Any:
    """The state itself; a ValueError if there is none yet."""
    if state is None:
        raise ValueError(f"{type(model).__name__} writes about a source: begin with state = model.read(source).")
    return state
