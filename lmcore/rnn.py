"""The simple recurrent network (Elman 1990): a memory that is one vector, rewritten at every step."""

from typing import NamedTuple

import torch

from lmcore.recurrent import Cell, Recurrent, RecurrentConfig


class RNNConfig(RecurrentConfig):
    """See `RecurrentConfig`."""


class RNNState(NamedTuple):
    h: torch.Tensor


class RNNCell(Cell):
    """h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h)"""

    gates = ("h",)
    State = RNNState

    def step(self, a: torch.Tensor, state: RNNState) -> tuple[RNNState, tuple]:
        return RNNState(torch.tanh(torch.addmm(a, state.h, self.weight_hh.T))), ()

    def fused(self, x: torch.Tensor, state: RNNState) -> tuple[torch.Tensor, RNNState]:
        weights = self.stacked(torch.zeros_like(self.bias))
        hidden, h = torch.rnn_tanh(x, state.h[None], weights, True, 1, 0.0, self.training, False, True)
        return hidden, RNNState(h[0])


class RNN(Recurrent):
    """A language model whose memory is h, a vector (`state.h`, (B, n_layer, H))."""

    config_class = RNNConfig

    def make_cell(self, input_size: int, generator: torch.Generator) -> RNNCell:
        return RNNCell(input_size, self.config.hidden_size, generator)
