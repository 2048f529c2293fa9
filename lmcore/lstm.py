"""Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from typing import NamedTuple

import torch

from lmcore.recurrent import Cell, GatedConfig, Recurrent


class LSTMConfig(GatedConfig):
    """See `RecurrentConfig` and `GatedConfig`; with gate_init="spread" the input gate starts with the opposite bias."""


class LSTMState(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


class LSTMCell(Cell):
    """A cell c that is kept by one gate, written through another and shown through a third; σ is the logistic function.

    i_t = σ(x_t W_xi + h_{t-1} W_hi + b_i)          what is written
    f_t = σ(x_t W_xf + h_{t-1} W_hf + b_f)          what is kept
    g_t = tanh(x_t W_xg + h_{t-1} W_hg + b_g)       what there is to write
    o_t = σ(x_t W_xo + h_{t-1} W_ho + b_o)          what is shown
    c_t = f_t ∘ c_{t-1} + i_t ∘ g_t
    h_t = o_t ∘ tanh(c_t)
    """

    gates = ("i", "f", "g", "o")
    State = LSTMState
    readout = ("i", "f", "g", "o")

    def step(self, a: torch.Tensor, state: LSTMState) -> tuple[LSTMState, tuple]:
        i, f, g, o = torch.addmm(a, state.h, self.weight_hh.T).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * state.c + i * g
        return LSTMState(o * c.tanh(), c), (i, f, g, o)

    def fused(self, x: torch.Tensor, state: LSTMState) -> tuple[torch.Tensor, LSTMState]:
        weights = self.stacked(torch.zeros_like(self.bias))
        before = (state.h[None], state.c[None])
        hidden, h, c = torch.lstm(x, before, weights, True, 1, 0.0, self.training, False, True)
        return hidden, LSTMState(h[0], c[0])


class LSTM(Recurrent):
    """A language model whose memory is h and c (`state.h`, `state.c`, each (B, n_layer, H))."""

    config_class = LSTMConfig

    def make_cell(self, input_size: int, generator: torch.Generator) -> LSTMCell:
        cell = LSTMCell(input_size, self.config.hidden_size, generator)
        bias = self.config.gate_bias()
        with torch.no_grad():
            cell.weights()["b_f"].copy_(bias)
            if self.config.gate_init == "spread":
                cell.weights()["b_i"].copy_(-bias)
        return cell
