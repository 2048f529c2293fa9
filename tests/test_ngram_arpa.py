"""ARPA files: round trips, other people's files, escapes, and files that are not whole."""

import math
import re
from pathlib import Path

import pytest
import torch
from ngram_reference import SENTENCE, fitted

from lmcore.model import load, save
from lmcore.ngram import NGram
from lmcore.ngram.arpa import ArpaError, escape, unescape
from lmcore.ngram.config import SMOOTHINGS
from lmcore.tokenizer import CharTokenizer, WordTokenizer

FIXTURES = Path(__file__).parent / "fixtures" / "kneser_ney"
WORDS = WordTokenizer(["a", "b", "<s>", "d", "e", "</s>", "f", "g", "h", "i", "<unk>"])  # ids as in SENTENCE


@pytest.mark.parametrize("mode", ["stream", "sentence"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS[1:])
def test_a_round_trip_scores_the_same(smoothing, mode, tmp_path):
    for order in range(1, 9):
        model, _, _ = fitted(order, smoothing, mode, seed=order)
        model.to_arpa(tmp_path / "model.arpa", WORDS)
        again, tokenizer = NGram.from_arpa(tmp_path / "model.arpa", WORDS)
        rows = torch.randint(11, (3, 17), generator=torch.Generator().manual_seed(order))
        expected, _ = model(rows)
        torch.testing.assert_close(again(rows)[0], expected, rtol=0, atol=1e-12)
        assert tokenizer is WORDS
        assert again.config.mode == mode
        assert again.config.start_id == (SENTENCE["start_id"] if mode == "sentence" else None)

        renumbered, tokenizer = NGram.from_arpa(tmp_path / "model.arpa")
        ids = torch.tensor([tokenizer.ids[token] for token in WORDS.tokens])
        torch.testing.assert_close(renumbered(ids[rows])[0][..., ids], expected, rtol=0, atol=1e-12)
        save(again, tmp_path / "model.safetensors", WORDS)
        assert torch.equal(load(tmp_path / "model.safetensors")(rows)[0], again(rows)[0])


@pytest.mark.parametrize("name, order", [("village", 3), ("village", 5), ("zipf", 3)])
def test_files_of_kenlm_give_its_perplexity(name, order):
    model, tokenizer = NGram.from_arpa(FIXTURES / f"{name}.order{order}.arpa")
    texts = [
        tokenizer.encode(f"<s> {line} </s>", allow_special=True)
        for line in (FIXTURES / f"{name}.test.txt").read_text().splitlines()
    ]
    log_probs = torch.cat([model.score(text[None, :-1], text[None, 1:])[0][0] for text in texts])
    row = re.search(rf"^\| {name}.test.txt \| {order} \|.*$", (FIXTURES / "README.md").read_text(), re.M).group()
    assert math.exp(-log_probs.mean()) == pytest.approx(float(row.split("|")[5].replace(",", "")), rel=1e-4)


def test_white_space_and_stranger_characters(tmp_path):
    text = "a b\tc\nd\\u0020e\u2028f\u00a0g\x00h\ud800i\U0001f600 \\ a b"
    tokenizer = CharTokenizer.fit(text)
    model = NGram(fitted(3, vocab_size=tokenizer.vocab_size)[0].config).fit(tokenizer.encode(text))
    model.to_arpa(tmp_path / "model.arpa", tokenizer)
    again, found = NGram.from_arpa(tmp_path / "model.arpa")
    assert found.tokens == tokenizer.tokens
    row = tokenizer.encode(text)[None]
    torch.testing.assert_close(again(row)[0], model(row)[0], rtol=0, atol=1e-12)
    assert escape("a b\\") == "a\\u0020b\\u005c"
    assert unescape(escape("\\u0020")) == "\\u0020"


def test_words_that_the_file_lacks_share_the_part_of_unk(tmp_path):
    (tmp_path / "model.arpa").write_text(ARPA)
    model, _ = NGram.from_arpa(tmp_path / "model.arpa", WordTokenizer(["a", "b", "c", "d", "<unk>"]))
    probs = model(torch.tensor([[1]]))[0][0, 0].exp()
    assert probs.tolist() == pytest.approx([0.5, 0.25, 0.25 / 3, 0.25 / 3, 0.25 / 3], rel=1e-4)
    with pytest.raises(ArpaError, match="the tokenizer does not know the word 'b'"):
        NGram.from_arpa(tmp_path / "model.arpa", WordTokenizer(["a", "<unk>"]))


ARPA = """\\data\\
ngram 1=3
ngram 2=1

\\1-grams:
-0.30103\ta\t-0.17609
-0.60206\tb\t0
-0.60206\t<unk>

\\2-grams:
-0.17609\ta b

\\end\\
"""


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("\\data\\", "data", r"line 5: an ARPA file has \data\, then \1-grams:"),
        ("\\end\\", "", r"line 14: an ARPA file has \data\, then \1-grams: and so on without a gap, then \end\."),
        ("\\2-grams:", "\\3-grams:", r"line 10: an ARPA file has"),
        ("ngram 1=3", "ngram 1=4", r"line 5: \data\ announces 4 n-grams of order 1, here stand 3"),
        ("ngram 1=3", "ngram one=3", r"line 2: 'ngram 1=' and a number should stand here"),
        ("ngram 2=1\n", "ngram 2=1\nngram 3=1\n", r"line 1: \data\ announces 3 orders, the file has 2"),
        ("-0.60206\tb", "minus\tb", "line 7: its first and last fields should be numbers"),
        ("-0.60206\tb", "0.5\tb", "line 7: 0.5 is no logarithm of a probability"),
        ("-0.60206\tb", "nan\tb", "line 7: nan is no logarithm of a probability"),
        ("\tb\t0", "\tb\tinf", "line 7: the weight is not finite"),
        ("\tb\t0", "\tb c d\t0", "line 7: a line of order 1 has a number, 1 words and perhaps a number, not 5 fields"),
        ("\tb\t0", "\ta\t0", "line 7: the word 'a' stands there a second time"),
        ("\ta b", "\ta z", "line 11: the word 'z' is not among the 1-grams"),
    ],
)
def test_malformed_files_are_refused_with_the_line(old, new, message, tmp_path):
    path = tmp_path / "model.arpa"
    path.write_text(ARPA)
    NGram.from_arpa(path)
    path.write_text(ARPA.replace(old, new, 1))
    with pytest.raises(ArpaError, match=re.escape(message)) as caught:
        NGram.from_arpa(path)
    assert str(path) in str(caught.value)


def test_n_grams_whose_history_is_missing_or_twice_there(tmp_path):
    path = tmp_path / "model.arpa"
    trigram = ARPA.replace("ngram 2=1", "ngram 2=1\nngram 3=1").replace("\\end\\", "\\3-grams:\n-0.1\tb a b\n\n\\end\\")
    path.write_text(trigram)
    with pytest.raises(ArpaError, match="line 15: 'b a' is not among the 2-grams"):
        NGram.from_arpa(path)
    path.write_text(ARPA.replace("ngram 2=1", "ngram 2=2").replace("\ta b\n", "\ta b\n-0.2\ta b\n"))
    with pytest.raises(ArpaError, match="line 12: the n-gram 'a b' stands there a second time"):
        NGram.from_arpa(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArpaError, match="is not UTF-8 text"):
        NGram.from_arpa(path)
    with pytest.raises(FileNotFoundError, match="there is no ARPA file at"):
        NGram.from_arpa(tmp_path / "other.arpa")


def test_what_an_arpa_file_cannot_hold(tmp_path):
    path = tmp_path / "model.arpa"
    model, _, _ = fitted(3)
    with pytest.raises(ValueError, match="add-k is none"):
        fitted(3, "add_k")[0].to_arpa(path, WORDS)
    with pytest.raises(ValueError, match="the tokenizer has 2 tokens, the model 11"):
        model.to_arpa(path, WordTokenizer(["a", "b"]))
    with pytest.raises(ValueError, match="this tokenizer has other words"):
        fitted(3, mode="sentence")[0].to_arpa(path, WordTokenizer("abcdefghijk"))
    with pytest.raises(RuntimeError, match="call fit"):
        NGram(model.config).to_arpa(path, WORDS)
    assert not path.exists()
    model.to_arpa(path, WORDS)
    again, _ = NGram.from_arpa(path)
    with pytest.raises(ValueError, match="holds no counts"):
        again.explain([1], 1)
    with pytest.raises(ValueError, match='smoothing "arpa"'):
        again.fit(torch.arange(7))


def test_a_failed_write_leaves_the_previous_file(tmp_path, monkeypatch):
    path = tmp_path / "model.arpa"
    model, _, _ = fitted(3)
    model.to_arpa(path, WORDS)
    before = path.read_bytes()

    def disk_is_full(*args):
        raise OSError("no space left")

    monkeypatch.setattr("lmcore.runtime.os.fsync", disk_is_full)
    with pytest.raises(OSError, match="no space left"):
        fitted(4)[0].to_arpa(path, WORDS)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.arpa"]
