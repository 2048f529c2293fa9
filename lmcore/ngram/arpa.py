"""The ARPA file, in which speech and translation tools exchange back-off models.

    \\data\\
    ngram 1=4            how many n-grams each order has
                         then for every order, one line an n-gram:
    \\1-grams:            log10 p(w | h) TAB h w TAB log10 b(h w), the last left out at the highest order
    -0.7 <TAB> a <TAB> -0.3
    \\end\\

`<s>` is never predicted; its probability is written as -99 by custom, and as 0 by some tools. Words are divided by
spaces, so a token that holds white space, a backslash or a control character has each of these written `\\uXXXX`.
"""

import math
import os
import re
from itertools import pairwise
from pathlib import Path

import torch

from lmcore.ngram.config import NGramConfig
from lmcore.runtime import write_whole
from lmcore.tokenizer import UNKNOWN, Tokenizer, WordTokenizer

START, END = "<s>", "</s>"
NEVER = -99.0  # log10 of a probability of 0
LN10 = math.log(10)


class ArpaError(ValueError):
    """A file that is no whole ARPA model; the message names the file, the line and the reason."""


def write_arpa(model, path: str | os.PathLike, tokenizer: Tokenizer) -> None:
    """Write `model` as an ARPA file, in one step: a failed write leaves the previous file whole.

    Raises ValueError for add-k, which is no back-off model, and for a tokenizer that does not fit; RuntimeError before
    `fit`; OSError if the file cannot be written.
    """
    config = model.config
    if config.smoothing == "add_k":
        raise ValueError("an ARPA file holds a back-off model and add-k is none: choose a smoothing that interpolates.")
    if not len(model.log_base):
        raise RuntimeError("this NGram has counted nothing yet: call fit(tokens) first.")
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}.")
    borders = (config.start_id, config.end_id)
    if config.mode == "sentence" and borders != (tokenizer.ids.get(START), tokenizer.ids.get(END)):
        raise ValueError(f"in an ARPA file sentences stand between {START} and {END}; this tokenizer has other words.")

    words = [escape(token) for token in tokenizer.tokens]
    sizes = [len(model.table("keys", n)) for n in range(1, config.order + 1)]
    lines = ["\\data\\", *(f"ngram {n}={size}" for n, size in enumerate(sizes, start=1))]
    histories = [""]
    for n in range(1, config.order + 1):
        keys = model.table("keys", n)
        log10_probs = (model.table("log_probs", n) / LN10).clamp(min=NEVER).tolist()
        rows = (keys // config.vocab_size if n > 1 else torch.zeros_like(keys)).tolist()
        ngrams = [histories[h] + words[w] for h, w in zip(rows, (keys % config.vocab_size).tolist(), strict=True)]
        lines += ["", f"\\{n}-grams:"]
        if n == config.order:
            lines += [f"{p:.15g}\t{ngram}" for p, ngram in zip(log10_probs, ngrams, strict=True)]
        else:
            backoffs = (model.table("log_backoffs", n) / LN10).tolist()
            lines += [f"{p:.15g}\t{ngram}\t{b:.15g}" for p, ngram, b in zip(log10_probs, ngrams, backoffs, strict=True)]
        histories = [ngram + " " for ngram in ngrams]
    write_whole(path, "\n".join([*lines, "", "\\end\\", ""]))


def read_arpa(cls: type, path: str | os.PathLike, tokenizer: Tokenizer | None = None):
    """The model of class `cls` (NGram) in an ARPA file, and its tokenizer.

    Without `tokenizer`, one is made of the file's words (special tokens first). With it, its ids are used: it must know
    every word of the file, and those of its tokens that the file lacks share the part of `<unk>` with `<unk>` itself.
    The model is in sentence mode if the file has `<s>` and never predicts it. It has no counts to `explain`.

    Raises FileNotFoundError, and ArpaError for a malformed file, with the number of the line.
    """
    sections = _Reader(path).sections()
    words = {ngram[0]: p for _, p, ngram, _ in sections[0]}
    if tokenizer is None:
        special = [token for token in (START, END, UNKNOWN) if token in words]
        tokenizer = WordTokenizer(words, special, UNKNOWN if UNKNOWN in words else "refuse")
    sentence = START in words and END in words and (words[START] <= NEVER or words[START] == 0)
    config = NGramConfig(
        order=len(sections),
        vocab_size=tokenizer.vocab_size,
        smoothing="arpa",
        mode="sentence" if sentence else "stream",
        start_id=tokenizer.ids.get(START) if sentence else None,
        end_id=tokenizer.ids.get(END) if sentence else None,
    )
    model = cls(config)
    _set_unigrams(model, sections[0], tokenizer, path)
    for n, section in enumerate(sections[1:], start=2):
        _set_order(model, n, section, tokenizer, path)
    model.log_backoffs_0 = torch.zeros(1, dtype=torch.float64)
    model.log_base = model.log_probs_1.clone()  # a file's order 1 already holds what lies below it
    return model, tokenizer


def escape(token: str) -> str:
    """`token` without white space, backslashes, control characters and lone surrogates: each becomes `\\uXXXX`."""
    return re.sub(r"[\s\\\x00-\x1f\x7f-\x9f\ud800-\udfff]", _code, token)


def unescape(word: str) -> str:
    """The token that `escape` made `word` of."""
    return re.sub(r"\\u([0-9a-f]{4})", _character, word)


def _code(match: re.Match) -> str:
    return f"\\u{ord(match.group()):04x}"


def _character(match: re.Match) -> str:
    return chr(int(match.group(1), 16))


def _set_unigrams(model, section: list, tokenizer: Tokenizer, path) -> None:
    V, config = tokenizer.vocab_size, model.config
    log_probs, log_backoffs = torch.full((V,), -torch.inf, dtype=torch.float64), torch.zeros(V, dtype=torch.float64)
    missing = set(range(V))
    for number, p, (word,), backoff in section:
        if word not in tokenizer.ids:
            raise ArpaError(f"{path}, line {number}: the tokenizer does not know the word {word!r}.")
        if (i := tokenizer.ids[word]) not in missing:
            raise ArpaError(f"{path}, line {number}: the word {word!r} stands there a second time.")
        missing.remove(i)
        log_probs[i], log_backoffs[i] = p * LN10, backoff * LN10
    if missing:
        if UNKNOWN not in tokenizer.ids or tokenizer.ids[UNKNOWN] in missing:
            lost = tokenizer.tokens[min(missing)]
            raise ArpaError(f"{path} has no probability for the token {lost!r}, and no {UNKNOWN} to share one with it.")
        sharers = sorted(missing | {tokenizer.ids[UNKNOWN]})
        log_probs[sharers] = log_probs[tokenizer.ids[UNKNOWN]] - math.log(len(sharers))
    if config.mode == "sentence":
        log_probs[config.start_id] = -torch.inf
    model.keys_1, model.log_probs_1 = torch.arange(V), log_probs
    if config.order > 1:
        model.log_backoffs_1 = log_backoffs


def _set_order(model, n: int, section: list, tokenizer: Tokenizer, path) -> None:
    """Put the n-grams of order n >= 2 into the model, sorted by key."""
    numbers, p, ngrams, backoffs = zip(*section, strict=True)
    try:
        ids = torch.tensor([[tokenizer.ids[word] for word in ngram] for ngram in ngrams])  # (M, n)
    except KeyError as error:
        number = next(k for k, ngram in zip(numbers, ngrams, strict=True) if error.args[0] in ngram)
        raise ArpaError(f"{path}, line {number}: the word {error.args[0]!r} is not among the 1-grams.") from None
    history = torch.zeros(len(ids), dtype=torch.long)
    for m in range(1, n):
        history = model.find(m, history, ids[:, m - 1])
    if (history < 0).any():
        i = int((history < 0).nonzero()[0])
        raise ArpaError(f"{path}, line {numbers[i]}: {' '.join(ngrams[i][:-1])!r} is not among the {n - 1}-grams.")
    keys, order = torch.sort(history * tokenizer.vocab_size + ids[:, -1])
    if (twice := (keys[1:] == keys[:-1]).nonzero()).numel():
        i = int(order[twice[0] + 1])
        raise ArpaError(f"{path}, line {numbers[i]}: the n-gram {' '.join(ngrams[i])!r} stands there a second time.")
    setattr(model, f"keys_{n}", keys)
    setattr(model, f"log_probs_{n}", torch.tensor(p, dtype=torch.float64)[order] * LN10)
    if n < model.config.order:
        setattr(model, f"log_backoffs_{n}", torch.tensor(backoffs, dtype=torch.float64)[order] * LN10)


class _Reader:
    """The lines of an ARPA file, by order: lists of (line number, log10 p, words, log10 b)."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no ARPA file at {self.path}.")
        try:
            self.lines = self.path.read_bytes().decode().split("\n")
        except UnicodeDecodeError as error:
            raise ArpaError(f"{self.path} is not UTF-8 text (byte {error.start}): it is no ARPA file.") from None

    def sections(self) -> list[list[tuple[int, float, tuple[str, ...], float]]]:
        heads = [i for i, line in enumerate(self.lines) if line.startswith("\\")]
        names = [self.lines[i].strip() for i in heads]
        n_orders = sum(name.endswith("-grams:") for name in names)
        expected = ["\\data\\", *(f"\\{n}-grams:" for n in range(1, n_orders + 1)), "\\end\\"]
        if n_orders < 1 or names != expected:
            wrong = next((i for i, (a, b) in enumerate(zip(names, expected, strict=False)) if a != b), len(names))
            place = heads[wrong] if wrong < len(heads) else len(self.lines) - 1
            self.fail(place, "an ARPA file has \\data\\, then \\1-grams: and so on without a gap, then \\end\\")
        sizes = self.sizes(heads[0], heads[1])
        if len(sizes) != n_orders:
            self.fail(heads[0], f"\\data\\ announces {len(sizes)} orders, the file has {n_orders}")
        found = []
        for n, (head, end) in enumerate(pairwise(heads[1:]), start=1):
            section = [self.entry(i, n) for i in range(head + 1, end) if self.lines[i].strip()]
            if len(section) != sizes[n - 1] or not section:
                self.fail(head, f"\\data\\ announces {sizes[n - 1]} n-grams of order {n}, here stand {len(section)}")
            found.append(section)
        return found

    def sizes(self, head: int, end: int) -> list[int]:
        sizes = []
        for i in range(head + 1, end):
            if self.lines[i].strip():
                match = re.fullmatch(r"ngram (\d+) *= *(\d+)", self.lines[i].strip())
                if match is None or int(match.group(1)) != len(sizes) + 1:
                    self.fail(i, f"'ngram {len(sizes) + 1}=' and a number should stand here")
                sizes.append(int(match.group(2)))
        return sizes

    def entry(self, i: int, n: int) -> tuple[int, float, tuple[str, ...], float]:
        fields = re.split(r"[ \t]+", self.lines[i].strip(" \t\r"))
        if len(fields) not in (n + 1, n + 2):
            self.fail(i, f"a line of order {n} has a number, {n} words and perhaps a number, not {len(fields)} fields")
        try:
            p, backoff = float(fields[0]), float(fields[n + 1]) if len(fields) == n + 2 else 0.0
        except ValueError:
            self.fail(i, "its first and last fields should be numbers")
        if not p <= 0 or not math.isfinite(backoff):
            self.fail(i, f"{fields[0]} is no logarithm of a probability" if not p <= 0 else "the weight is not finite")
        return i + 1, p, tuple(map(unescape, fields[1 : n + 1])), backoff

    def fail(self, i: int, reason: str) -> None:
        raise ArpaError(f"{self.path}, line {i + 1}: {reason}.")
