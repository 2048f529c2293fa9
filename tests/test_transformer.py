"""Transformer blocks and GPT: equal to torch's, what each setting means, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lmcore import GPT, GPTConfig, generate
from lmcore.attention import causal
from lmcore.data import Rows
from lmcore.train import TrainConfig, train
from lmcore.transformer import Block, FeedForward, Sight, TransformerConfig

B, T, S, C, NH = 3, 7, 5, 12, 3
CONFIG = GPTConfig(vocab_size=11, context_length=9, d_model=C, n_head=NH)


def copy_attention(ours, theirs):
    theirs.in_proj_weight.data.copy_(ours.weight_in.weight)
    theirs.in_proj_bias.data.copy_(ours.weight_in.bias)
    theirs.out_proj.load_state_dict(ours.weight_out.state_dict())


def pair(kind, pre, activation, cross):
    """One block of ours and torch's layer with the same, randomly drawn weights."""
    config = TransformerConfig(
        vocab_size=9, d_model=C, n_head=NH, d_ff=20, positions="none", norm="layernorm", bias=True,
        norm_place="pre" if pre else "post", activation=activation,
    )  # fmt: skip
    ours = Block(config, cross).double()
    generator = torch.Generator().manual_seed(0)
    for weight in ours.parameters():
        weight.data.normal_(std=0.4, generator=generator)
    theirs = kind(C, NH, 20, 0.0, activation, batch_first=True, norm_first=pre).double()
    copy_attention(ours.attend, theirs.self_attn)
    if cross:
        copy_attention(ours.cross, theirs.multihead_attn)
    theirs.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    norms = [ours.norm_attend, *([ours.norm_cross] if cross else []), ours.norm_feed_forward]
    for number, norm in enumerate(norms, 1):
        getattr(theirs, f"norm{number}").load_state_dict(norm.state_dict())
    return ours, theirs


def drawn(*shape, seed=1):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def assert_same(ours, theirs, inputs):
    assert torch.allclose(ours, theirs, atol=1e-10)
    upstream = drawn(*ours.shape, seed=9).detach()
    for a, b in zip(*(torch.autograd.grad((out * upstream).sum(), inputs) for out in (ours, theirs)), strict=True):
        assert torch.allclose(a, b, atol=1e-9)


@pytest.mark.parametrize("pre", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block_equals_torchs_encoder_layer(pre, activation):
    ours, theirs = pair(nn.TransformerEncoderLayer, pre, activation, cross=False)
    x, there = drawn(B, T, C), torch.arange(T) < torch.tensor([7, 3, 5])[:, None]
    out = ours(x, Sight(there[:, None, None]))[0]
    expected = theirs(x, src_key_padding_mask=~there)
    assert_same(out[there], expected[there], [x])


@pytest.mark.parametrize("pre", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_cross_block_equals_torchs_decoder_layer(pre, activation):
    ours, theirs = pair(nn.TransformerDecoderLayer, pre, activation, cross=True)
    x, source = drawn(B, T, C), drawn(B, S, C, seed=2)
    there = torch.arange(S) < torch.tensor([5, 2, 1])[:, None]
    visible = causal(T, 0, 99)
    out = ours(x, Sight(visible), None, ours.cross.keys_values(source), Sight(there[:, None, None]))[0]
    assert_same(out, theirs(x, source, tgt_mask=~visible, memory_key_padding_mask=~there), [x, source])


def test_without_positions_a_last_token_cannot_tell_the_order_of_those_before():
    tokens = torch.tensor([[1, 2, 3, 4, 5]])
    turned = torch.tensor([[3, 1, 4, 2, 5]])
    for positions in ("none", "alibi", "rotary", "sinusoidal", "learned"):
        model = GPT(replace(CONFIG, positions=positions, n_layer=1), seed=1).double().eval()
        last = [model(order)[0][0, -1] for order in (tokens, turned)]
        assert torch.allclose(*last) == (positions == "none")


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_relative_positions_do_not_care_where_a_text_begins(positions):
    model = GPT(replace(CONFIG, positions=positions, context_length=4, n_layer=1), seed=1).double().eval()
    text = torch.tensor([[1, 2, 3, 4, 5, 6]])
    assert torch.allclose(model(text)[0][0, -1], model(text[:, 2:])[0][0, -1])


@pytest.mark.parametrize("n_layer", [1, 2, 3])
def test_each_layer_sees_w_tokens_so_that_the_reach_grows_with_the_layers(n_layer):
    model = GPT(replace(CONFIG, context_length=4, n_layer=n_layer), seed=2).double().eval()
    text = torch.randint(11, (1, 15), generator=torch.Generator().manual_seed(0))
    before = model(text)[0][0, -1]
    for back in range(15):
        changed = text.clone()
        changed[0, -1 - back] = (changed[0, -1 - back] + 1) % 11
        moved = not torch.equal(model(changed)[0][0, -1], before)
        assert moved == (back <= n_layer * 3), back


def test_paths_agree_with_gradients():
    losses, gradients = [], []
    for path in ("fused", "readable"):
        model = GPT(replace(CONFIG, path=path, n_kv_head=1, qk_norm=True), seed=3).double()
        tokens = torch.randint(11, (B, T), generator=torch.Generator().manual_seed(1))
        loss = -model.score(tokens[:, :-1], tokens[:, 1:])[0].mean()
        losses.append(loss)
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    assert torch.isclose(*losses)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*gradients, strict=True))


def test_attention_is_read_out_of_the_one_path():
    model = GPT(CONFIG, seed=1).double().eval()
    tokens = torch.randint(11, (B, 6), generator=torch.Generator().manual_seed(1))
    weights = model.read_out(tokens)["attention"]
    assert weights.shape == (B, 2, NH, 6, 6)
    assert torch.allclose(weights.sum(-1), torch.ones(B, 2, NH, 6, dtype=torch.float64))
    assert weights.triu(1).eq(0).all()
    _, state = model(tokens[:, :4])
    later = model.read_out(tokens[:, 4:], state)["attention"]
    assert later.shape == (B, 2, NH, 2, 6) and torch.allclose(later, weights[..., 4:, :])
    with pytest.raises(ValueError, match="1 to 9 tokens at once, not 0"):
        model.read_out(tokens[:, :0])


def test_parameters_by_formula():
    V, L, F = 11, 2, 4 * C
    model = GPT(CONFIG)
    blocks = L * (4 * C * C + 2 * C * F + 2 * C)
    assert sum(weight.numel() for weight in model.parameters()) == blocks + 2 * V * C + C
    tied = GPT(replace(CONFIG, tie_embeddings=True))
    assert sum(weight.numel() for weight in tied.parameters()) == blocks + V * C + C
    swiglu = FeedForward(replace(CONFIG, activation="swiglu", d_ff=8))
    assert sum(weight.numel() for weight in swiglu.parameters()) == 3 * C * 8


def test_muon_gets_the_hidden_matrices_and_every_weight_is_in_one_group():
    model = GPT(replace(CONFIG, bias=True, positions="learned"))
    groups = model.parameter_groups()
    assert len(groups["matrices"]) == 2 * 3 and len(groups["stacked"]) == 2
    assert all(weight.dim() == 2 for weight in groups["matrices"] + groups["stacked"])
    assert not GPT(replace(CONFIG, n_kv_head=1)).parameter_groups()["stacked"]  # maps of different sizes
    ids = [id(weight) for group in groups.values() for weight in group]
    assert sorted(ids) == sorted(id(weight) for weight in model.parameters())


def test_the_first_loss_is_that_of_knowing_nothing_and_training_lowers_it():
    model = GPT(replace(CONFIG, context_length=32), seed=1)
    tokens = torch.arange(600) % 11
    config = TrainConfig(
        steps=60, rows=8, length=16, optimizer="muon", muon_learning_rate=0.02, learning_rate=1e-2, warmup=5
    )
    history = train(model, Rows(tokens), config, progress=False)
    assert abs(history.losses[0] - math.log(11)) < 0.1
    assert history.losses[-1] < 0.5


def test_generation_past_the_context_goes_on():
    model = GPT(replace(CONFIG, context_length=4), seed=1).eval()
    out = generate(model, torch.zeros(B, 1, dtype=torch.long), max_tokens=30, temperature=0)
    assert out.tokens.shape == (B, 30)


def test_a_text_longer_than_a_piece_is_read_as_token_by_token_and_in_other_pieces():
    model = GPT(replace(CONFIG, context_length=5), seed=2).double().eval()
    tokens = torch.randint(11, (2, 600), generator=torch.manual_seed(0))
    at_once, end = model(tokens)
    for cut in (1, 7, 256, 300):
        state, parts = None, []
        for piece in tokens.split(cut, 1):
            logits, state = model(piece, state)
            parts.append(logits)
        assert torch.allclose(torch.cat(parts, 1), at_once, atol=1e-12)
        assert all(torch.allclose(a, b) for a, b in zip(state.layers, end.layers, strict=True))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"n_head": 5}, "12 cannot be divided among 5 heads"),
        ({"n_kv_head": 2}, "3 heads cannot share 2"),
        ({"n_layer": 0}, "n_layer must be a whole number"),
        ({"d_model": 6.0}, "d_model must be a whole number"),
        ({"positions": "absolute"}, "positions must be one of none, sinusoidal"),
        ({"positions": "rotary", "n_head": 4}, "a head is 3 wide"),
        ({"positions": "sinusoidal", "d_model": 9}, "come in pairs"),
        ({"norm": "batch"}, "norm must be one of"),
        ({"norm_place": "middle"}, "norm_place must be one of"),
        ({"activation": "tanh"}, "activation must be one of"),
        ({"dropout": 1}, "dropout must be"),
        ({"path": "fast"}, "path must be one of"),
    ],
)
def test_bad_settings_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        replace(CONFIG, **settings)


def test_learned_positions_end_before_any_work():
    model = GPT(replace(CONFIG, positions="learned"), seed=1).eval()
    tokens = torch.zeros(B, 10, dtype=torch.long)
    with pytest.raises(ValueError, match="has learned 9 positions and cannot read 10 tokens"):
        model(tokens)
    _, state = model(tokens[:, :6])
    with pytest.raises(ValueError, match="cannot read 10 tokens"):
        model(tokens[:, :4], state)
    assert model(tokens[:, :3], state)[0].shape == (B, 3, 11)


def test_a_cache_of_another_model_is_refused():
    tokens = torch.zeros(B, 3, dtype=torch.long)
    _, state = GPT(replace(CONFIG, n_layer=1))(tokens)
    with pytest.raises(ValueError, match=r"another model.*GPTState with \(3,\), \(3, 6, 3, 4\), and here it must be"):
        GPT(CONFIG)(tokens, state)
