"""How good a model is: its loss per token, in nats and in bits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lmcore.model import Batch, LanguageModel, check_tokens
from lmcore.source import SourceModel, check_source


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The losses of one model on one data set, in nats, and what follows from them.

    `losses` (float64): (N - 1,) for a document of N tokens, (B, T) for rows; 0 where `mask` is False (padding).
    An impossible token has an infinite loss; `impossible` lists where.
    """

    losses: torch.Tensor
    mask: torch.Tensor

    @property
    def tokens(self) -> int:
        """How many tokens were scored."""
        return int(self.mask.sum())

    @property
    def nats_per_token(self) -> float:
        """The token-weighted mean of the losses: the cross-entropy in nats."""
        return self.losses.sum().item() / self.tokens

    @property
    def bits_per_token(self) -> float:
        return self.nats_per_token / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(nats per token): the geometric mean of the inverse probabilities."""
        return math.exp(self.nats_per_token)

    @property
    def impossible(self) -> list[tuple[int, ...]]:
        """The indices into `losses` of the tokens to which the model gave probability zero."""
        return [tuple(index) for index in torch.isinf(self.losses).nonzero().tolist()]

    @property
    def possible_bits_per_token(self) -> float:
        """The mean over the tokens that were not impossible, in bits."""
        possible = self.mask & torch.isfinite(self.losses)
        return self.losses[possible].mean().item() / math.log(2)

    def bits_per_character(self, characters: int) -> float:
        """Total bits over the number of characters the scored tokens spell: comparable between tokenizers."""
        if characters < 1:
            raise ValueError(f"characters must be at least 1, not {characters}.")
        return self.losses.sum().item() / math.log(2) / characters

    def excess_over(self, other: "Evaluation") -> tuple[float, float]:
        """Bits per token above `other` on the same rows, and the standard error of that difference.

        The rows are the independent units, because the tokens of one story are not. With r_b the difference of row b,
        n_b its tokens and e = Σ r_b / Σ n_b, the error of the ratio is sqrt(B/(B-1) Σ (r_b - e n_b)²) / Σ n_b
        (Cochran, Sampling Techniques, 1977, eq. 2.46).

        Raises ValueError if the two were not scored on rows of the same shape, or on fewer than two rows.
        """
        if self.losses.shape != other.losses.shape or not torch.equal(self.mask, other.mask):
            raise ValueError("the two were not scored on the same tokens, so their difference means nothing.")
        if self.losses.dim() != 2 or len(self.losses) < 2:
            raise ValueError("a standard error needs at least two independent rows.")
        counts = self.mask.sum(1).double()
        difference = (self.losses - other.losses).sum(1) / math.log(2)
        excess = difference.sum() / counts.sum()
        spread = (difference - excess * counts).square().sum() * len(counts) / (len(counts) - 1)
        return excess.item(), (spread.sqrt() / counts.sum()).item()

    def __repr__(self) -> str:
        if not (impossible := self.impossible):
            return (
                f"{self.bits_per_token:.3f} bits ({self.nats_per_token:.3f} nats) a token, perplexity "
                f"{self.perplexity:.2f}, over {self.tokens:,} tokens"
            )
        where = impossible[0]
        place = f"token {where[0]}" if len(where) == 1 else f"row {where[0]}, token {where[1]}"
        return (
            f"infinite: {len(impossible):,} of {self.tokens:,} tokens have probability zero under this model, the "
            f"first at {place}; the others cost {self.possible_bits_per_token:.3f} bits each"
        )


def evaluate(model: LanguageModel, data: torch.Tensor | Batch) -> Evaluation:
    """Score `data` with `model`.

    A 1-D tensor is one document, read once with the state carried from piece to piece; all tokens but the first are
    scored. A Batch holds independent rows, each read from the empty state; padding is not scored.

    Raises TypeError or ValueError for data of another kind, before any work.
    """
    mask = data.mask if isinstance(data, Batch) else torch.ones(max(len(data) - 1, 0), dtype=torch.bool)
    return Evaluation(token_losses(model, data), mask)


@torch.no_grad()
def token_losses(model: LanguageModel, data: torch.Tensor | Batch) -> torch.Tensor:
    """-log p of every token in nats, float64: (N - 1,) for a document of N tokens, (B, T) for a Batch, 0 at padding."""
    check_data(data, model)
    was_training = model.training
    model.eval()
    try:
        if isinstance(data, Batch):
            return _row_losses(model, data)
        return _document_losses(model, data)
    finally:
        model.train(was_training)


def check_data(data: torch.Tensor | Batch, model: LanguageModel, name: str = "data") -> None:
    """Raise a TypeError or ValueError unless `evaluate` can score `data` with `model`."""
    needs_source = isinstance(model, SourceModel)
    if isinstance(data, Batch):
        if not data.mask.any():
            raise ValueError(f"{name}: the batch has no token to score: its mask is False everywhere.")
        check_tokens(data.inputs, model.vocab_size, f"{name}: inputs")
        check_tokens(data.targets, model.vocab_size, f"{name}: targets")
        if needs_source != (data.source is not None):
            takes = "needs a source" if needs_source else "reads no source"
            raise ValueError(
                f"{name}: {type(model).__name__} {takes}, and the batch has {'none' if needs_source else 'one'}."
            )
        if needs_source:
            check_source(data.source, model.config.source_vocab_size)
        return
    if not isinstance(data, torch.Tensor) or data.dim() != 1:
        what = f"the shape {tuple(data.shape)}" if isinstance(data, torch.Tensor) else type(data).__name__
        raise TypeError(f"{name} must be a 1-D tensor of token ids (one document) or a Batch of rows, not {what}.")
    if needs_source:
        raise TypeError(f"{name}: {type(model).__name__} writes about sources; give a Batch of rows with its source.")
    if len(data) < 2:
        raise ValueError(f"{name}: a document of {len(data)} tokens has nothing to predict; it needs at least two.")
    check_tokens(data[None], model.vocab_size, name)


def _document_losses(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    tokens = tokens.to(model.device)
    inputs, targets, state, losses = tokens[None, :-1], tokens[None, 1:], None, []
    for start in range(0, inputs.shape[1], model.piece):
        piece = slice(start, start + model.piece)
        log_probs, state = model.score(inputs[:, piece], targets[:, piece], state)
        losses.append(-log_probs[0].double().cpu())
    return torch.cat(losses)


def _row_losses(model: LanguageModel, batch: Batch) -> torch.Tensor:
    losses = torch.zeros(batch.targets.shape, dtype=torch.float64)
    for rows, part in _parts(batch, model.piece):
        state = None if part.source is None else model.read(part.source.to(model.device))
        log_probs, _ = model.score(part.inputs.to(model.device), part.targets.to(model.device), state)
        T = part.inputs.shape[1]
        losses[rows, :T] = torch.where(part.mask, -log_probs.double().cpu(), 0.0)
    return losses


def _parts(batch: Batch, piece: int) -> Iterator[tuple[slice, Batch]]:
    """The batch in groups of rows of about `piece` tokens, each cut behind the last token that is scored."""
    B, T = batch.inputs.shape
    step = max(1, piece // T)
    for start in range(0, B, step):
        rows = slice(start, start + step)
        scored = batch.mask[rows].any(0).nonzero()
        longest = int(scored.max()) + 1 if len(scored) else 0
        source = None if batch.source is None else batch.source[rows]
        yield rows, Batch(*(part[rows, :longest] for part in batch[:3]), source)
