"""The sampling rules against numbers worked out by hand, and draws against the distribution they come from."""

import math
import sys

import pytest
import torch
from conftest import make_stream_ngram

from lmcore import generate
from lmcore.generate import draw, next_token_probabilities

LOGITS = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [0.5, 0.25, 0.125, 0.125]),
        ({"temperature": 0.5}, [16 / 22, 4 / 22, 1 / 22, 1 / 22]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 3}, [4 / 7, 2 / 7, 1 / 7, 0]),
        ({"top_k": 9}, [0.5, 0.25, 0.125, 0.125]),
        ({"top_p": 0.45}, [1, 0, 0, 0]),
        ({"top_p": 0.6}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 1.0}, [0.5, 0.25, 0.125, 0.125]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),
    ],
)
def test_rules_by_hand(rule, expected):
    probs = next_token_probabilities(LOGITS.expand(3, 4), **rule)
    assert torch.allclose(probs, torch.tensor(expected, dtype=torch.float64).expand(3, 4), atol=1e-7)


def test_draw_walks_along_the_cumulative_probabilities():
    probs = torch.tensor([[0.5, 0.0, 0.25, 0.25]], dtype=torch.float64)
    numbers = torch.tensor([0.0, 0.4999, 0.5, 0.7499, 0.75, math.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert draw(probs.expand(6, 4), numbers).tolist() == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("rule", [{}, {"temperature": 1.7}, {"top_k": 3}, {"top_p": 0.8}])
def test_draws_follow_the_stated_distribution(rule):
    model, n = make_stream_ngram(), 4000
    prompt = torch.tensor([[1, 2, 3]])
    expected = next_token_probabilities(model(prompt)[0][0, -1], **rule)
    drawn = generate(model, prompt.expand(n, 3), max_tokens=1, seed=3, **rule).tokens[:, 0]
    counts = torch.bincount(drawn, minlength=model.vocab_size)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = ((counts - n * expected).square()[possible] / (n * expected[possible])).sum().item()
    freedom = int(possible.sum()) - 1  # mean of a chi-square; its variance is twice that
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


def test_stop_ends_a_row_and_counts_its_length():
    model = make_stream_ngram()
    prompt = torch.zeros(3, 1, dtype=torch.long)
    free = generate(model, prompt, max_tokens=30, seed=1)
    out = generate(model, prompt, max_tokens=30, stop=[2, 5], seed=1)
    assert len(set(out.lengths.tolist())) > 1
    for row, length, log_probs, unstopped in zip(out.tokens, out.lengths, out.log_probs, free.tokens, strict=True):
        stops = [n for n, token in enumerate(unstopped.tolist()) if token in (2, 5)]
        assert length == stops[0] + 1
        assert torch.equal(row[:length], unstopped[:length])
        assert (row[length:] == row[length - 1]).all() and (log_probs[length:] == 0).all()


@pytest.mark.parametrize("together", [1, 60])
def test_log_probabilities_do_not_depend_on_how_many_are_worked_out_at_once(together, monkeypatch):
    model, prompt = make_stream_ngram(), torch.zeros(3, 1, dtype=torch.long)
    whole = generate(model, prompt, max_tokens=20, stop=[2], seed=1)
    monkeypatch.setattr(sys.modules["lmcore.generate"], "TOGETHER", together)  # lmcore.generate is the function
    assert torch.equal(generate(model, prompt, max_tokens=20, stop=[2], seed=1).log_probs, whole.log_probs)


def test_a_state_stands_for_what_was_read():
    model = make_stream_ngram()
    prompt = torch.tensor([[1, 2, 3, 4]]).expand(3, 4)
    _, state = model(prompt[:, :2])
    whole = generate(model, prompt, max_tokens=9, seed=8)
    assert torch.equal(generate(model, prompt[:, 2:], state=state, max_tokens=9, seed=8).tokens, whole.tokens)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [99]}, "stop contains the id 99"),
        ({"seed": -1}, "seed"),
        ({"prompt": torch.zeros(1, 0, dtype=torch.long)}, "prompt is empty"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, says):
    class Untouchable(torch.nn.Module):
        vocab_size = 7

        def forward(self, *_):
            raise AssertionError("work began before the arguments were checked")

    call = {"prompt": torch.zeros(1, 1, dtype=torch.long), "max_tokens": 3} | arguments
    with pytest.raises(ValueError, match=says):
        generate(Untouchable(), **call)
