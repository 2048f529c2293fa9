"""NGram as a language model: sums, states, copies, and what it refuses."""

import copy
import math
import pickle
import re
from itertools import pairwise

import pytest
import torch
from ngram_reference import SENTENCE, fitted

from lmcore.model import load, save, select
from lmcore.ngram import NGram, NGramConfig, NGramState
from lmcore.ngram.config import SMOOTHINGS


@pytest.mark.parametrize("mode", ["stream", "sentence", "documents"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_every_history_sums_to_one_and_excludes_nothing(smoothing, mode):
    for order in range(1, 9):
        model, _, text = fitted(order, smoothing, mode, seed=order + 20, tokens=400)
        generator = torch.Generator().manual_seed(order)
        at = torch.randint(len(text) - order, (500, 1), generator=generator)
        seen = text[at + torch.arange(order)]
        rows = torch.cat([seen, torch.randint(11, (500, order), generator=generator)])  # (1000, n)
        probs = model(rows)[0].exp()
        assert (probs.sum(-1) - 1).abs().max() < 1e-9
        predicted = torch.arange(11) != (2 if mode == "sentence" else -1)
        assert (probs[..., predicted] > 0).all()
        assert (probs[..., ~predicted] == 0).all()


def test_a_vocabulary_too_large_for_plain_keys():
    V = 50_000  # V ** 8 has 125 bits
    text = torch.randint(V, (2_000,), generator=torch.Generator().manual_seed(1))
    model = NGram(NGramConfig(order=8, vocab_size=V)).fit(torch.cat([text, text]))
    assert model(text[None, :9])[0][0, -1].argmax() == text[9]
    assert model(text[None, :9])[0][0, -1].exp().sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("mode", ["stream", "sentence", "documents"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_pieces_equal_the_whole_and_states_stay(order, smoothing, mode):
    model, _, _ = fitted(order, smoothing, mode)
    rows = torch.randint(11, (3, 13), generator=torch.Generator().manual_seed(order))
    targets = rows.roll(-1, 1)
    logits, end = model(rows)
    log_probs, scored_end = model.score(rows, targets)
    assert torch.equal(log_probs, logits.gather(2, targets.unsqueeze(2)).squeeze(2))
    for cuts in ([0, 0, 1, 2, 13], [0, 4, 4, 9, 13], [0, 12, 13]):
        state, parts, scores = None, [], []
        for a, b in pairwise(cuts):
            before = copy.deepcopy(state)
            parts.append(model(rows[:, a:b], state)[0])
            score, after = model.score(rows[:, a:b], targets[:, a:b], state)
            if before is not None:
                assert all(torch.equal(x, y) for x, y in zip(before, state, strict=True))
            scores.append(score)
            state = after
        assert torch.equal(torch.cat(parts, 1), logits)
        assert torch.equal(torch.cat(scores, 1), log_probs)
        assert all(torch.equal(x, y) for x, y in zip(state, end, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(end, scored_end, strict=True))


def test_rows_that_have_read_different_lengths():
    model, _, _ = fitted(5)
    rows = torch.randint(9, (3, 6), generator=torch.Generator().manual_seed(3))
    states = [model(rows[b : b + 1, :length])[1] for b, length in enumerate((0, 1, 6))]
    together = NGramState(*(torch.cat(parts) for parts in zip(*states, strict=True)))
    assert together.lengths.tolist() == [0, 1, 4]
    more = torch.randint(9, (3, 2), generator=torch.Generator().manual_seed(4))
    logits, _ = model(more, together)
    for b in range(3):
        assert torch.equal(logits[b : b + 1], model(more[b : b + 1], states[b])[0])
    order = torch.tensor([2, 0, 1])
    assert torch.equal(model(more[order], select(together, order))[0], logits[order])


def test_a_sentence_forgets_the_one_before():
    model, _, _ = fitted(4, "add_k", "sentence")
    alone, _ = model(torch.tensor([[2, 1]]))
    after, _ = model(torch.tensor([[0, 5, 2, 1]]))
    assert torch.equal(after[:, 2:], alone)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_copies_pickles_and_files_give_the_same_bits(smoothing, tmp_path):
    model, _, _ = fitted(4, smoothing)
    rows = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))
    save(model, tmp_path / "model.safetensors")
    copies = (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), load(tmp_path / "model.safetensors"))
    for other in copies:
        assert torch.equal(other(rows)[0], model(rows)[0])
        assert other.explain(rows[0], 1) == model.explain(rows[0], 1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"order": 0}, "order must be 1 to 8, not 0"),
        ({"order": 9}, "order must be 1 to 8, not 9"),
        ({"order": 2.0}, "order must be a whole number"),
        ({"vocab_size": 0}, "vocab_size must be at least 1"),
        ({"smoothing": "good_turing"}, "smoothing must be one of add_k, "),
        ({"k": -1}, "k must be a finite number of at least 0"),
        ({"k": math.nan}, "k must be a finite number"),
        ({"fallback": "maybe"}, 'fallback must be "use" or "refuse"'),
        ({"mode": "page"}, 'mode must be "stream" or "sentence"'),
        ({"start_id": 0}, 'belong to mode="sentence"'),
        ({"mode": "sentence"}, "needs start_id and end_id"),
        ({"separator_id": 9}, "separator_id must be an id below 5"),
        ({"mode": "sentence", "start_id": 1, "end_id": 2, "separator_id": 0}, "belongs to mode=\"stream\""),
        ({"mode": "sentence", "start_id": 1, "end_id": 1}, "two different ids"),
        ({"mode": "sentence", "start_id": 1, "end_id": 5}, "from 0 to 4"),
    ],
)
def test_bad_configs(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NGramConfig(**{"order": 3, "vocab_size": 5, **changes})


@pytest.mark.parametrize(
    "text, error, message",
    [
        (torch.tensor([], dtype=torch.long), ValueError, "the text is empty"),
        (torch.tensor([1, 2]), ValueError, "the text has 2 tokens, fewer than the order 3"),
        (torch.tensor([1, 2, 3, 5]), ValueError, "the id 5; this vocabulary has the ids 0 to 4"),
        (torch.tensor([1, 2, -1, 3]), ValueError, "the id -1"),
        (torch.tensor([1.0, 2.0, 3.0, 4.0]), TypeError, "whole-number ids (torch.long), not torch.float32"),
        (torch.tensor([[1, 2, 3, 4]]), ValueError, "a tensor of shape (T,), not (1, 4)"),
        ("abc", TypeError, "a 1-D tensor of token ids, not str"),
    ],
)
def test_bad_texts(text, error, message):
    model = NGram(NGramConfig(order=3, vocab_size=5))
    with pytest.raises(error, match=re.escape(message)):
        model.fit(text)
    with pytest.raises(RuntimeError, match=r"call fit\(tokens\) first"):  # nothing was learned by halves
        model(torch.tensor([[1]]))


@pytest.mark.parametrize("text", [[2, 1, 5, 2, 0], [1, 5, 2, 1, 5], [2, 1, 2, 0, 5], [2, 1, 5, 0, 5]])
def test_texts_that_are_no_sentences(text):
    with pytest.raises(ValueError, match=r"sentence mode takes a text of the form <s> … </s> <s> … </s>"):
        NGram(NGramConfig(order=2, vocab_size=6, **SENTENCE)).fit(torch.tensor(text))


def test_sentences_shorter_than_the_order():
    with pytest.raises(ValueError, match="the longest sentence has, with <s> and </s>, 3 tokens"):
        NGram(NGramConfig(order=4, vocab_size=6, **SENTENCE)).fit(torch.tensor([2, 1, 5, 2, 0, 5]))


def test_a_discount_is_refused_on_request():
    config = NGramConfig(order=2, vocab_size=3, fallback="refuse")
    with pytest.raises(ValueError, match="the discounts of order 1 cannot be estimated"):
        NGram(config).fit(torch.tensor([0, 1, 2, 0]))


def test_bad_questions():
    model, _, _ = fitted(3)
    with pytest.raises(TypeError, match="float32"):
        model(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="the id 11"):
        model(torch.tensor([[11]]))
    with pytest.raises(ValueError, match="targets contains the id 12"):
        model.score(torch.tensor([[1]]), torch.tensor([[12]]))
    with pytest.raises(ValueError, match="must have one shape"):
        model.score(torch.tensor([[1, 2]]), torch.tensor([[1]]))
    with pytest.raises(ValueError, match=r"with \(3, 2\), \(3,\), .* be NGramState with \(1, 2\), \(1,\)"):
        model(torch.tensor([[1]]), model(torch.ones(3, 4, dtype=torch.long))[1])
    with pytest.raises(TypeError, match="history must be whole-number ids"):
        model.explain([0.5], 1)
    with pytest.raises(ValueError, match="history contains the id 11"):
        model.explain([11], 1)
    with pytest.raises(ValueError, match="word contains the id -1"):
        model.explain([1], -1)
