"""Losses and their means, against numbers worked out by hand."""

import math

import pytest
import torch
from conftest import make_stream_ngram

from lmcore import NGram, NGramConfig, evaluate, token_losses
from lmcore.data import Batch, rows_of, split, windows
from lmcore.evaluate import Evaluation


def test_a_document_by_hand():
    """Unigrams by maximum likelihood of 0 0 0 1: p = 3/4, 1/4; the text 1 0 1 scores its last two tokens."""
    model = NGram(NGramConfig(order=1, vocab_size=2, smoothing="add_k", k=0)).fit(torch.tensor([0, 0, 0, 1]))
    found = evaluate(model, torch.tensor([1, 0, 1]))
    assert found.tokens == 2
    assert torch.allclose(found.losses, -torch.tensor([0.75, 0.25], dtype=torch.float64).log())
    assert found.bits_per_token == pytest.approx((math.log2(4 / 3) + 2) / 2)
    assert found.perplexity == pytest.approx(math.sqrt(4 / 3 * 4))
    assert found.bits_per_character(4) == pytest.approx((math.log2(4 / 3) + 2) / 4)


def test_an_impossible_token_is_infinite_and_its_place_is_named():
    model = NGram(NGramConfig(order=1, vocab_size=3, smoothing="add_k", k=0)).fit(torch.tensor([0, 0, 0, 1]))
    found = evaluate(model, torch.tensor([1, 0, 2, 1]))
    assert found.bits_per_token == math.inf and found.impossible == [(1,)]
    assert found.possible_bits_per_token == pytest.approx((math.log2(4 / 3) + 2) / 2)
    assert "1 of 3 tokens" in repr(found) and "token 1" in repr(found)
    rows = evaluate(model, rows_of([torch.tensor([0, 1]), torch.tensor([0, 0, 2])]))
    assert rows.impossible == [(1, 1)] and "row 1, token 1" in repr(rows)


def test_the_mean_weighs_tokens_and_the_size_of_pieces_does_not_matter(monkeypatch):
    model = make_stream_ngram()
    tokens = torch.randint(7, (211,), generator=torch.Generator().manual_seed(0))
    documents = [tokens[:50], tokens[50:57], tokens[57:]]
    whole, rows = evaluate(model, tokens), evaluate(model, rows_of(documents))
    parts = [evaluate(model, document) for document in documents]
    assert rows.nats_per_token == pytest.approx(sum(p.nats_per_token * p.tokens for p in parts) / rows.tokens)
    monkeypatch.setattr(model, "piece", 13, raising=False)
    assert torch.equal(evaluate(model, tokens).losses, whole.losses)
    assert torch.equal(evaluate(model, rows_of(documents)).losses, rows.losses)


def test_a_mask_may_pick_single_tokens_anywhere(monkeypatch):
    """Some words of each text alone are scored, in rows and groups of rows of which one has none."""
    model, batch = make_stream_ngram(), rows_of([torch.arange(7), torch.tensor([0, 1, 2]), torch.arange(5)])
    picked = torch.zeros_like(batch.mask)
    picked[0, 4] = picked[2, 3] = True
    whole = evaluate(model, batch)
    for piece in (1, 8, 100):
        monkeypatch.setattr(type(model), "piece", piece)
        found = evaluate(model, batch._replace(mask=picked))
        assert found.tokens == 2 and torch.equal(found.losses, torch.where(picked, whole.losses, 0.0))


def test_the_standard_error_of_an_excess_by_hand():
    """Differences of 1 and 3 bits on rows of one token each: mean 2, error sqrt(2 / 1 · (1 + 1)) / 2 = 1."""
    mask, ln2 = torch.ones(2, 1, dtype=torch.bool), math.log(2)
    floor = Evaluation(torch.tensor([[ln2], [ln2]], dtype=torch.float64), mask)
    model = Evaluation(torch.tensor([[2 * ln2], [4 * ln2]], dtype=torch.float64), mask)
    assert model.excess_over(floor) == pytest.approx((2.0, 1.0))
    with pytest.raises(ValueError, match="same tokens"):
        model.excess_over(Evaluation(torch.zeros(3, 1), torch.ones(3, 1, dtype=torch.bool)))


def test_evaluation_leaves_the_models_mode_alone():
    model = make_stream_ngram().train()
    token_losses(model, torch.tensor([1, 2, 3]))
    assert model.training


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ("text", TypeError, "1-D tensor"),
        (torch.zeros(2, 3, dtype=torch.long), TypeError, "1-D tensor"),
        (torch.zeros(1, dtype=torch.long), ValueError, "at least two"),
        (torch.zeros(0, dtype=torch.long), ValueError, "at least two"),
        (torch.zeros(5), TypeError, "whole-number"),
        (torch.tensor([1, 7]), ValueError, "id 7"),
    ],
)
def test_bad_data_is_refused(data, error, says):
    with pytest.raises(error, match=says):
        evaluate(make_stream_ngram(), data)


def test_an_all_padding_batch_is_refused():
    ids = torch.zeros(3, 2, dtype=torch.long)
    with pytest.raises(ValueError, match="no token to score"):
        evaluate(make_stream_ngram(), Batch(ids, ids, torch.zeros(3, 2, dtype=torch.bool)))


def test_windows_score_every_token_but_the_first_once():
    tokens = torch.arange(12)
    batch = windows(tokens, 4)
    assert batch.inputs.shape == (3, 4)
    assert torch.equal(batch.targets[batch.mask], tokens[1:]) and torch.equal(batch.inputs[batch.mask], tokens[:-1])
    for call, says in [
        (lambda: windows(tokens[:1], 4), "two tokens"),
        (lambda: windows(tokens, 0), "at least 1"),
        (lambda: rows_of([]), "at least two"),
        (lambda: rows_of([tokens, tokens[:1]]), "at least two"),
    ]:
        with pytest.raises(ValueError, match=says):
            call()


def test_split_keeps_the_order_and_every_character():
    assert split("abcdefghij") == ("abcdefghi", "j")
    assert split("abcdefghij", held_out=0.3) == ("abcdefg", "hij")
    for text, share in [("", 0.1), ("a", 0.1), ("abc", 0), ("abc", 1.0)]:
        with pytest.raises(ValueError, match=r"split|between"):
            split(text, share)
