"""Muon: singular values to about 1, the step of the formula, and near torch's own."""

import pytest
import torch

from lmcore.muon import TIMES, A, B, C, Muon, orthogonalised

M, N = 4, 7


def drawn(*shape: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def polynomial(matrix: torch.Tensor) -> torch.Tensor:
    """The same by the singular values themselves."""
    U, s, V = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.square().sum().sqrt()
    for _ in range(TIMES):
        s = A * s + B * s**3 + C * s**5
    return U @ s.diag() @ V


def test_it_is_a_polynomial_of_the_singular_values():
    matrices = drawn(3, M, N)
    for one, expected in zip(orthogonalised(matrices), map(polynomial, matrices), strict=True):
        assert torch.allclose(one, expected, atol=1e-10)


def test_singular_values_come_near_one():
    values = torch.linalg.svdvals(orthogonalised(drawn(3, 16, 24)))
    assert 0.65 < values.min() and values.max() < 1.25
    assert orthogonalised(torch.zeros(1, M, N)).abs().max() == 0  # no gradient, no step and no NaN


@pytest.mark.parametrize("shape", [(M, N), (N, M), (M, M)])
def test_two_steps_by_hand(shape):
    lr, decay, momentum = 0.03, 0.2, 0.9
    weight, others = torch.nn.Parameter(drawn(*shape)), [torch.nn.Parameter(drawn(M, N)) for _ in range(2)]
    expected, mean = weight.detach().clone(), torch.zeros(shape, dtype=torch.float64)
    muon = Muon([others[0], weight, others[1]], lr=lr, weight_decay=decay, momentum=momentum)
    for step in range(2):
        gradient = drawn(*shape, seed=step + 1)
        weight.grad, others[0].grad = gradient.clone(), drawn(M, N, seed=9)  # the third has none
        muon.step()
        mean = momentum * mean + (1 - momentum) * gradient
        by = polynomial(momentum * mean + (1 - momentum) * gradient)
        expected = (1 - lr * decay) * expected - lr * max(1, shape[0] / shape[1]) ** 0.5 * by
    assert torch.allclose(weight, expected, atol=1e-10)
    assert torch.equal(others[1], drawn(M, N)) and not torch.equal(others[0], drawn(M, N))


def test_it_is_near_torchs_own():
    ours, theirs = (torch.nn.Parameter(torch.zeros(24, 10)) for _ in range(2))
    for kind, weight in ((Muon, ours), (torch.optim.Muon, theirs)):
        optimizer = kind([weight], lr=0.1)
        for step in range(3):
            weight.grad = drawn(24, 10, seed=step, dtype=torch.float32)
            optimizer.step()
    assert (ours - theirs).norm() < 0.03 * theirs.norm()  # which computes in bfloat16


def test_a_stack_of_three_is_stepped_map_by_map():
    weights = [torch.nn.Parameter(drawn(M, N, seed=i)) for i in range(3)]
    stack = torch.nn.Parameter(torch.cat([weight.detach() for weight in weights]))
    stack.grad = drawn(3 * M, N, seed=9)
    for weight, gradient in zip(weights, stack.grad.chunk(3), strict=True):
        weight.grad = gradient.clone()
    for muon in (Muon(weights, lr=0.1), Muon([], [stack], lr=0.1)):
        muon.step()
    assert torch.allclose(stack, torch.cat(weights), atol=1e-10)


def test_no_matrix_is_refused():
    with pytest.raises(ValueError, match=r"Muon steps matrices, not a weight of shape \(4,\)"):
        Muon([torch.nn.Parameter(drawn(M))])
    with pytest.raises(ValueError, match=r"not a weight of shape \(4, 7\)"):
        Muon([], [torch.nn.Parameter(drawn(M, N))])  # four rows are not three maps
