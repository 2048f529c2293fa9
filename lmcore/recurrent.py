"""Any recurrent cell as a language model: embedding, layers of the cell, and a linear map to the vocabulary.

A cell (rnn.py, lstm.py, gru.py) says what happens at one step. What is here is common to all: the loop over time, the
layers, dropout, the weights' layout. The input's part of every step, x_t W_x + b, does not depend on the state, so it
is one product for all steps at once; the loop has the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.model import LanguageModel, check_tokens
from lmcore.runtime import check_seed
from lmcore.state import check_state


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """What every recurrent model is made of.

    vocab_size       number of token ids
    embedding_size   width of a token's vector, the input x_t of the first layer
    hidden_size      H, the width of the state
    n_layer          how many cells stand on each other; each reads the h_t of the one below
    dropout          the share of x_t and of each layer's h_t that is zeroed in training, never on the way from h_{t-1}
                     to h_t (Zaremba et al. 2014)
    tie_embeddings   the map to the vocabulary is the embedding itself (Press & Wolf 2017); both widths must agree
    path             "fused" runs torch's own kernels, "readable" the loop over the cell's `step`; same weights, same
                     numbers. A single token always takes the step, which is then the faster way.

    Raises ValueError for values outside these.
    """

    vocab_size: int
    embedding_size: int = 64
    hidden_size: int = 128
    n_layer: int = 1
    dropout: float = 0.0
    tie_embeddings: bool = False
    path: str = "fused"

    def __post_init__(self):
        for name in ("vocab_size", "embedding_size", "hidden_size", "n_layer"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout!r}.")
        if self.path not in ("fused", "readable"):
            raise ValueError(f'path must be "fused" or "readable", not {self.path!r}.')
        if self.tie_embeddings and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"tied embeddings need embedding_size = hidden_size; they are {self.embedding_size} and "
                f"{self.hidden_size}."
            )


@dataclass(frozen=True, kw_only=True)
class GatedConfig(RecurrentConfig):
    """A `RecurrentConfig` for cells with gates.

    gate_init   how the bias b of the gate that keeps the state starts. "spread": from 0 to 5 over the units, so that
                they forget at rates from 1/2 to 1/150 a step (Tallec & Ollivier 2018). "one": 1 everywhere
                (Jozefowicz et al. 2015). "zero": 0, half of the state is lost at each step.
    """

    gate_init: str = "spread"

    def __post_init__(self):
        super().__post_init__()
        if self.gate_init not in ("spread", "one", "zero"):
            raise ValueError(f'gate_init must be "spread", "one" or "zero", not {self.gate_init!r}.')

    def gate_bias(self) -> torch.Tensor:
        """The first bias of the gate that keeps the state, (H,)."""
        H = self.hidden_size
        return {"spread": torch.linspace(0, 5, H), "one": torch.ones(H), "zero": torch.zeros(H)}[self.gate_init]


class Cell(nn.Module):
    """The weights of one layer and one step of it.

    The weights of all gates are stored once, stacked in torch's layout and order; `weights()` gives the matrices of
    the equations by name. A subclass sets `gates` (the index letter of each block of rows), `State`, `readout` (the
    names of what `step` shows besides the state), and defines `step` and, where torch has one, `fused`.

    A state is a NamedTuple of (B, H) tensors, the first of which is h.
    """

    gates: ClassVar[tuple[str, ...]]
    State: ClassVar[type]
    readout: ClassVar[tuple[str, ...]] = ()
    has_fused = True

    def __init__(self, input_size: int, hidden_size: int, generator: torch.Generator):
        super().__init__()
        H, rows = hidden_size, len(self.gates) * hidden_size
        self.hidden_size = H
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, H))
        self.bias = nn.Parameter(torch.zeros(rows))
        for x_block, h_block in zip(self.weight_ih.split(H), self.weight_hh.split(H), strict=True):
            nn.init.xavier_uniform_(x_block, generator=generator)
            nn.init.orthogonal_(h_block, generator=generator)

    def weights(self) -> dict[str, torch.Tensor]:
        """W_x· (input, H), W_h· (H, H) and b_· (H,) of each gate, by the names of the equations; views, not copies."""
        blocks = (tensor.split(self.hidden_size) for tensor in (self.weight_ih, self.weight_hh, self.bias))
        named = {}
        for gate, W_x, W_h, b in zip(self.gates, *blocks, strict=True):
            named |= {f"W_x{gate}": W_x.T, f"W_h{gate}": W_h.T, f"b_{gate}": b}
        return named

    def empty_state(self, like: torch.Tensor) -> tuple:
        """Nothing read yet: zeros, one row for each of the B rows of `like`."""
        zeros = like.new_zeros(len(like), self.hidden_size)
        return self.State(*(zeros for _ in self.State._fields))

    def step(self, a: torch.Tensor, state: tuple) -> tuple[tuple, tuple[torch.Tensor, ...]]:
        """One step: a = x_t W_x + b, (B, gates × H), and the state before -> the state after, and the `readout`."""
        raise NotImplementedError

    def loop(self, x: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple, list[tuple]]:
        """x (B, T, input) -> h of each step (B, T, H), the state after the last, and what each step showed."""
        a = F.linear(x.transpose(0, 1), self.weight_ih, self.bias)  # (T, B, gates × H)
        hidden, shown = [], []
        for a_t in a.unbind(0):
            state, read = self.step(a_t, state)
            hidden.append(state[0])
            shown.append((*state, *read))
        return torch.stack(hidden, 1), state, shown

    def stacked(self, hidden_bias: torch.Tensor) -> list[torch.Tensor]:
        """The weights as torch's kernels take them: they want a second bias, on the side of h."""
        return [self.weight_ih, self.weight_hh, self.bias, hidden_bias]

    def fused(self, x: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        """The same as `loop` by one call of torch, without what each step showed."""
        raise NotImplementedError


class Recurrent(LanguageModel):
    """A language model of `n_layer` cells. A subclass sets `config_class` and defines `make_cell`.

    The state is the cell's NamedTuple with tensors (B, n_layer, H).
    """

    def __init__(self, config: RecurrentConfig, seed: int = 0):
        super().__init__(config)
        generator = torch.Generator().manual_seed(check_seed(seed))
        sizes = [config.embedding_size, *[config.hidden_size] * config.n_layer]
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.cells = nn.ModuleList(self.make_cell(size, generator) for size in sizes[:-1])
        self.head = nn.Linear(config.hidden_size, config.vocab_size)
        bound = config.hidden_size**-0.5
        with torch.no_grad():
            self.embedding.weight.normal_(std=bound if config.tie_embeddings else 1.0, generator=generator)
            self.head.weight.uniform_(-bound, bound, generator=generator)
            self.head.bias.zero_()
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight

    def make_cell(self, input_size: int, generator: torch.Generator) -> Cell:
        raise NotImplementedError

    def forward(self, tokens: torch.Tensor, state: tuple | None = None) -> tuple[torch.Tensor, tuple]:
        check_tokens(tokens, self.vocab_size)
        h, state = self._read(tokens, state)
        return self.head(h), state

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return self._groups([weight for cell in self.cells for weight in (cell.weight_ih, cell.weight_hh)])

    @torch.no_grad()
    def read_out(self, tokens: torch.Tensor, state: tuple | None = None) -> dict[str, torch.Tensor]:
        """What the cells do while they read tokens (B, T): each part of the state and each gate by name, all
        (B, T, n_layer, H). It is `forward`'s own loop that shows them. Raises as `forward`, ValueError if T is 0.
        """
        check_tokens(tokens, self.vocab_size)
        if tokens.shape[1] == 0:
            raise ValueError("there is no token to read.")
        shown: list[list[tuple]] = []
        self._read(tokens, state, shown)
        cell = self.cells[0]
        names = (*cell.State._fields, *cell.readout)
        layers = [[torch.stack(steps, 1) for steps in zip(*layer, strict=True)] for layer in shown]
        return {name: torch.stack(parts, 2) for name, parts in zip(names, zip(*layers, strict=True), strict=True)}

    def _read(self, tokens: torch.Tensor, state: tuple | None, shown: list | None = None) -> tuple[torch.Tensor, tuple]:
        """tokens (B, T) -> the top layer's h (B, T, H) and the state after; with `shown`, also each layer's steps."""
        B, T = tokens.shape
        x = self._drop(self.embedding(tokens))  # (B, T, embedding)
        before = self._states(state, x)
        if T == 0:
            return x.new_zeros(B, 0, self.config.hidden_size), self._together(before)
        after = []
        for cell, layer_state in zip(self.cells, before, strict=True):
            if self.config.path == "fused" and cell.has_fused and T > 1 and shown is None:
                x, layer_state = cell.fused(x, layer_state)
            else:
                x, layer_state, steps = cell.loop(x, layer_state)
                if shown is not None:
                    shown.append(steps)
            after.append(layer_state)
            x = self._drop(x)
        return x, self._together(after)

    def _like(self, x: torch.Tensor) -> tuple:
        """What a state of the B rows of `x` looks like."""
        part = x.new_zeros(()).expand(len(x), self.config.n_layer, self.config.hidden_size)
        State = self.cells[0].State
        return State(*[part] * len(State._fields))

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.config.dropout, self.training) if self.config.dropout else x

    def _states(self, state: tuple | None, x: torch.Tensor) -> list[tuple]:
        """The state (B, n_layer, H) as one for each layer, (B, H)."""
        if state is None:
            return [cell.empty_state(x) for cell in self.cells]
        check_state(state, self._like(x))
        return [type(state)(*parts) for parts in zip(*(part.unbind(1) for part in state), strict=True)]

    @staticmethod
    def _together(layers: Sequence[tuple]) -> tuple:
        return type(layers[0])(*(torch.stack(parts, 1) for parts in zip(*layers, strict=True)))
