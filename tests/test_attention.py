"""Attention against torch's own, worked values, and what must never happen: NaN."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lmcore.attention import MultiHeadAttention, append, attention, causal, distances, last
from lmcore.positions import alibi_slopes, rotary_turns, rotate, sinusoids

B, NH, T, S, HD = 3, 4, 5, 7, 6


@pytest.fixture
def qkv():
    generator = torch.Generator().manual_seed(0)
    shapes = (B, NH, T, HD), (B, NH, S, HD), (B, NH, S, HD)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def gradients(loss, tensors):
    return torch.autograd.grad(loss, tensors)


def masks():
    padding = torch.arange(S) < torch.tensor([7, 2, 4])[:, None]
    return {"nothing hidden": None, "causal": causal(T, S - T, 99), "padding": padding[:, None, None]}


def test_one_query_in_the_head():
    """Scores 0 and 1 after the division by √d: the weights are 1 and e, over 1 + e."""
    q, k, v = (
        torch.tensor([[[[2.0, 0]]]]),
        torch.tensor([[[[0, 0.0], [math.sqrt(2) / 2, 0]]]]),
        torch.eye(2)[None, None],
    )
    expected = torch.tensor([1, math.e]) / (1 + math.e)
    for path in ("readable", "fused"):
        assert torch.allclose(attention(q, k, v, path=path)[0, 0, 0], expected)


@pytest.mark.parametrize("path", ["readable", "fused"])
@pytest.mark.parametrize("name", masks())
def test_attention_equals_torch_with_gradients(qkv, path, name):
    mask = masks()[name]
    ours, theirs = attention(*qkv, mask, path=path), F.scaled_dot_product_attention(*qkv, mask)
    assert torch.allclose(ours, theirs, atol=1e-12)
    upstream = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for a, b in zip(gradients((ours * upstream).sum(), qkv), gradients((theirs * upstream).sum(), qkv), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_a_bias_is_added_to_the_scores_and_hidden_keys_stay_hidden(qkv):
    bias = torch.randn(NH, T, S, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    visible = causal(T, S - T, 99)
    expected = F.scaled_dot_product_attention(*qkv, bias.masked_fill(~visible, -math.inf))
    for path in ("readable", "fused"):
        assert torch.allclose(attention(*qkv, visible, bias, path=path), expected, atol=1e-12)


@pytest.mark.parametrize("path", ["readable", "fused"])
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_row_with_nothing_to_see_gives_zeros_and_no_nan_in_the_gradients(qkv, path, with_bias):
    visible = torch.ones(B, 1, T, S, dtype=torch.bool)
    visible[1, :, 2] = False
    bias = torch.ones(NH, T, S, dtype=torch.float64) if with_bias else None
    out = attention(*qkv, visible, bias, path=path)
    assert out[1, :, 2].eq(0).all()
    others = [attention(*(part[[0, 2]] for part in qkv), None, bias, path=path), out[[0, 2]]]
    assert torch.allclose(*others, atol=1e-12)
    assert all(gradient.isfinite().all() for gradient in gradients(out.square().sum(), qkv))


def test_weights_are_shown_sum_to_one_and_are_those_that_were_used(qkv):
    shown = []
    out = attention(*qkv, causal(T, S - T, 99), shown=shown)
    assert shown[0].shape == (B, NH, T, S)
    assert torch.allclose(shown[0].sum(-1), torch.ones(B, NH, T, dtype=torch.float64))
    assert torch.allclose(shown[0] @ qkv[2], out)
    assert shown[0][..., 0, S - T + 1 :].eq(0).all()


@pytest.mark.parametrize("path", ["readable", "fused"])
def test_grouped_heads_equal_repeated_ones(qkv, path):
    q, k, v = qkv
    few = k[:, :2], v[:, :2]
    repeated = (part.repeat_interleave(2, 1) for part in few)
    assert torch.allclose(attention(q, *few, path=path), attention(q, *repeated, path=path), atol=1e-12)


def test_multi_head_attention_equals_torch():
    C, nh = 12, 3
    ours = MultiHeadAttention(C, nh, nh).double()
    theirs = nn.MultiheadAttention(C, nh, batch_first=True).double()
    theirs.in_proj_weight.data.copy_(ours.weight_in.weight)
    theirs.in_proj_bias.data.copy_(ours.weight_in.bias)
    theirs.out_proj.load_state_dict(ours.weight_out.state_dict())
    x = torch.randn(B, T, C, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    visible = causal(T, 0, 99)
    shown = []
    out = ours.look(*ours.queries_keys_values(x), visible=visible, shown=shown)
    expected, weights = theirs(x, x, x, attn_mask=~visible, average_attn_weights=False)
    assert torch.allclose(out, expected, atol=1e-12)
    assert torch.allclose(shown[0], weights, atol=1e-12)
    other = torch.randn(B, S, C, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    there = masks()["padding"]
    out = ours.look(ours.queries(x), ours.keys_values(other), visible=there)
    assert torch.allclose(out, theirs(x, other, other, key_padding_mask=~there[:, 0, 0])[0], atol=1e-12)


def test_a_window_hides_what_is_too_far_back():
    assert causal(3, 2, 3).int().tolist() == [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    assert causal(1, 2, 3) is None and causal(1, 3, 3).int().tolist() == [[0, 1, 1, 1]]
    assert distances(2, 1).tolist() == [[1, 0, -1], [2, 1, 0]]


def test_a_cache_goes_on_in_place_and_what_was_kept_stays():
    """The second continuation of a state must not write over the first."""
    generator = torch.Generator().manual_seed(5)

    def new(n):
        return torch.randn(B, 2 * NH, n, HD, generator=generator)

    start = append(append(new(0), new(3)), new(1))
    kept = start.clone()
    one, two, three = new(1), new(1), new(2)
    first, second = append(start, one), append(start, two)
    assert first.data_ptr() == start.data_ptr() != second.data_ptr()
    third = append(first, three)
    assert third.data_ptr() == start.data_ptr()
    assert torch.equal(start, kept)
    for longer, parts in ((first, [one]), (second, [two]), (third, [one, three])):
        assert torch.equal(longer, torch.cat([kept, *parts], 2))
    late = last(first, 3)
    assert torch.equal(append(late, two), torch.cat([first[:, :, 2:], two], 2))
    assert torch.equal(third, torch.cat([kept, one, three], 2))
    for rows in ([2, 0], slice(0, 1), slice(1, 3)):
        assert torch.equal(append(third[rows], two[rows]), torch.cat([third, two], 2)[rows])


def test_a_cache_under_gradients_is_a_new_tensor():
    old, new = torch.randn(2, B, 2 * NH, 3, HD).requires_grad_()
    append(old, new).sum().backward()


def test_rotation_keeps_lengths_and_depends_on_the_distance_alone():
    x, y = torch.randn(2, 1, 1, 1, HD, dtype=torch.float64, generator=torch.Generator().manual_seed(6))

    def score(i, j):
        turned = (rotate(z, rotary_turns(torch.tensor([[at]]), HD, torch.float64)) for z, at in ((x, i), (y, j)))
        return (next(turned) * next(turned)).sum()

    assert torch.isclose(score(3, 1), score(9, 7)) and not torch.isclose(score(3, 1), score(3, 2))
    assert torch.isclose(rotate(x, rotary_turns(torch.tensor([[5]]), HD, torch.float64)).norm(), x.norm())


def test_sinusoids_shift_by_a_turn():
    """Sine and cosine of one frequency form a pair; k steps on, every pair is turned by the same angle."""
    table = sinusoids(torch.arange(20)[None], 8)[0]
    assert torch.allclose(table[3, :2], torch.tensor([math.sin(3), math.cos(3)], dtype=torch.float64))
    inner = table @ table.T
    assert torch.allclose(inner.diagonal(4), inner[0, 4].expand(16))


def test_alibi_slopes_by_hand():
    assert alibi_slopes(4, torch.zeros(1)).flatten().tolist() == [2**-2, 2**-4, 2**-6, 2**-8]
