"""From one long text to what models read: split it, cut it into windows, draw training batches from it.

Split the text first and build vocabulary and windows afterwards, from the training part alone; otherwise the held-out
part leaks into what is learned.
"""

import hashlib

import numpy as np
import torch

from lmcore.model import Batch, LanguageModel, check_ids
from lmcore.source import SourceModel, pad_sources

__all__ = ["Batch", "Pairs", "Rows", "Stream", "TrainingData", "rows_of", "split", "windows"]


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


def digest(*tensors: torch.Tensor) -> str:
    """A few letters that change with what is in the tensors, and with their shapes."""
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(repr(tuple(tensor.shape)).encode() + tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:12]


class TrainingData:
    """What `train` learns from: it says what a batch is, and whether the memory goes on from one to the next.

    A batch depends on its arguments alone, so a training run can be taken up again at any step. Attributes: `tokens`,
    the document, a 1-D tensor of ids. Raises TypeError or ValueError unless it is one of at least two ids.
    """

    def __init__(self, tokens: torch.Tensor):
        if not isinstance(tokens, torch.Tensor) or tokens.dtype != torch.long or tokens.dim() != 1:
            what = f"{tokens.dtype}, {tuple(tokens.shape)}" if isinstance(tokens, torch.Tensor) else repr(type(tokens))
            raise TypeError(f"training data are a 1-D tensor of token ids (torch.long), not {what}.")
        if len(tokens) < 2:
            raise ValueError(f"training data of {len(tokens)} tokens have nothing to predict; give at least two.")
        self.tokens = tokens

    def fingerprint(self) -> str:
        """A few letters that change with the text and with how it is read."""
        settings = {name: value for name, value in vars(self).items() if isinstance(value, int | None)}
        return f"{type(self).__name__}{settings} {digest(self.tokens)}"

    def check_model(self, model: LanguageModel) -> None:
        """Raise a TypeError or ValueError if `model` cannot read what is here."""
        check_ids(self.tokens, model.vocab_size, "the training data")
        if isinstance(model, SourceModel):
            raise TypeError(f"{type(model).__name__} writes about a source; train it on Pairs(sources, targets).")

    def check(self, rows: int, length: int) -> None:
        """Raise a ValueError if the document cannot give batches of `rows` rows of `length` tokens."""
        raise NotImplementedError

    def batch(self, step: int, rows: int, length: int, seed: int) -> Batch:
        """The batch of a step, counted from 0; inputs, targets and mask are (rows, length)."""
        raise NotImplementedError

    def carries(self, step: int, rows: int, length: int) -> bool:
        """Whether each row of this step's batch goes on where the same row of the last step's batch ended."""
        return False


class Rows(TrainingData):
    """Rows drawn from a document, each read from the empty state.

    A row begins at a `separator` and runs on into what follows, so that the first thing it reads is whole; without
    one, a row begins anywhere. All places are used once, in an order drawn from (seed, epoch), before one comes again.
    """

    def __init__(self, tokens: torch.Tensor, separator: int | None = None):
        super().__init__(tokens)
        self.separator = separator
        self.starts = torch.arange(len(tokens)) if separator is None else (tokens == separator).nonzero()[:, 0]
        self._order: tuple = ()

    def check(self, rows: int, length: int) -> None:
        places = int((self.starts < len(self.tokens) - length).sum())
        if places < rows:
            raise ValueError(
                f"the document of {len(self.tokens):,} tokens has {places:,} places where a row of {length} tokens can "
                f"begin, but a batch needs {rows}. Take fewer or shorter rows, or more text."
            )

    def batch(self, step: int, rows: int, length: int, seed: int) -> Batch:
        starts = self.starts[self.starts < len(self.tokens) - length]
        per_epoch = len(starts) // rows
        epoch, place = divmod(step, per_epoch)
        key = (seed, epoch, len(starts))
        if not self._order or self._order[0] != key:
            self._order = (key, torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(len(starts))))
        chosen = starts[self._order[1][place * rows : (place + 1) * rows]]
        return _cut(self.tokens, chosen, length)


class Stream(TrainingData):
    """A document read in order, in as many lanes as there are rows; the memory is carried from batch to batch.

    Lane b begins at b/rows of the document. At the end of a pass the lanes begin anew, from the empty state, at an
    offset drawn from (seed, pass), so that the cuts fall elsewhere. `carry=False` drops the memory at every batch.
    """

    def __init__(self, tokens: torch.Tensor, carry: bool = True):
        super().__init__(tokens)
        self.carry = carry

    def check(self, rows: int, length: int) -> None:
        if (len(self.tokens) - 1) // rows < length:
            raise ValueError(
                f"a document of {len(self.tokens):,} tokens gives {rows} rows of at most "
                f"{(len(self.tokens) - 1) // rows} tokens, not {length}. Take fewer or shorter rows, or more text."
            )

    def batch(self, step: int, rows: int, length: int, seed: int) -> Batch:
        lane = (len(self.tokens) - 1) // rows
        turn, place = divmod(step, self._steps(rows, length))
        spare = lane - length * self._steps(rows, length)
        offset = int(np.random.default_rng((seed, turn)).integers(spare + 1))
        return _cut(self.tokens, torch.arange(rows) * lane + offset + place * length, length)

    def carries(self, step: int, rows: int, length: int) -> bool:
        return self.carry and step % self._steps(rows, length) > 0

    def _steps(self, rows: int, length: int) -> int:
        """Batches in one pass; where there are several, some text is left over so that the offset can differ."""
        lane = (len(self.tokens) - 1) // rows
        return max(1, (lane - length // 2) // length)


class Pairs(TrainingData):
    """Sources and what is written about each: two lists of 1-D tensors of ids, the targets with their first token.

    Rows of one batch have targets of about one length, so that little is padded. Each pair is used once, in an order
    drawn from (seed, epoch), before one comes again; a last batch that would not be full is left out. Raises TypeError
    or ValueError unless there are as many sources as targets, none empty, each target of at least two ids.
    """

    def __init__(self, sources: list[torch.Tensor], targets: list[torch.Tensor]):
        if len(sources) != len(targets) or not sources:
            raise ValueError(f"there are {len(sources)} sources and {len(targets)} targets; each needs the other.")
        self.sources, self.targets = list(sources), list(targets)
        self.source_tokens = torch.cat(self.sources)
        super().__init__(torch.cat(self.targets))
        if min(map(len, sources)) < 1 or min(map(len, targets)) < 2:
            raise ValueError("a source needs at least one token, a target two: one to begin with and one to predict.")
        self.lengths = torch.tensor([len(target) for target in targets])
        self._order: tuple = ()

    def fingerprint(self) -> str:
        lengths = torch.tensor([len(source) for source in self.sources])
        return f"Pairs {digest(self.tokens, self.lengths, self.source_tokens, lengths)}"

    def check_model(self, model: LanguageModel) -> None:
        check_ids(self.tokens, model.vocab_size, "the targets")
        if not isinstance(model, SourceModel):
            raise TypeError(f"{type(model).__name__} reads no source; train it on Rows(tokens) or Stream(tokens).")
        check_ids(self.source_tokens, model.config.source_vocab_size, "the sources")

    def check(self, rows: int, length: int) -> None:
        if len(self.targets) < rows:
            raise ValueError(f"there are {len(self.targets):,} pairs, but a batch needs {rows}. Take fewer rows.")
        longest = max(max(map(len, self.sources)), int(self.lengths.max()) - 1)
        if longest > length:
            raise ValueError(f"the longest text has {longest} tokens, more than {length}; set length to {longest}.")

    def batch(self, step: int, rows: int, length: int, seed: int) -> Batch:
        epoch, place = divmod(step, len(self.targets) // rows)
        key = (seed, epoch, rows)
        if not self._order or self._order[0] != key:
            self._order = (key, self._batches(rows, np.random.default_rng((seed, epoch))))
        chosen = self._order[1][place].tolist()
        batch = rows_of([self.targets[i] for i in chosen])
        return batch._replace(source=pad_sources([self.sources[i] for i in chosen]))

    def _batches(self, rows: int, draw: np.random.Generator) -> torch.Tensor:
        """All batches of an epoch, (batches, rows) of indices."""
        order = torch.from_numpy(draw.permutation(len(self.targets)))
        pools = [pool[self.lengths[pool].argsort(stable=True)] for pool in order.split(rows * 32)]
        batches = torch.cat(pools)[: len(order) // rows * rows].view(-1, rows)
        return batches[torch.from_numpy(draw.permutation(len(batches)))]


def _cut(tokens: torch.Tensor, starts: torch.Tensor, length: int) -> Batch:
    rows = tokens[starts[:, None] + torch.arange(length + 1)]
    return Batch(rows[:, :-1], rows[:, 1:], torch.ones(len(starts), length, dtype=torch.bool))
