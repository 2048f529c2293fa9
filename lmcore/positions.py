"""Where a token stands: five ways of telling attention, which by itself sees a set and not a sequence.

"none"         nothing is told
"sinusoidal"   a fixed wave is added to each token's vector          (Vaswani et al. 2017, section 3.5)
"learned"      a learned vector is added; there are only so many     (Radford et al. 2019)
"rotary"       queries and keys are turned by their position         (Su et al. 2021)
"alibi"        what lies further back counts less                    (Press et al. 2022)
"""

import torch

POSITIONS = ("none", "sinusoidal", "learned", "rotary", "alibi")


def angles(positions: torch.Tensor, width: int) -> torch.Tensor:
    """positions (…) × frequencies (width / 2): the j-th pair turns by position / 10000^(2j / width). (…, width / 2)"""
    frequencies = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device=positions.device) / width)
    return positions[..., None] * frequencies


def sinusoids(positions: torch.Tensor, width: int) -> torch.Tensor:
    """positions (B, T) -> (B, T, width), float64: sine and cosine of each angle in turn, so that a shift is a turn."""
    angle = angles(positions, width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)


def rotary_turns(positions: torch.Tensor, width: int, dtype: torch.dtype) -> torch.Tensor:
    """positions (B, T) -> (2, B, 1, T, width / 2): cosine and sine by which `rotate` turns each pair."""
    angle = angles(positions, width)[:, None]
    return torch.stack([angle.cos(), angle.sin()]).to(dtype)


def rotate(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """x (B, heads, T, hd) with the pair (x_j, x_{j + hd/2}) turned by its angle. Lengths stay as they are."""
    cos, sin = turns
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def alibi_slopes(n_head: int, like: torch.Tensor) -> torch.Tensor:
    """What a head's score loses with each token further back, (n_head, 1, 1): 2^(-8 / n_head), and powers of it."""
    heads = torch.arange(1, n_head + 1, device=like.device, dtype=torch.float64)
    return torch.exp2(-8 * heads / n_head).to(like.dtype)[:, None, None]
