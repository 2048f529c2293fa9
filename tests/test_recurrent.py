"""RNN, LSTM and GRU: equal to torch's own with the same weights, gradients too, and to the equations they state."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmcore import GRU, LSTM, RNN, GRUConfig, LSTMConfig, RNNConfig

B, T, V, E, H = 3, 10, 11, 5, 7
MODELS = {"RNN": (RNN, RNNConfig), "LSTM": (LSTM, LSTMConfig), "GRU": (GRU, GRUConfig)}
KINDS = {"RNN": {}, "LSTM": {}, "GRU": {}, "GRU, before": {"reset": "before"}}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_PATH = pytest.mark.parametrize("path", ["fused", "readable"])
GATED = pytest.mark.parametrize(("kind", "gate"), [("LSTM", "f"), ("GRU", "z"), ("GRU, before", "z")])


def make(kind, seed=0, **settings):
    """A model in float64 with all weights drawn, the biases too, which otherwise begin at 0."""
    model_class, config_class = MODELS[kind[:4].strip(",")]
    sizes = {"vocab_size": V, "embedding_size": E, "hidden_size": H}
    model = model_class(config_class(**(sizes | KINDS[kind] | settings)), seed=seed).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(-0.6, 0.6, generator=generator)
    return model


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn_tokens(*shape, seed=0):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


def drawn_state(model, seed=2):
    """A state that was not empty, whose gradient is wanted too."""
    L = model.config.n_layer
    parts = model.cells[0].State._fields
    return type(model(drawn_tokens(B, 0))[1])(
        *(drawn(B, L, H, seed=seed + i).tanh().requires_grad_() for i in range(len(parts)))
    )


def torch_twin(model):
    """torch's module with copies of the model's weights."""
    config = model.config
    kind = getattr(nn, type(model).__name__)
    twin = kind(config.embedding_size, config.hidden_size, config.n_layer, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for k, cell in enumerate(model.cells):
            getattr(twin, f"weight_ih_l{k}").copy_(cell.weight_ih)
            getattr(twin, f"weight_hh_l{k}").copy_(cell.weight_hh)
            getattr(twin, f"bias_ih_l{k}").copy_(cell.bias)
            getattr(twin, f"bias_hh_l{k}").zero_()
            if hasattr(cell, "bias_hn"):
                getattr(twin, f"bias_hh_l{k}")[2 * H :].copy_(cell.bias_hn)
    return twin


def scalar(logits, state):
    """A number that depends on every output and every part of the state, each by its own amount."""
    outputs = [logits, *state]
    return sum((drawn(*output.shape, seed=9 + i) * output).sum() for i, output in enumerate(outputs))


def close(a, b):
    return torch.allclose(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize("n_layer", [1, 2, 3])
@EACH_PATH
@pytest.mark.parametrize("kind", MODELS)
def test_outputs_states_and_gradients_are_torchs(kind, path, n_layer, given_state):
    model, tokens = make(kind, n_layer=n_layer, path=path), drawn_tokens(B, T)
    state = drawn_state(model) if given_state else None
    logits, after = model(tokens, state)
    scalar(logits, after).backward()

    twin = torch_twin(model)
    table = model.embedding.weight.detach().clone().requires_grad_()
    theirs = [part.detach().transpose(0, 1).contiguous().requires_grad_() for part in state] if given_state else None
    before = None if theirs is None else theirs[0] if len(theirs) == 1 else tuple(theirs)
    hidden, last = twin(table[tokens], before)
    last = [part.transpose(0, 1) for part in (last if isinstance(last, tuple) else [last])]
    their_logits = hidden @ model.head.weight.detach().T + model.head.bias.detach()
    scalar(their_logits, last).backward()

    assert close(logits, their_logits)
    assert all(close(ours, other) for ours, other in zip(after, last, strict=True))
    assert close(model.embedding.weight.grad, table.grad)
    for k, cell in enumerate(model.cells):
        assert close(cell.weight_ih.grad, getattr(twin, f"weight_ih_l{k}").grad)
        assert close(cell.weight_hh.grad, getattr(twin, f"weight_hh_l{k}").grad)
        assert close(cell.bias.grad, getattr(twin, f"bias_ih_l{k}").grad)
        if kind == "GRU":
            assert close(cell.bias_hn.grad, getattr(twin, f"bias_hh_l{k}").grad[2 * H :])
    if given_state:
        assert all(close(ours.grad, other.grad.transpose(0, 1)) for ours, other in zip(state, theirs, strict=True))
    assert min(weight.grad.abs().max() for weight in model.parameters()) > 1e-3


@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize("n_layer", [1, 2, 3])
@EACH_PATH
def test_the_textbooks_gru_is_what_a_plain_loop_computes(path, n_layer, given_state):
    model, tokens = make("GRU, before", n_layer=n_layer, path=path), drawn_tokens(B, T)
    state = drawn_state(model) if given_state else None
    logits, after = model(tokens, state)
    ours = torch.autograd.grad(scalar(logits, after), [*model.parameters(), *(state or ())])

    rows, ends = [], []
    for b in range(B):
        h = [state.h[b, k] if given_state else torch.zeros(H, dtype=torch.float64) for k in range(n_layer)]
        row = []
        for t in range(T):
            x = model.embedding.weight[tokens[b, t]]
            for k, cell in enumerate(model.cells):
                W_xr, W_xz, W_xn = cell.weight_ih[:H], cell.weight_ih[H : 2 * H], cell.weight_ih[2 * H :]
                W_hr, W_hz, W_hn = cell.weight_hh[:H], cell.weight_hh[H : 2 * H], cell.weight_hh[2 * H :]
                b_r, b_z, b_n = cell.bias[:H], cell.bias[H : 2 * H], cell.bias[2 * H :]
                r = 1 / (1 + torch.exp(-(W_xr @ x + W_hr @ h[k] + b_r)))
                z = 1 / (1 + torch.exp(-(W_xz @ x + W_hz @ h[k] + b_z)))
                n = torch.tanh(W_xn @ x + W_hn @ (r * h[k]) + b_n)
                x = h[k] = z * h[k] + (1 - z) * n
            row.append(model.head.weight @ x + model.head.bias)
        rows.append(torch.stack(row))
        ends.append(torch.stack(h))
    plain = torch.stack(rows), [torch.stack(ends)]
    theirs = torch.autograd.grad(scalar(*plain), [*model.parameters(), *(state or ())])

    assert close(logits, plain[0]) and close(after.h, plain[1][0])
    assert all(close(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_two_grus_differ_at_equal_weights():
    after, before = make("GRU"), make("GRU, before")
    before.load_state_dict({name: value for name, value in after.state_dict().items() if "bias_hn" not in name})
    with torch.no_grad():
        after.cells[0].bias_hn.zero_()
    tokens = drawn_tokens(B, T)
    assert (after(tokens)[0] - before(tokens)[0]).abs().max() > 0.01


def from_equations(cell, reset, x, before):
    """Compute the equations of the cell's docstring, as they stand there, from the matrices of `weights()`."""
    names = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "x_t": x} | cell.weights()
    names |= {f"{part}_before": value for part, value in before._asdict().items()}
    if hasattr(cell, "bias_hn"):
        names["b_hn"] = cell.bias_hn
    used = set()
    for line in type(cell).__doc__.splitlines():
        found = re.fullmatch(r"\s*(\w)_t = (.+?)(?:\s{3,}(.*))?", line)
        if not found or ((found[3] or "").startswith("reset=") and found[3] != f'reset="{reset}"'):
            continue
        code = found[2].replace("_{t-1}", "_before").replace("∘", "*").replace("σ", "sigmoid")
        code = re.sub(r"([\w)]) (W_\w+)", r"\1 @ \2", code)
        used |= set(re.findall(r"\b[Wb]_\w+", code))
        names[f"{found[1]}_t"] = eval(code, {}, names)
    assert used >= set(cell.weights()), "a weight is in no equation"
    return {name[0]: value for name, value in names.items() if name.endswith("_t") and name != "x_t"}


@EACH_KIND
def test_a_step_is_what_the_docstrings_equations_say(kind):
    model, tokens = make(kind), drawn_tokens(B, 1)
    cell, state = model.cells[0], drawn_state(model)
    x, before = model.embedding(tokens)[:, 0], type(state)(*(part[:, 0] for part in state))
    expected = from_equations(cell, getattr(model.config, "reset", None), x, before)
    shown = model.read_out(tokens, state)
    assert shown.keys() == expected.keys()
    for name, value in shown.items():
        assert close(value[:, 0, 0], expected[name]), name


@EACH_KIND
def test_weights_are_views_named_as_in_the_equations(kind):
    cell = make(kind).cells[0]
    weights = cell.weights()
    assert [name for name in weights if name.startswith("b_")] == [f"b_{gate}" for gate in cell.gates]
    for i, gate in enumerate(cell.gates):
        rows = slice(i * H, (i + 1) * H)
        assert weights[f"W_x{gate}"].shape == (E, H) and weights[f"W_h{gate}"].shape == (H, H)
        assert torch.equal(weights[f"W_x{gate}"], cell.weight_ih[rows].T)
        assert torch.equal(weights[f"W_h{gate}"], cell.weight_hh[rows].T)
        assert torch.equal(weights[f"b_{gate}"], cell.bias[rows])
    with torch.no_grad():
        weights[f"W_h{cell.gates[-1]}"][1, 2] = 42.0
    assert cell.weight_hh[-H + 2, 1] == 42.0


@EACH_PATH
@EACH_KIND
def test_what_is_read_out_is_what_forward_computes(kind, path):
    model, tokens = make(kind, n_layer=2, path=path).eval(), drawn_tokens(B, T)
    state = drawn_state(model)
    shown = model.read_out(tokens, state)
    logits, after = model(tokens, state)
    assert list(shown) == [*model.cells[0].State._fields, *model.cells[0].readout]
    assert all(value.shape == (B, T, 2, H) and not value.requires_grad for value in shown.values())
    assert close(model.head(shown["h"][:, :, -1]), logits)
    for name, value in after._asdict().items():
        assert close(shown[name][:, -1], value)
    for name in set("ifozr") & shown.keys():
        assert 0 < shown[name].min() and shown[name].max() < 1
    with pytest.raises(ValueError, match="no token to read"):
        model.read_out(tokens[:, :0])


@EACH_KIND
def test_recurrent_weights_begin_orthogonal_and_are_drawn_by_the_seed(kind):
    model_class, config_class = MODELS[kind[:4].strip(",")]
    config = config_class(vocab_size=V, embedding_size=E, hidden_size=H, n_layer=2, **KINDS[kind])
    one, again, other = (model_class(config, seed=seed) for seed in (3, 3, 4))
    for cell in one.cells:
        for block in cell.weight_hh.split(H):
            assert torch.allclose(block @ block.T, torch.eye(H), atol=1e-5)
        for block in cell.weight_ih.split(H):
            assert block.abs().max() <= (6 / sum(block.shape)) ** 0.5  # the bound of Glorot & Bengio (2010)
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
        assert "bias" in name or not torch.equal(weight, other.state_dict()[name])
    assert not torch.equal(one.cells[0].weight_hh, one.cells[1].weight_hh)
    assert not torch.equal(one.cells[0].weight_hh[:H], one.cells[0].weight_hh[-H:]) or len(one.cells[0].gates) == 1


@GATED
def test_the_gate_that_keeps_the_state_begins_as_chosen(kind, gate):
    model_class, config_class = MODELS[kind[:4].strip(",")]
    starts = {"spread": torch.tensor([0, 1.25, 2.5, 3.75, 5]), "one": torch.ones(5), "zero": torch.zeros(5)}
    for chosen, expected in starts.items():
        config = config_class(vocab_size=V, hidden_size=5, n_layer=2, gate_init=chosen, **KINDS[kind])
        for cell in model_class(config).cells:
            weights = cell.weights()
            assert torch.allclose(weights[f"b_{gate}"], expected)
            for name in {f"b_{other}" for other in cell.gates} - {f"b_{gate}"}:
                written = kind == "LSTM" and name == "b_i" and chosen == "spread"
                assert torch.equal(weights[name], -expected if written else torch.zeros(5))
            assert not hasattr(cell, "bias_hn") or cell.bias_hn.eq(0).all()


@EACH_PATH
@EACH_KIND
def test_dropout_never_comes_between_one_state_and_the_next(kind, path):
    """With W_x = 0 nothing enters by the input, so h must be the same in training, while what the head reads is not."""
    model, tokens = make(kind, dropout=0.4, path=path), drawn_tokens(B, T)
    with torch.no_grad():
        model.cells[0].weight_ih.zero_()
    torch.manual_seed(0)
    logits, state = model.eval()(tokens)
    dropped, same_state = model.train()(tokens)
    assert all(close(a, b) for a, b in zip(state, same_state, strict=True))
    assert not close(logits, dropped)


@EACH_PATH
def test_dropout_zeroes_its_share_of_the_input_and_of_each_layers_h_in_training_alone(path):
    share, wide = 0.3, 40
    model = make("LSTM", dropout=share, path=path, vocab_size=wide, embedding_size=wide, hidden_size=wide)
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(wide))  # the logits are then what is left of h
        model.head.bias.zero_()
    tokens = torch.randint(wide, (B, 50))
    model.eval()
    assert torch.equal(model(tokens)[0], model(tokens)[0])
    torch.manual_seed(1)
    model.train()
    with torch.no_grad():
        model.cells[0].weight_ih.zero_()
    kept, whole = model(tokens)[0], model.read_out(tokens)["h"][:, :, 0]
    assert (kept == 0).double().mean().item() == pytest.approx(share, abs=0.03)  # 6,000 draws: 5 standard errors
    assert close(kept[kept != 0], whole[kept != 0] / (1 - share))
    assert (model._drop(torch.ones(B, 50, wide)) == 0).double().mean().item() == pytest.approx(share, abs=0.03)
    one, other = (make("LSTM", n_layer=n, dropout=share, path=path).train() for n in (1, 2))
    assert not close(*(one(drawn_tokens(B, T))[1].h for _ in range(2)))  # x_t is dropped
    with torch.no_grad():
        other.cells[0].weight_ih.zero_()
    first, second = (other(drawn_tokens(B, T))[1].h for _ in range(2))
    assert close(first[:, 0], second[:, 0]) and not close(first[:, 1], second[:, 1])  # the h of the layer below is too


@EACH_KIND
def test_tied_embeddings_are_one_weight_that_learns_from_both_uses(kind):
    tied, free = (make(kind, embedding_size=H, tie_embeddings=tie) for tie in (True, False))
    assert tied.head.weight is tied.embedding.weight and free.head.weight is not free.embedding.weight
    assert sum(w.numel() for w in free.parameters()) - sum(w.numel() for w in tied.parameters()) == V * H
    free.load_state_dict(tied.state_dict())
    tokens = drawn_tokens(B, T)
    for model in (tied, free):
        scalar(*model(tokens)).backward()
    assert close(tied.embedding.weight.grad, free.embedding.weight.grad + free.head.weight.grad)


@pytest.mark.parametrize("tie", [True, False])
@EACH_KIND
def test_each_weight_is_in_one_group(kind, tie):
    model = make(kind, embedding_size=H, n_layer=2, tie_embeddings=tie)
    groups = model.parameter_groups()
    found = sorted(id(weight) for weights in groups.values() for weight in weights)
    assert found == sorted(id(weight) for weight in model.parameters())
    names = {id(weight): name for name, weight in model.named_parameters()}
    matrices = {names[id(weight)] for weight in groups["matrices"]}
    assert matrices == {f"cells.{k}.weight_{side}h" for k in range(2) for side in "ih"}


NO_SIZE = st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.none(), st.text(max_size=3))


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(list(MODELS)), value=NO_SIZE)
@pytest.mark.parametrize("name", ["vocab_size", "embedding_size", "hidden_size", "n_layer"])
def test_a_size_is_a_whole_number_of_at_least_1(name, kind, value):
    sizes = {"vocab_size": V} | {name: value}
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, not "):
        MODELS[kind][1](**sizes)


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        *((kind, {"dropout": p}, "dropout must be at least 0 and below 1") for kind in MODELS for p in (-0.1, 1.0)),
        ("RNN", {"dropout": float("nan")}, "dropout must be at least 0 and below 1, not nan"),
        ("GRU", {"path": "fast"}, 'path must be "fused" or "readable", not \'fast\''),
        ("RNN", {"tie_embeddings": True, "embedding_size": 5}, "embedding_size = hidden_size; they are 5 and 128"),
        ("LSTM", {"gate_init": "two"}, 'gate_init must be "spread", "one" or "zero", not \'two\''),
        ("GRU", {"gate_init": None}, "gate_init must be"),
        ("GRU", {"reset": "never"}, 'reset must be "after" or "before", not \'never\''),
    ],
)
def test_a_bad_configuration_is_refused_with_the_reason(kind, values, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        MODELS[kind][1](**({"vocab_size": V} | values))


def test_a_model_takes_its_own_config_and_a_whole_seed():
    with pytest.raises(TypeError, match="LSTM takes a LSTMConfig, not GRUConfig"):
        LSTM(GRUConfig(vocab_size=V))
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        RNN(RNNConfig(vocab_size=V), seed=-1)


@EACH_PATH
@EACH_KIND
def test_the_path_that_is_chosen_is_the_path_that_is_taken(kind, path, monkeypatch):
    """The two give the same numbers, so only the calls tell them apart; one token alone always takes the step."""
    model, taken = make(kind, n_layer=2, path=path), []
    cell_class = type(model.cells[0])
    for name, call in [("fused", cell_class.fused), ("loop", cell_class.loop)]:

        def noted(*arguments, name=name, call=call):
            taken.append(name)
            return call(*arguments)

        monkeypatch.setattr(cell_class, name, noted)
    model(drawn_tokens(B, T))
    assert taken == ["fused" if path == "fused" and kind != "GRU, before" else "loop"] * 2
    taken.clear()
    model(drawn_tokens(B, 1))
    assert taken == ["loop"] * 2
