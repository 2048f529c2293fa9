"""An LSTM that looks back at what it was: one attention over its own past, between its state and its words.

The smallest step from a recurrent model to a Transformer. The memory is still h and c, and beside it, as keys and
values, every h of the last tokens (after Bahdanau et al. 2015, with the model's own past in the source's place; Cheng
et al. 2016).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from lmcore.attention import MultiHeadAttention, append, causal, last
from lmcore.lstm import LSTM, LSTMConfig, LSTMState
from lmcore.model import check_tokens
from lmcore.state import check_state


@dataclass(frozen=True, kw_only=True)
class AttentiveLSTMConfig(LSTMConfig):
    """See `LSTMConfig`.

    context_length   W: it looks at the h of this token and of the W - 1 before it
    n_head           heads of the attention; hidden_size must be a multiple
    """

    context_length: int = 256
    n_head: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.n_head < 1 or self.hidden_size % self.n_head:
            raise ValueError(f"hidden_size {self.hidden_size} cannot be divided among {self.n_head} heads.")
        if self.context_length < 1:
            raise ValueError(f"context_length must be at least 1, not {self.context_length}.")


class AttentiveState(NamedTuple):
    """The LSTM's own state, and the keys and values of its past, (B, 2 n_head, P, hd)."""

    recurrent: LSTMState
    past: torch.Tensor


class AttentiveLSTM(LSTM):
    """logits = head(h_t + attention of h_t over h_1 … h_t)"""

    config_class = AttentiveLSTMConfig

    def __init__(self, config: AttentiveLSTMConfig, seed: int = 0):
        super().__init__(config, seed)
        H = config.hidden_size
        self.attend = MultiHeadAttention(H, config.n_head, config.n_head, bias=False)
        generator = torch.Generator().manual_seed(seed + 1)
        for weight in self.attend.parameters():
            nn.init.normal_(weight, std=H**-0.5, generator=generator)

    def forward(self, tokens: torch.Tensor, state: AttentiveState | None = None) -> tuple[torch.Tensor, AttentiveState]:
        check_tokens(tokens, self.vocab_size)
        h, state = self._look_back(tokens, state)
        return self.head(h), state

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return self._groups([*super().parameter_groups()["matrices"], *self.attend.parameters()])

    @torch.no_grad()
    def read_out(self, tokens: torch.Tensor, state: AttentiveState | None = None) -> dict[str, torch.Tensor]:
        """As `Recurrent.read_out`, and "attention" (B, T, P + T): how much each token looks at those before and itself.

        With several heads it is their mean. Raises ValueError for no token or more than `context_length`.
        """
        if not 1 <= tokens.shape[1] <= self.config.context_length:
            raise ValueError(f"attention is shown for 1 to {self.config.context_length} tokens, not {tokens.shape[1]}.")
        shown: list[torch.Tensor] = []
        parts = super().read_out(tokens, None if state is None else state.recurrent)
        self._look_back(tokens, state, shown)
        return {**parts, "attention": shown[0].mean(1)}

    def _look_back(
        self, tokens: torch.Tensor, state: AttentiveState | None, shown: list | None = None
    ) -> tuple[torch.Tensor, AttentiveState]:
        W, outputs = self.config.context_length, []
        past = self.head.weight.new_empty(len(tokens), 2 * self.config.n_head, 0, self.attend.hd)
        recurrent = None
        if state is not None:
            recurrent, past = check_state(state, AttentiveState(self._like(past), past))
        for piece in tokens.split(W, 1) if tokens.shape[1] else (tokens,):
            h, recurrent = self._read(piece, recurrent)
            q, new = self.attend.queries_keys_values(h)
            visible = causal(h.shape[1], past.shape[2], W, h.device)
            past = append(past, new)
            outputs.append(h + self.attend.look(q, past, visible=visible, path=self.config.path, shown=shown))
            past = last(past, W - 1)
        return torch.cat(outputs, 1), AttentiveState(recurrent, past)
