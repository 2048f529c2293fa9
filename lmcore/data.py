"""From one long text to what models read: split it, cut it into windows.

Split the text first and build vocabulary and windows afterwards, from the training part alone; otherwise the held-out
part leaks into what is learned.
"""

import torch

from lmcore.model import Batch

__all__ = ["Batch", "rows_of", "split", "windows"]


def split(text: str, held_out: float = 0.1) -> tuple[str, str]:
    """The first and the last part of `text`; the last is the share `held_out` of its characters.

    Raises ValueError unless both parts get at least one character.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, not {held_out}.")
    cut = int(len(text) * (1 - held_out))
    if not 0 < cut < len(text):
        raise ValueError(f"a text of {len(text)} characters cannot be split at {held_out}.")
    return text[:cut], text[cut:]


def windows(tokens: torch.Tensor, length: int) -> Batch:
    """Cut a document, a 1-D tensor of N ids, into rows of `length`, in order and without overlap.

    Row i reads tokens i·length … and predicts each one's successor, so every token but the first is a target once. The
    last row is padded. Shapes: (ceil((N - 1) / length), length).
    """
    if tokens.dim() != 1 or len(tokens) < 2:
        raise ValueError(f"windows need a 1-D tensor of at least two tokens, not the shape {tuple(tokens.shape)}.")
    if length < 1:
        raise ValueError(f"a window needs a length of at least 1, not {length}.")
    cuts = range(0, len(tokens) - 1, length)
    return rows_of([tokens[cut : cut + length + 1] for cut in cuts])


def rows_of(documents: list[torch.Tensor], padding: int = 0) -> Batch:
    """Independent documents, each a 1-D tensor of at least two ids, as the rows of one padded Batch.

    Row b reads all tokens of document b but the last and predicts all but the first.
    """
    lengths = torch.tensor([len(document) - 1 for document in documents])
    if not documents or lengths.min() < 1:
        raise ValueError("each document needs at least two tokens: one to read and one to predict.")
    padded = torch.nn.utils.rnn.pad_sequence(documents, batch_first=True, padding_value=padding)  # (B, T + 1)
    mask = torch.arange(padded.shape[1] - 1) < lengths[:, None]
    return Batch(padded[:, :-1], padded[:, 1:], mask)
