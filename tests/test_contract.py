"""What every model of the book must do, whatever it is: the interface, the three laws of a state, and the files."""

import copy
import pickle

import pytest
import torch
from conftest import MODELS, WITH_SOURCE, first, texts

from lmcore import LanguageModel, evaluate, generate, load, save
from lmcore.data import rows_of
from lmcore.model import select

B, T = 3, 23


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def tensors(state):
    if isinstance(state, torch.Tensor):
        return [state]
    return [] if state is None else [tensor for part in state for tensor in tensors(part)]


def same(a, b):
    return torch.allclose(a, b, atol=1e-9, rtol=1e-9, equal_nan=False)


def test_shapes_and_distribution(model):
    assert isinstance(model, LanguageModel)
    tokens = texts(model, B, T)
    logits, state = model(tokens, first(model, B))
    assert logits.shape == (B, T, model.vocab_size)
    assert torch.allclose(torch.softmax(logits.double(), -1).sum(-1), torch.ones(B, T, dtype=torch.float64))
    assert all(tensor.shape[0] == B for tensor in tensors(state))


def test_logits_score_the_token_that_follows(model):
    """The token read last must matter: the next distribution depends on it, and no earlier one does."""
    tokens = texts(model, B, T)
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % model.vocab_size
    before, after = (model(read, first(model, B))[0] for read in (tokens, changed))
    assert torch.equal(before[:, :-1], after[:, :-1])
    assert not torch.equal(before[:, -1], after[:, -1])


def test_a_state_of_other_rows_or_of_another_model_is_refused(model):
    state = model(texts(model, B, T), first(model, B))[1]
    for other in (select(state, torch.tensor([0, 1])), state[:1], (), "state", torch.zeros(B, 4)):
        with pytest.raises(ValueError, match="here it must be"):
            model(texts(model, B, 4), other)
    assert model(texts(model, B, 4), state)[0].shape == (B, 4, model.vocab_size)


@pytest.mark.parametrize("cuts", [(0,), (1,), (5,), (5, 5, 6), (1, 2, 3, 4), (T,), (0, 11, T)])
def test_reading_in_pieces_equals_reading_at_once(model, cuts):
    tokens = texts(model, B, T)
    whole, end = model(tokens, first(model, B))
    state, pieces = first(model, B), []
    for start, stop in zip((0, *cuts), (*cuts, T), strict=True):
        logits, state = model(tokens[:, start:stop], state)
        pieces.append(logits)
    assert same(torch.cat(pieces, 1), whole)
    following = texts(model, B, 4, seed=1)
    assert same(model(following, state)[0], model(following, end)[0])


def test_a_call_does_not_change_the_state_it_was_given(model):
    tokens = texts(model, B, T)
    _, state = model(tokens[:, :9], first(model, B))
    kept = copy.deepcopy(state)
    one = model(tokens[:, 9:], state)[0]
    other = model(texts(model, B, 6, seed=2), state)[0]
    assert all(torch.equal(a, b) for a, b in zip(tensors(state), tensors(kept), strict=True))
    assert torch.equal(model(tokens[:, 9:], state)[0], one)
    assert torch.equal(model(texts(model, B, 6, seed=2), kept)[0], other)


def test_rows_are_independent_and_a_state_can_be_reordered(model):
    tokens = texts(model, B, T)
    order = torch.tensor([2, 0, 2, 1])
    begin = first(model, B)
    _, state = model(tokens[:, :10], begin)
    expected, _ = model(tokens[:, 10:], state)
    assert same(model(tokens[order, 10:], select(state, order))[0], expected[order])
    for b in range(B):
        alone = select(begin, torch.tensor([b]))
        assert same(model(tokens[b : b + 1], alone)[0][0], model(tokens, begin)[0][b])


def test_score_equals_the_log_softmax_of_the_logits(model):
    tokens = texts(model, B, T)
    begin = first(model, B)
    log_probs, state = model.score(tokens[:, :-1], tokens[:, 1:], begin)
    table, other = LanguageModel.score(model, tokens[:, :-1], tokens[:, 1:], begin)
    assert same(log_probs, table)
    assert all(torch.equal(a, b) for a, b in zip(tensors(state), tensors(other), strict=True))


@pytest.mark.parametrize("name", [name for name in MODELS if name not in WITH_SOURCE])  # those: tests/test_source.py
def test_evaluate_takes_a_document_and_rows(name):
    model = MODELS[name]().eval()
    tokens = texts(model, B, T)
    rows = evaluate(model, rows_of([tokens[0], tokens[1, :7], tokens[2, :12]]))
    assert rows.tokens == 22 + 6 + 11
    assert same(evaluate(model, tokens[0]).losses, rows.losses[0])
    assert same(rows.losses[1, :6], evaluate(model, tokens[1, :7]).losses)
    assert rows.losses[1, 6:].eq(0).all()


def test_generation_is_seeded_and_rows_draw_from_their_own_streams(model):
    prompt, state = torch.zeros(B, 1, dtype=torch.long), first(model, B)
    one = generate(model, prompt, state=state, max_tokens=11, seed=4)
    again = generate(model, prompt, state=state, max_tokens=11, seed=4)
    fewer = generate(model, prompt[:2], state=select(state, torch.arange(2)), max_tokens=11, seed=4)
    assert torch.equal(one.tokens, again.tokens) and torch.equal(one.tokens[:2], fewer.tokens)
    assert not torch.equal(one.tokens, generate(model, prompt, state=state, max_tokens=11, seed=5).tokens)
    assert not torch.equal(one.tokens[0], one.tokens[1])
    read = torch.cat([prompt, one.tokens], 1)
    assert same(model.score(read[:, :-1], read[:, 1:], state)[0].double(), one.log_probs)


def test_a_saved_model_a_deep_copy_and_a_pickle_are_the_same_model(model, tmp_path):
    tokens = texts(model, B, T)
    logits, _ = model(tokens, first(model, B))
    save(model, tmp_path / "model.safetensors")
    others = [load(tmp_path / "model.safetensors"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for other in others:
        assert type(other) is type(model) and other.config == model.config
        assert torch.equal(other(tokens, first(other, B))[0], logits)
        for name, tensor in model.state_dict().items():
            assert torch.equal(other.state_dict()[name], tensor)
    save(others[0], tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("tokens", "error", "says"),
    [
        (torch.zeros(3, 5), TypeError, "whole-number"),
        (torch.zeros(5, dtype=torch.long), ValueError, r"shape \(B, T\)"),
        (torch.full((3, 5), 10**6), ValueError, "id 1000000"),
        (torch.full((3, 5), -1), ValueError, "id -1"),
        ("the dogs", TypeError, "tokenizer"),
    ],
)
def test_bad_tokens_are_refused_with_a_reason(model, tokens, error, says):
    state = first(model, B)
    for call in (lambda t: model(t, state), lambda t: generate(model, t, state=state, max_tokens=1)):
        with pytest.raises(error, match=says):
            call(tokens)
