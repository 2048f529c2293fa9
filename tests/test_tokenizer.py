"""One contract for every tokenizer, and the cases in which one refuses."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore import CharTokenizer, WordTokenizer
from lmcore.tokenizer import tokenizer_from_config

PUNCTUATION = r"\w+|[^\w\s]"

FITS = {
    "characters": CharTokenizer.fit,
    "characters, <unk>": lambda text: CharTokenizer.fit(text, unknown="<unk>"),
    "characters, special": lambda text: CharTokenizer.fit(text, special_tokens=("<s>",)),
    "words": WordTokenizer.fit,
    "words, special": lambda text: WordTokenizer.fit(text, special_tokens=("<s>",)),
    "words and punctuation": lambda text: WordTokenizer.fit(text, pattern=PUNCTUATION, lowercase=True),
    "frequent words": lambda text: WordTokenizer.fit(text, min_count=2, unknown="<unk>"),
}

# All of Unicode, lone surrogates and NUL among it, and the places where text usually breaks.
TRICKY = ["\x00", "\ud800", "\udfff", "e\u0301", "\U0001f469\u200d\U0001f467", "\U0001f1eb\U0001f1f7", "שלום"]
TRICKY += ["\u202e", "<s>", "<unk>", "\r\n", "\u2028", "ß", "İ", "a", " "]
texts = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=30),
    st.lists(st.sampled_from(TRICKY), max_size=12).map("".join),
    st.lists(st.sampled_from(TRICKY), max_size=12).map(" ".join),
)


@pytest.mark.parametrize("name", ["characters, special", "words, special", "words and punctuation", "frequent words"])
def test_ten_thousand_texts_round_trip_or_are_refused(name):
    tried, refused = [], []

    @settings(max_examples=5_000, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(texts, texts)
    def drive(fitted_on, other):
        for text in (fitted_on, other):
            tried.append(text)
            try:
                tokenizer = FITS[name](fitted_on)
                ids = tokenizer.encode(text)
            except ValueError as refusal:
                assert len(str(refusal)) > 20
                if text is fitted_on:
                    refused.append(text)
                continue
            assert ids.dtype == torch.long and ids.dim() == 1
            back = tokenizer.decode(ids)
            if tokenizer.unknown == "refuse":
                assert back == tokenizer.normalise(text)
            else:
                assert len(tokenizer.split(text)) == len(ids)
                known = [token if token in tokenizer.ids else "<unk>" for token in tokenizer.split(text)]
                assert back == tokenizer.joiner.join(known)

    drive()
    assert len(tried) >= 10_000
    assert len(refused) <= len(tried) / 4  # half of `tried` are the fitted texts themselves


@pytest.mark.parametrize("name", FITS)
def test_config_builds_the_same_tokenizer(name):
    tokenizer = FITS[name]("to be or not to be, \ud800 to")
    again = tokenizer_from_config(tokenizer.to_config())
    assert again == tokenizer and again.tokens == tokenizer.tokens
    assert again.encode("to be to").tolist() == tokenizer.encode("to be to").tolist()


def test_worked_example():
    words = WordTokenizer.fit("the cat saw the dog")
    assert words.tokens == ("the", "cat", "dog", "saw")
    assert words.encode("the dog saw").tolist() == [0, 2, 3]
    assert words.decode([0, 2, 3]) == "the dog saw"
    assert CharTokenizer.fit("banana").tokens == ("a", "b", "n")
    marks = WordTokenizer.fit("Stop! Who goes there?", pattern=PUNCTUATION, lowercase=True)
    assert marks.normalise("Who goes, stop?") == "who goes , stop ?"


def test_special_tokens_come_first_and_are_read_only_when_allowed():
    for tokenizer in (
        CharTokenizer.fit("ab", special_tokens=("<s>",)),
        WordTokenizer.fit("a b", special_tokens=("<s>",)),
        WordTokenizer.fit("a b", pattern=PUNCTUATION, special_tokens=("<s>",)),
    ):
        assert tokenizer.tokens[0] == "<s>"
        with pytest.raises(ValueError, match=r"special token|not in this vocabulary"):
            tokenizer.encode("<s> a")
    assert WordTokenizer.fit("a b", special_tokens=("<s>",)).encode("<s> b", allow_special=True).tolist() == [0, 2]
    assert CharTokenizer.fit("ab", special_tokens=("<s>",)).encode("<s>b", allow_special=True).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: CharTokenizer.fit(""), ValueError, "empty"),
        (lambda: WordTokenizer.fit(" \n"), ValueError, "no words"),
        (lambda: CharTokenizer.fit(b"ab"), TypeError, "str"),
        (lambda: CharTokenizer.fit("ab").encode("abé…"), ValueError, r"2 tokens.*'\\xe9', '\\u2026'.*<unk>"),
        (lambda: CharTokenizer.fit("ab").encode(3), TypeError, "str"),
        (lambda: CharTokenizer.fit("ab").decode([0, 2]), ValueError, "0 to 1"),
        (lambda: CharTokenizer.fit("ab").decode(torch.zeros(2)), TypeError, "whole-number"),
        (lambda: CharTokenizer.fit("ab").decode(torch.zeros(1, 2, dtype=torch.long)), TypeError, "one row"),
        (lambda: WordTokenizer.fit("a b", min_count=2), ValueError, "<unk>"),
        (lambda: WordTokenizer(["a", "a"]), ValueError, "twice"),
        (lambda: WordTokenizer(["a", ""]), ValueError, "empty"),
        (lambda: CharTokenizer.fit("ab", unknown="ignore"), ValueError, "refuse"),
        (lambda: tokenizer_from_config({"class": "os.system", "tokens": []}), ValueError, "no tokenizer"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, error, says):
    with pytest.raises(error, match=says):
        call()
