"""A recurrent encoder–decoder, with and without attention: one network reads a source, another writes about it.

Without attention the decoder has only the encoder's last states, one vector for a sentence of any length (Sutskever et
al. 2014, Cho et al. 2014). With attention it looks at all of the encoder's states at each step (Bahdanau et al. 2015);
here after its own step, as Luong et al. (2015) do, so that all steps of a training row look at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.gru import GRUCell
from lmcore.model import check_tokens
from lmcore.runtime import check_seed
from lmcore.source import SourceModel, check_source, need_source
from lmcore.state import check_state


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """Two GRUs that read the source from both ends, and one that writes.

    vocab_size, source_vocab_size   number of ids of what is written and of what is read
    embedding_size, hidden_size     width of a token's vector; H, the width of each GRU
    attention                       "none"; "dot": (h W_q) · k / √H; "additive": v · tanh(h W_q + k), k from the encoder
    dropout                         the share of vectors that is zeroed in training before and after the GRUs

    Raises ValueError for values outside these.
    """

    vocab_size: int
    source_vocab_size: int
    embedding_size: int = 64
    hidden_size: int = 128
    attention: str = "dot"
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("vocab_size", "source_vocab_size", "embedding_size", "hidden_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")
        if self.attention not in ("none", "dot", "additive"):
            raise ValueError(f'attention must be "none", "dot" or "additive", not {self.attention!r}.')
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout!r}.")


class Seq2SeqState(NamedTuple):
    """h (B, H) of the decoder; keys and values (B, S, H) of the source and where its tokens are, (B, S)."""

    h: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    there: torch.Tensor


class Seq2Seq(SourceModel):
    """A recurrent language model about a source: `state = model.read(source)`, then as every other model."""

    config_class = Seq2SeqConfig

    def __init__(self, config: Seq2SeqConfig, seed: int = 0):
        super().__init__(config)
        E, H = config.embedding_size, config.hidden_size
        generator = torch.Generator().manual_seed(check_seed(seed))
        self.source_embedding = nn.Embedding(config.source_vocab_size, E)
        self.embedding = nn.Embedding(config.vocab_size, E)
        self.forwards, self.backwards, self.decoder = (GRUCell(E, H, generator) for _ in range(3))
        self.first = nn.Linear(2 * H, H)  # from both ends of the source to the decoder's first state
        if config.attention != "none":
            self.key, self.value = nn.Linear(2 * H, H, bias=False), nn.Linear(2 * H, H, bias=False)
            self.query, self.merge = nn.Linear(H, H, bias=False), nn.Linear(2 * H, H)
        if config.attention == "additive":
            self.weigh = nn.Linear(H, 1, bias=False)
        self.head = nn.Linear(H, config.vocab_size)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.xavier_uniform_(module.weight, generator=generator)
                    if module.bias is not None:
                        module.bias.zero_()
                elif isinstance(module, nn.Embedding):
                    module.weight.normal_(generator=generator)

    def read(self, source: torch.Tensor) -> Seq2SeqState:
        there = check_source(source, self.config.source_vocab_size)
        lengths = there.sum(1)
        x = self._drop(self.source_embedding(source.clamp(min=0)))
        back = _turned(x, lengths)
        ahead = self.forwards.fused(x, self.forwards.empty_state(x))[0]
        back = _turned(self.backwards.fused(back, self.backwards.empty_state(x))[0], lengths)
        both = torch.cat([ahead, back], -1)  # (B, S, 2 H)
        rows = torch.arange(len(source), device=source.device)
        ends = torch.cat([ahead[rows, lengths - 1], back[:, 0]], -1)
        h = torch.tanh(self.first(ends))
        if self.config.attention == "none":
            nothing = both.new_empty(len(source), 0, self.config.hidden_size)
            return Seq2SeqState(h, nothing, nothing, there[:, :0])
        both = self._drop(both)
        return Seq2SeqState(h, self.key(both), self.value(both), there)

    def forward(self, tokens: torch.Tensor, state: Seq2SeqState | None = None) -> tuple[torch.Tensor, Seq2SeqState]:
        out, state, _ = self._write(tokens, state)
        return self.head(out), state

    @torch.no_grad()
    def read_out(self, source: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """{"cross": (B, T, S)}: how much the decoder looks at each token of the source after each token it has written.

        Raises as `read` and `forward`; ValueError for a model without attention.
        """
        if self.config.attention == "none":
            raise ValueError("this model has no attention to show.")
        return {"cross": self._write(tokens, self.read(source))[2]}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        outer = {self.source_embedding.weight, self.embedding.weight, self.head.weight}
        return self._groups([weight for weight in self.parameters() if weight.dim() == 2 and weight not in outer])

    def _write(
        self, tokens: torch.Tensor, state: Seq2SeqState | None
    ) -> tuple[torch.Tensor, Seq2SeqState, torch.Tensor | None]:
        """tokens (B, T) -> what the head reads (B, T, H), the state after, and the weights (B, T, S)."""
        check_tokens(tokens, self.vocab_size)
        B, H = len(tokens), self.config.hidden_size
        like = self.head.weight.new_empty(B, 0, H)
        like = Seq2SeqState(like.new_empty(B, H), like, like, like.new_empty(B, 0))
        h, keys, values, there = check_state(need_source(state, self), like)
        cell, weights = self.decoder, None
        x = self._drop(self.embedding(tokens))
        if tokens.shape[1] > 1:
            out, last = cell.fused(x, cell.State(h))
        elif tokens.shape[1]:
            out, last, _ = cell.loop(x, cell.State(h))
        else:
            out, last = h[:, None][:, :0], cell.State(h)
        if self.config.attention != "none":
            weights = self._weights(self.query(out), keys, there)
            out = torch.tanh(self.merge(torch.cat([out, weights @ values], -1)))
        return self._drop(out), Seq2SeqState(last.h, keys, values, there), weights

    def _weights(self, q: torch.Tensor, k: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """q (B, T, H), k (B, S, H) -> weights (B, T, S); 0 at padding."""
        if self.config.attention == "additive":
            scores = self.weigh(torch.tanh(q[:, :, None] + k[:, None])).squeeze(-1)
        else:
            scores = q @ k.transpose(1, 2) / k.shape[-1] ** 0.5
        return scores.masked_fill(~there[:, None], -torch.inf).softmax(-1)

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.config.dropout, self.training) if self.config.dropout else x


def _turned(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Each row's first `length` steps in reverse order, (B, S, …); the padding stays behind them."""
    S = torch.arange(x.shape[1], device=x.device)
    order = torch.where(S < lengths[:, None], lengths[:, None] - 1 - S, S)  # (B, S)
    return x.gather(1, order[..., None].expand_as(x))
