"""The n-gram's numbers: worked on paper, by a slow reference, by KenLM, and as it explains them itself."""

import math
import re
from pathlib import Path

import pytest
import torch
from ngram_reference import fitted, probabilities, random_text

from lmcore.ngram import NGram, NGramConfig
from lmcore.ngram.config import SMOOTHINGS
from lmcore.ngram.counts import count_ngrams
from lmcore.tokenizer import WordTokenizer

FIXTURES = Path(__file__).parent / "fixtures" / "kneser_ney"


def test_counting_on_paper():
    # text: 0 1 0 1 1; bigrams 01 ×2, 10, 11; trigrams 010, 101, 011
    one, two, three = count_ngrams(torch.tensor([0, 1, 0, 1, 1]), 3, 4)
    assert one.counts.tolist() == [2, 3, 0, 0]
    assert two.keys.tolist() == [0 * 4 + 1, 1 * 4 + 0, 1 * 4 + 1]
    assert two.counts.tolist() == [2, 1, 1]
    assert two.suffixes.tolist() == [1, 0, 1]
    assert two.at_edge.tolist() == [True, False, False]
    assert three.keys.tolist() == [0 * 4 + 0, 0 * 4 + 1, 1 * 4 + 1]  # rows of 01, 01, 10, and a last token
    assert three.suffixes.tolist() == [1, 2, 0]  # rows of 10, 11, 01


def test_kneser_ney_on_paper():
    """a b a c a b d. Bigrams: ab twice; ba, ac, ca, bd once: D = 4 / (4 + 2) = 2/3.

    Left neighbours: a has b, c and the edge; b, c, d have one each: 3, 1, 1, 1, no count of 2, so D falls back to 1/2.
    p(a) = 2.5/6 + (4 × .5 / 6) / 4 = 1/2; p(b) = p(c) = p(d) = .5/6 + 1/12 = 1/6.
    After a: b twice, c once; b(a) = 2 × 2/3 / 3 = 4/9; p(b | a) = (2 - 2/3) / 3 + 4/9 × 1/6 = 14/27.
    """
    model = NGram(NGramConfig(order=2, vocab_size=4, smoothing="kneser_ney")).fit(torch.tensor([0, 1, 0, 2, 0, 1, 3]))
    assert model.discounts[:, 0].tolist() == pytest.approx([1 / 2, 2 / 3], abs=1e-14)
    assert model.fell_back.tolist() == [True, False]
    assert probabilities(model, []).tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=1e-14)
    assert probabilities(model, [0]).tolist() == pytest.approx([6 / 27, 14 / 27, 5 / 27, 2 / 27], abs=1e-14)
    assert probabilities(model, [3]).tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=1e-14)  # never seen


def test_unseen_ids_share_one_part():
    # a rose is a rose is a rose, ids 0 1 2; 3 and 4 occur nowhere: 4 parts, the last shared by two ids
    model = NGram(NGramConfig(order=2, vocab_size=5, smoothing="kneser_ney"))
    model.fit(torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    assert model.log_base.exp().tolist() == pytest.approx([1 / 4, 1 / 4, 1 / 4, 1 / 8, 1 / 8])
    # continuation counts 2 (is, the edge), 1, 1; D = 1/2; left over 3/8 of the mass
    expected = [1.5 / 4 + 3 / 32, 0.5 / 4 + 3 / 32, 0.5 / 4 + 3 / 32, 3 / 64, 3 / 64]
    assert probabilities(model, []).tolist() == pytest.approx(expected)


def test_maximum_likelihood_is_the_limit_of_add_k():
    text = torch.tensor([0, 1, 0, 2, 0, 1, 3])
    model = NGram(NGramConfig(order=2, vocab_size=4, smoothing="add_k", k=0)).fit(text)
    assert probabilities(model, [0]).tolist() == pytest.approx([0, 2 / 3, 1 / 3, 0])
    assert probabilities(model, [3]).tolist() == pytest.approx([1 / 4] * 4)  # a history that nothing follows
    log_probs, _ = model.score(torch.tensor([[0]]), torch.tensor([[3]]))
    assert log_probs.item() == -math.inf
    small = NGram(NGramConfig(order=2, vocab_size=4, smoothing="add_k", k=1e-9)).fit(text)
    for history in ([], [0], [3]):
        torch.testing.assert_close(probabilities(small, history), probabilities(model, history), rtol=0, atol=1e-8)


def test_kneser_ney_counts_neighbours_where_absolute_discounting_counts_occurrences():
    # "san francisco": 1 follows only 0, often; 2 follows everything
    text = torch.tensor([0, 1] * 6 + [3, 2, 4, 2, 5, 2, 6, 2])
    by_count, by_neighbours = (
        probabilities(NGram(NGramConfig(order=2, vocab_size=7, smoothing=s)).fit(text), [])
        for s in ("absolute_discounting", "kneser_ney")
    )
    assert by_count[1] > by_count[2]
    assert by_neighbours[1] < by_neighbours[2]


@pytest.mark.parametrize("mode", ["stream", "sentence", "documents"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_equals_the_slow_reference(smoothing, mode):
    for order in range(1, 9):
        model, reference, _ = fitted(order, smoothing, mode, seed=order, k=0.3)
        if smoothing != "add_k":
            torch.testing.assert_close(
                model.discounts, torch.tensor(reference.discounts, dtype=torch.float64), rtol=0, atol=1e-12
            )
        rows = torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(order))
        rows[1] = torch.tensor(random_text(order, 11, 12)[0][:12])
        logits, _ = model(rows)
        expected = torch.tensor(
            [[[reference.p(row[: t + 1], w) for w in range(11)] for t in range(12)] for row in rows.tolist()],
            dtype=torch.float64,
        )
        torch.testing.assert_close(logits.exp(), expected, rtol=0, atol=1e-12)
        expected = torch.tensor([reference.p([], w) for w in range(11)], dtype=torch.float64)
        torch.testing.assert_close(probabilities(model, []), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, order", [("village", 3), ("village", 5), ("zipf", 3)])
def test_equals_kenlm(name, order):
    def encode(line):
        return tokenizer.encode(f"<s> {line} </s>", allow_special=True)

    lines = (FIXTURES / f"{name}.train.txt").read_text().splitlines()
    tokenizer = WordTokenizer.fit(" ".join(lines), unknown="<unk>", special_tokens=("<s>", "</s>"))
    config = NGramConfig(order=order, vocab_size=tokenizer.vocab_size, mode="sentence", start_id=0, end_id=1)
    model = NGram(config).fit(torch.cat([encode(line) for line in lines]))

    row = re.search(rf"^\| {name}.order{order}.arpa \|(.*)\|$", (FIXTURES / "README.md").read_text(), re.M).group(1)
    discounts = [[float(d) for d in found.split(",")] for found in re.findall(r"\(([^)]*)\)", row)]
    assert model.discounts.tolist() == [pytest.approx(d, abs=1e-5) for d in discounts]

    listed = {n: [] for n in range(1, order + 1)}
    for line in (FIXTURES / f"{name}.order{order}.arpa").read_text().splitlines():
        if len(fields := line.split("\t")) > 1:
            ids = [tokenizer.ids[word] for word in fields[1].split(" ")]
            listed[len(ids)].append((ids, float(fields[0]), float((*fields, 0)[2])))
    for n, entries in listed.items():
        ids, log10_probs, log10_backoffs = (torch.tensor(column) for column in zip(*entries, strict=True))
        rows = torch.zeros(len(ids), dtype=torch.long)
        for m in range(n):
            rows = model.find(m + 1, rows, ids[:, m])
        assert sorted(rows.tolist()) == list(range(len(model.table("keys", n))))  # the same n-grams, each once
        difference = model.table("log_probs", n)[rows] / math.log(10) - log10_probs
        assert difference[(ids != tokenizer.ids["<s>"]).any(1)].abs().max() < 1e-5
        if n < order:
            assert (model.table("log_backoffs", n)[rows] / math.log(10) - log10_backoffs).abs().max() < 1e-5
    assert model.log_probs_1[tokenizer.ids["<s>"]] == -math.inf

    cells = re.search(rf"^\| {name}.test.txt \| {order} \|(.*)\|$", (FIXTURES / "README.md").read_text(), re.M).group(1)
    tokens, unseen, including, excluding = (float(cell.replace(",", "")) for cell in cells.split("|"))
    texts = [encode(line) for line in (FIXTURES / f"{name}.test.txt").read_text().splitlines()]
    log_probs = torch.cat([model.score(text[None, :-1], text[None, 1:])[0][0] for text in texts])
    known = torch.cat([text[1:] for text in texts]) != tokenizer.ids["<unk>"]
    assert (len(known), int((~known).sum())) == (tokens, unseen)
    assert math.exp(-log_probs.mean()) == pytest.approx(including, rel=1e-4)
    assert math.exp(-log_probs[known].mean()) == pytest.approx(excluding, rel=1e-4)


@pytest.mark.parametrize("mode", ["stream", "sentence", "documents"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_shares_add_up_to_the_score(smoothing, mode):
    for order in range(1, 9):
        model, reference, _ = fitted(order, smoothing, mode, seed=order, k=0.3)
        for row in torch.randint(11, (7, 9), generator=torch.Generator().manual_seed(order)):
            *history, word = row.tolist()
            explanation = model.explain(row[:-1], word)
            score = model.score(row[None, :-1], row[None, 1:])[0][0, -1].exp().item()
            assert explanation.probability == pytest.approx(score, rel=1e-12, abs=0)
            assert sum(o.share for o in explanation.orders) == pytest.approx(score, rel=1e-12, abs=0)
            for o in explanation.orders[:-1]:
                assert o.count == reference.count.get(o.ngram, 0)
                assert o.ngram == (*explanation.history, word)[-o.order :]
                assert o.history_count == sum(reference.count.get((*o.ngram[:-1], w), 0) for w in range(11))
            assert explanation.history == reference.usable(history)


def test_an_explanation_on_paper():
    # the text of test_kneser_ney_on_paper; p(b | a) = 4/9 + 4/9 × (1/12 + 1/3 × 1/4)
    tokenizer = WordTokenizer(["a", "b", "c", "d"])
    model = NGram(NGramConfig(order=2, vocab_size=4, smoothing="kneser_ney")).fit(tokenizer.encode("a b a c a b d"))
    two, one, zero = model.explain(tokenizer.encode("d a"), tokenizer.ids["b"]).orders
    assert (two.ngram, two.kind, two.count, two.history_count) == ((0, 1), "raw", 2, 3)
    assert (two.discount, two.backoff, two.share) == pytest.approx((2 / 3, 4 / 9, 4 / 9))
    assert (one.ngram, one.kind, one.count, one.history_count) == ((1,), "continuation", 1, 6)
    assert (one.discount, one.backoff, one.share) == pytest.approx((1 / 2, 1 / 3, 4 / 9 / 12))
    assert (zero.kind, zero.share) == ("uniform", pytest.approx(4 / 9 / 3 / 4))
    text = model.explain(tokenizer.encode("a"), 1).text(tokenizer)
    assert text.splitlines()[0] == "p(b | a) = 0.518519"
    assert re.search(r"2\s+a b\s+raw\s+2\s+3\s+0.6667\s+0.4444\s+0.444444", text)
    assert str(model.explain([], 1)).startswith("p(1 | nothing) = 0.166667")


def test_n_grams_that_begin_a_sentence_are_called_raw():
    model, _, _ = fitted(3, mode="sentence")
    kinds = {o.order: o.kind for o in model.explain([2], 0).orders}
    assert kinds == {2: "raw", 1: "continuation", 0: "uniform"}
    assert {o.order: o.kind for o in model.explain([2, 1, 0], 0).orders} == {
        **{3: "raw", 2: "continuation", 1: "continuation", 0: "uniform"}
    }
