"""RMSNorm (Zhang & Sennrich 2019) with its gradient worked out by hand, which on a processor is less work.

    r = (mean(x²) + ε)^(-1/2)        y = w x r
    dx = r (g w - n mean(g w n))     dw = Σ g n

where n = x r and g is the gradient of y.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class RMSNorm(nn.RMSNorm):
    """torch's own, and the same numbers; for training on a processor, where torch has no kernel, the formulas above."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = x.dtype == self.weight.dtype and x.dtype in (torch.float32, torch.float64)
        if whole and x.device.type == "cpu" and torch.is_grad_enabled():
            return _RMSNorm.apply(x, self.weight, self.eps)
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, w: torch.Tensor, eps: float) -> torch.Tensor:
        r = (x.square().mean(-1, keepdim=True) + eps).rsqrt()
        n = x * r
        ctx.save_for_backward(n, r, w)
        return n * w

    @staticmethod
    @once_differentiable
    def backward(ctx, g: torch.Tensor):
        n, r, w = ctx.saved_tensors
        gn = g * n
        dx = (g * w).addcmul_(n, (gn * w).mean(-1, keepdim=True), value=-1).mul_(r)
        return dx, gn.flatten(0, -2).sum(0), None
