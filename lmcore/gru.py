"""The gated recurrent unit (Cho et al. 2014), in the textbook's form and in the one that fast kernels compute."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.recurrent import Cell, GatedConfig, Recurrent


@dataclass(frozen=True, kw_only=True)
class GRUConfig(GatedConfig):
    """See `RecurrentConfig` and `GatedConfig`; the gate that keeps the state is z.

    reset   "after": the reset gate acts after the matrix product, as in cuDNN and torch.nn.GRU. "before": it acts on
            h_{t-1} before the product, as in the paper and in textbooks; torch has no kernel for it, so both values of
            `path` run the loop.
    """

    reset: str = "after"

    def __post_init__(self):
        super().__post_init__()
        if self.reset not in ("after", "before"):
            raise ValueError(f'reset must be "after" or "before", not {self.reset!r}.')


class GRUState(NamedTuple):
    h: torch.Tensor


class GRUCell(Cell):
    """One gate r for what of the past is seen, and one gate z that divides h between the old and the new.

    r_t = σ(x_t W_xr + h_{t-1} W_hr + b_r)
    z_t = σ(x_t W_xz + h_{t-1} W_hz + b_z)
    n_t = tanh(x_t W_xn + b_n + r_t ∘ (h_{t-1} W_hn + b_hn))      reset="after"
    n_t = tanh(x_t W_xn + b_n + (r_t ∘ h_{t-1}) W_hn)             reset="before"
    h_t = z_t ∘ h_{t-1} + (1 - z_t) ∘ n_t
    """

    gates = ("r", "z", "n")
    State = GRUState
    readout = ("r", "z", "n")

    def __init__(self, input_size: int, hidden_size: int, generator: torch.Generator, reset: str = "after"):
        super().__init__(input_size, hidden_size, generator)
        self.has_fused = reset == "after"
        if self.has_fused:
            self.bias_hn = nn.Parameter(torch.zeros(hidden_size))

    def step(self, a: torch.Tensor, state: GRUState) -> tuple[GRUState, tuple]:
        h, H = state.h, self.hidden_size
        if self.has_fused:
            to_gates, to_n = (h @ self.weight_hh.T).split((2 * H, H), -1)
            r, z = (a[:, : 2 * H] + to_gates).sigmoid().chunk(2, -1)
            n = (a[:, 2 * H :] + r * (to_n + self.bias_hn)).tanh()
        else:
            W_gates, W_n = self.weight_hh.split((2 * H, H))
            r, z = torch.addmm(a[:, : 2 * H], h, W_gates.T).sigmoid().chunk(2, -1)
            n = torch.addmm(a[:, 2 * H :], r * h, W_n.T).tanh()
        return GRUState(n + z * (h - n)), (r, z, n)

    def fused(self, x: torch.Tensor, state: GRUState) -> tuple[torch.Tensor, GRUState]:
        weights = self.stacked(F.pad(self.bias_hn, (2 * self.hidden_size, 0)))
        hidden, h = torch.gru(x, state.h[None], weights, True, 1, 0.0, self.training, False, True)
        return hidden, GRUState(h[0])


class GRU(Recurrent):
    """A language model whose memory is h, kept by a gate (`state.h`, (B, n_layer, H))."""

    config_class = GRUConfig

    def make_cell(self, input_size: int, generator: torch.Generator) -> GRUCell:
        cell = GRUCell(input_size, self.config.hidden_size, generator, self.config.reset)
        with torch.no_grad():
            cell.weights()["b_z"].copy_(self.config.gate_bias())
        return cell
