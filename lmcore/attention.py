"""Attention: each token takes a mean of what other tokens hold, weighted by how well they answer its question.

    attention(q, k, v) = softmax(q kᵀ / √d) v                                              (Vaswani et al. 2017, eq. 1)

`MultiHeadAttention` makes q, k and v from the tokens' vectors and asks with several heads at once. What a decoder keeps
of the past is the keys and values of the tokens that it has read, `KeysValues`.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.positions import rotate


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    visible: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    *,
    path: str = "fused",
    shown: list | None = None,
) -> torch.Tensor:
    """softmax(q kᵀ / √hd + bias) v: queries (B, nh, T, hd), keys and values (B, n_kv, S, hd) -> (B, nh, T, hd).

    visible      what may be looked at, True or False, of a shape that broadcasts to (B, nh, T, S); None: everything. A
                 query that may look at nothing gets zeros
    bias         what is added to the scores, of such a shape too
    path         "fused" is torch's one kernel, "readable" the line above; the same numbers
    shown        a list to which the weights (B, nh, T, S) are appended; it makes the path the readable one

    With fewer heads of keys than of queries, n_kv < nh, each serves nh / n_kv queries (Ainslie et al. 2023).
    """
    nh, n_kv = q.shape[1], k.shape[1]
    if path == "fused" and shown is None:
        mask = visible
        if bias is not None:
            mask = bias if visible is None else bias.masked_fill(~visible, -math.inf)
        return F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=nh != n_kv)
    if nh != n_kv:
        k, v = k.repeat_interleave(nh // n_kv, 1), v.repeat_interleave(nh // n_kv, 1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, nh, T, S)
    if bias is not None:
        scores = scores + bias
    if visible is not None:  # the smallest number, not -inf: a row of those alone would have no softmax
        scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if visible is not None:
        weights = weights * visible
    if shown is not None:
        shown.append(weights)
    return weights @ v


class KeysValues(NamedTuple):
    """Keys and values of what was read, each (B, n_kv, P, hd)."""

    keys: torch.Tensor
    values: torch.Tensor

    def kept(self, last: int) -> "KeysValues":
        """Only those of the last tokens."""
        P = self.keys.shape[2]
        return self if P <= last else KeysValues(self.keys[:, :, P - last :], self.values[:, :, P - last :])

    def followed_by(self, new: "KeysValues") -> "KeysValues":
        """These and the new ones after them; these stay as they are."""
        return KeysValues(*(_append(old, late) for old, late in zip(self, new, strict=True)))


def _append(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """(B, n_kv, P, hd), (B, n_kv, T, hd) -> (B, n_kv, P + T, hd).

    Without gradients `old` is a view into a longer tensor whose attribute `used` says how far it is written. If nothing
    has been written after `old`, `new` goes into that room; otherwise, or if there is none, both are copied into a new
    tensor. What `old` shows never changes.
    """
    if torch.is_grad_enabled() and (old.requires_grad or new.requires_grad):
        return torch.cat([old, new], 2)
    B, n_kv, P, hd = old.shape
    T, room = new.shape[2], old._base
    end = P + (old.storage_offset() // hd if room is not None else 0)
    if getattr(room, "used", None) != end or end + T > room.shape[2] or old.stride() != room.stride():
        room = old.new_empty(B, n_kv, 2 * (P + T) + 16, hd)
        room[:, :, :P] = old
        end = P
    room[:, :, end : end + T] = new
    room.used = end + T
    return room[:, :, end - P : end + T]


def causal(T: int, P: int, window: int, device: torch.device | None = None) -> torch.Tensor | None:
    """Which of P earlier and T new tokens each of the T new ones may look at: itself and the window - 1 before it.

    (T, P + T), or None where that is everything.
    """
    if T == 1 and P < window:
        return None
    back = distances(T, P, device)
    return (back >= 0) & (back < window)


def distances(T: int, P: int, device: torch.device | None = None) -> torch.Tensor:
    """How many tokens back each of P + T tokens lies from each of the last T; below 0 for those that come later."""
    return torch.arange(P, P + T, device=device)[:, None] - torch.arange(P + T, device=device)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own part of the width (Vaswani et al. 2017, section 3.2.2).

    The matrices that make queries, keys and values stand below each other in one, `weight_in`
    ((n_head + 2 n_kv_head) × hd, C), so that one product makes all three. `norm` (an RMSNorm over hd, or nothing)
    is applied to each query and key.
    """

    def __init__(self, d_model: int, n_head: int, n_kv_head: int, bias: bool = True, qk_norm: bool = False):
        super().__init__()
        self.hd = d_model // n_head
        self.heads = (n_head, n_kv_head, n_kv_head)
        self.weight_in = nn.Linear(d_model, sum(self.heads) * self.hd, bias)
        self.weight_out = nn.Linear(d_model, d_model, bias)
        self.norm = nn.RMSNorm(self.hd) if qk_norm else nn.Identity()

    def queries(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, T, C) -> (B, nh, T, hd)"""
        width = self.heads[0] * self.hd
        bias = None if self.weight_in.bias is None else self.weight_in.bias[:width]
        return self.norm(self._divided(F.linear(x, self.weight_in.weight[:width], bias)))

    def keys_values(self, x: torch.Tensor) -> KeysValues:
        """x (B, S, C) -> each (B, n_kv, S, hd)"""
        width = self.heads[0] * self.hd
        bias = None if self.weight_in.bias is None else self.weight_in.bias[width:]
        k, v = F.linear(x, self.weight_in.weight[width:], bias).chunk(2, -1)
        return KeysValues(self.norm(self._divided(k)), self._divided(v))

    def all_three(self, x: torch.Tensor, turns: torch.Tensor | None) -> tuple[torch.Tensor, KeysValues]:
        """x (B, T, C) -> queries, keys and values of the same tokens, turned by their positions if asked."""
        q, k, v = self.weight_in(x).split([heads * self.hd for heads in self.heads], -1)
        q, k = self.norm(self._divided(q)), self.norm(self._divided(k))
        if turns is not None:
            q, k = rotate(q, turns), rotate(k, turns)
        return q, KeysValues(k, self._divided(v))

    def look(self, q: torch.Tensor, past: KeysValues, **how) -> torch.Tensor:
        """Queries (B, nh, T, hd) and what they may look at -> (B, T, C); `how` is what `attention` takes besides."""
        B, nh, T, hd = q.shape
        return self.weight_out(attention(q, *past, **how).transpose(1, 2).reshape(B, T, nh * hd))

    def _divided(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, heads × hd) -> (B, heads, T, hd)"""
        return x.unflatten(-1, (-1, self.hd)).transpose(1, 2)
