"""RMSNorm against torch's own and against differences, whichever of its two ways it takes."""

import pytest
import torch
from torch import nn

from lmcore.rms_norm import RMSNorm

B, T, C = 3, 5, 4


def pair(dtype):
    ours, theirs = (kind(C, eps=1e-3).to(dtype) for kind in (RMSNorm, nn.RMSNorm))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.tensor([0.5, -1.0, 2.0, 1.5]))
    return ours, theirs, torch.randn(B, T, C, generator=generator, dtype=dtype).requires_grad_()


def test_a_row_in_the_head():
    """The mean square of 3, 4, 0, 0 is 25/4, its root 5/2."""
    x = torch.tensor([3.0, 4, 0, 0])
    assert torch.allclose(RMSNorm(C, eps=0)(x), torch.tensor([1.2, 1.6, 0, 0]))


@pytest.mark.parametrize("strided", [False, True])
def test_values_and_gradients_are_torchs(strided):
    ours, theirs, x = pair(torch.float64)
    upstream = torch.randn(B, T, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for norm in (ours, theirs):
        out = norm(x.transpose(0, 1)).transpose(0, 1) if strided else norm(x)
        found.append((out, *torch.autograd.grad((out * upstream).sum(), (x, norm.weight))))
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(ours(x), found[0][0], atol=1e-12)


def test_the_gradient_is_that_of_differences_and_has_no_second():
    ours, _, x = pair(torch.float64)
    assert torch.autograd.gradcheck(ours, (x,))
    (slope,) = torch.autograd.grad(ours(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_other_precisions_take_torchs_way():
    ours, theirs, x = pair(torch.bfloat16)
    assert torch.equal(ours(x), theirs(x))
