"""Attention: each token takes a mean of what other tokens hold, weighted by how well they answer its question.

    attention(q, k, v) = softmax(q kᵀ / √d) v                                              (Vaswani et al. 2017, eq. 1)

`MultiHeadAttention` makes q, k and v from the tokens' vectors and asks with several heads at once. What a decoder keeps
of the past is the keys and values of the tokens that it has read: one tensor a layer, (B, 2 n_kv, P, hd), in which the
keys of all heads stand before the values of all heads.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.positions import rotate
from lmcore.rms_norm import RMSNorm


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


def append(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Keys and values (B, 2 n_kv, P, hd) and those of T tokens more -> (B, 2 n_kv, P + T, hd).

    Without gradients `old` is a view into a longer tensor whose attribute `used` says how far it is written. If nothing
    has been written after `old`, `new` goes into that room; otherwise, or if there is none, both are copied into a new
    tensor. What `old` shows never changes.
    """
    P, T = old.shape[2], new.shape[2]
    if P == 0:
        return new
    if new.requires_grad or old.requires_grad:
        return torch.cat([old, new], 2)
    room = old._base
    end = P if room is None else P + old.storage_offset() // old.shape[3]
    fits = getattr(room, "used", None) == end and end + T <= room.shape[2]
    if not (fits and old.stride() == room.stride() and old.shape[:2] == room.shape[:2]):
        room, end = old.new_empty(*old.shape[:2], 2 * (P + T) + 16, old.shape[3]), P
        room[:, :, :P] = old
    room[:, :, end : end + T] = new
    room.used = end + T
    return room[:, :, end - P : end + T]


def last(past: torch.Tensor, tokens: int) -> torch.Tensor:
    """Only the keys and values of the last tokens."""
    P = past.shape[2]
    return past if P <= tokens else past[:, :, P - tokens :]


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
    ((n_head + 2 n_kv_head) × hd, C), so that one product makes all three. With `qk_norm` each query and key is brought
    to one length.
    """

    def __init__(self, d_model: int, n_head: int, n_kv_head: int, bias: bool = True, qk_norm: bool = False):
        super().__init__()
        self.n_head, self.n_kv_head, self.hd = n_head, n_kv_head, d_model // n_head
        self.weight_in = nn.Linear(d_model, (n_head + 2 * n_kv_head) * self.hd, bias)
        self.weight_out = nn.Linear(d_model, d_model, bias)
        self.norm = RMSNorm(self.hd, eps=1e-5) if qk_norm else None

    @property
    def three_maps(self) -> list[nn.Parameter]:
        """The weight in which three maps stand, if they are of one size; see `LanguageModel.parameter_groups`."""
        return [self.weight_in.weight] if self.n_head == self.n_kv_head else []

    def queries_keys_values(
        self, x: torch.Tensor, turns: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, T, C) -> queries (B, n_head, T, hd), and keys and values (B, 2 n_kv, T, hd) of the same tokens.

        Queries and keys are turned by their positions if `turns` are given.
        """
        return self.finished(self._divided(self.weight_in(x)), turns)

    def finished(self, heads: torch.Tensor, turns: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, n_head + 2 n_kv, T, hd) -> queries, and keys and values, normed and turned."""
        if self.norm is not None or turns is not None:
            qk, v = heads.split((self.n_head + self.n_kv_head, self.n_kv_head), 1)
            qk = self._normed(qk)
            heads = torch.cat([qk if turns is None else rotate(qk, turns), v], 1)
        return heads.split_with_sizes((self.n_head, 2 * self.n_kv_head), 1)

    def queries(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, T, C) -> (B, n_head, T, hd)"""
        width = self.n_head * self.hd
        bias = None if self.weight_in.bias is None else self.weight_in.bias[:width]
        return self._normed(self._divided(F.linear(x, self.weight_in.weight[:width], bias)))

    def keys_values(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, S, C) -> (B, 2 n_kv, S, hd)"""
        width = self.n_head * self.hd
        bias = None if self.weight_in.bias is None else self.weight_in.bias[width:]
        k, v = self._divided(F.linear(x, self.weight_in.weight[width:], bias)).chunk(2, 1)
        return torch.cat([self._normed(k), v], 1)

    def look(self, q: torch.Tensor, kv: torch.Tensor, **how) -> torch.Tensor:
        """Queries (B, n_head, T, hd) and what they may look at -> (B, T, C); `how`: what `attention` takes besides."""
        out = attention(q, *kv.chunk(2, 1), **how)  # (B, n_head, T, hd)
        return self.weight_out(out.transpose(1, 2).flatten(2))

    def _divided(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, heads × hd) -> (B, heads, T, hd)"""
        B, T, width = x.shape
        return x.view(B, T, width // self.hd, self.hd).transpose(1, 2)

    def _normed(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.norm is None else self.norm(x)
