"""Muon: steps of one size in every direction of a matrix (Jordan 2024).

A gradient of a matrix has a few large singular values and many small ones, so its step changes a few directions and
leaves the others. Muon takes the mean of recent gradients, sets all its singular values to about 1, and steps by that.
`torch.optim.Muon` does the same in bfloat16, one matrix at a time. Here it is done in the weights' own precision, which
processors without bfloat16 units need, and for all matrices of one shape at once. A weight in which several maps stand
below each other can be stepped part by part, so that a part with small gradients moves as far as its neighbours.
"""

from collections.abc import Callable, Iterable

import torch

# Jordan's polynomial a s + b s³ + c s⁵. Applied five times it takes a singular value s in (0, 1] to about 1.
A, B, C = 3.4445, -4.7750, 2.0315
TIMES = 5


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """Each of (N, m, n) matrices, m ≤ n, with all its singular values brought to about 1, between 0.7 and 1.2."""
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)  # no singular value is above 1 now
    for _ in range(TIMES):
        square = x @ x.mT  # (N, m, m)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=B, alpha=C), x, beta=A)
    return x


class Muon(torch.optim.Optimizer):
    """W <- (1 - η λ) W - η √max(1, m/n) O(momentum of the gradient), for weights W (m, n).

    weights        matrices
    stacked        matrices of three maps below each other, each of which is a W of its own
    lr             η
    weight_decay   λ
    momentum       β: m <- β m + (1 - β) g; the step is made of β m + (1 - β) g (Nesterov)

    Raises ValueError for a weight that is no matrix.
    """

    def __init__(
        self,
        weights: Iterable[torch.Tensor],
        stacked: Iterable[torch.Tensor] = (),
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
    ):
        groups = [{"params": list(weights), "parts": 1}, {"params": list(stacked), "parts": 3}]
        super().__init__(
            [group for group in groups if group["params"]],
            {"lr": lr, "weight_decay": weight_decay, "momentum": momentum},
        )
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.dim() != 2 or len(weight) % group["parts"]:
                    raise ValueError(f"Muon steps matrices, not a weight of shape {tuple(weight.shape)}.")

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> None:
        """One step from the gradients that are there; `closure` is not used."""
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            shapes: dict[tuple[int, ...], list] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    mean = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
                    mean.lerp_(weight.grad, 1 - momentum)
                    update = weight.grad.lerp(mean, momentum)
                    weight.mul_(1 - lr * group["weight_decay"])
                    for part, of_part in zip(weight.chunk(group["parts"]), update.chunk(group["parts"]), strict=True):
                        wide = of_part if len(part) <= part.shape[1] else of_part.mT
                        shapes.setdefault(tuple(wide.shape), []).append((part, wide))
            for of_shape in shapes.values():
                parts, updates = zip(*of_shape, strict=True)
                for part, update in zip(parts, orthogonalised(torch.stack(updates)), strict=True):
                    m, n = part.shape
                    part.add_(update if m <= n else update.mT, alpha=-lr * max(1, m / n) ** 0.5)
