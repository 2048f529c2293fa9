"""From text to token ids and back: characters and words.

The contract of every tokenizer, in one line:

    tokenizer.decode(tokenizer.encode(text)) == tokenizer.normalise(text)

What a tokenizer does not know it refuses, unless it was built with unknown="<unk>". Special tokens such as "<s>" are
never read out of a user's text unless the caller says allow_special=True.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

UNKNOWN = "<unk>"


class Tokenizer:
    """What all tokenizers share: a list of tokens whose positions are the ids, special tokens first.

    `split(text)` and `joiner` are what a subclass adds. Attributes: `tokens` (tuple of str), `ids` (token to id),
    `special_tokens`, `unknown` ("refuse" or "<unk>").
    """

    joiner = ""

    def __init__(self, tokens: Iterable[str], special_tokens: Sequence[str] = (), unknown: str = "refuse"):
        if unknown not in ("refuse", UNKNOWN):
            raise ValueError(f'unknown must be "refuse" or "{UNKNOWN}", not {unknown!r}.')
        special_tokens = tuple(special_tokens)
        if unknown == UNKNOWN and UNKNOWN not in special_tokens:
            special_tokens += (UNKNOWN,)
        special = set(special_tokens)
        self.tokens = (*special_tokens, *(token for token in tokens if token not in special))
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self.ids) != len(self.tokens):
            twice = next(token for token, n in Counter(self.tokens).items() if n > 1)
            raise ValueError(f"the token {twice!r} occurs twice in the vocabulary.")
        if not self.tokens or "" in self.ids:
            raise ValueError("a vocabulary needs at least one token, and no token may be empty.")
        self.special_tokens = special_tokens
        self.unknown = unknown

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def split(self, text: str) -> list[str]:
        """The tokens of `text`, as strings, in order."""
        raise NotImplementedError

    def normalise(self, text: str) -> str:
        """`text` as it comes back from a round trip."""
        return self.joiner.join(self.split(text))

    def encode(self, text: str, allow_special: bool = False) -> torch.Tensor:
        """The ids of `text`: a 1-D LongTensor.

        Raises ValueError if the text has a token outside the vocabulary (and unknown="refuse"), or one that equals a
        special token while `allow_special` is False.
        """
        if not isinstance(text, str):
            raise TypeError(f"encode takes a str, not {type(text).__name__}.")
        pieces = self._split_with_special(text) if allow_special and self.special_tokens else self.split(text)
        if not allow_special and (found := set(self.special_tokens).intersection(pieces)):
            raise ValueError(
                f"the text contains {sorted(found)[0]!r}, which is a special token. Pass allow_special=True if it is "
                "meant as one, or take it out of the text."
            )
        if self.unknown == UNKNOWN:
            other = self.ids[UNKNOWN]
            return torch.tensor([self.ids.get(piece, other) for piece in pieces], dtype=torch.long)
        try:
            return torch.tensor([self.ids[piece] for piece in pieces], dtype=torch.long)
        except KeyError:
            raise ValueError(self._unknown_message(pieces)) from None

    def decode(self, ids: torch.Tensor | Sequence[int]) -> str:
        """The text of `ids` (a 1-D tensor or a sequence of whole numbers).

        Raises TypeError for other shapes and types, ValueError for an id outside the vocabulary.
        """
        if isinstance(ids, torch.Tensor):
            if ids.dim() != 1 or ids.is_floating_point() or ids.dtype == torch.bool:
                raise TypeError(f"decode takes one row of whole-number ids, not {ids.dtype}, {tuple(ids.shape)}.")
            ids = ids.tolist()
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"id {i} is outside the vocabulary: it has the ids 0 to {self.vocab_size - 1}.")
        return self.joiner.join(self.tokens[i] for i in ids)

    def to_config(self) -> dict:
        """Everything needed to build the tokenizer again, as plain JSON values."""
        tokens = list(self.tokens[len(self.special_tokens) :])
        return {
            "class": type(self).__name__,
            "tokens": tokens,
            "special_tokens": list(self.special_tokens),
            "unknown": self.unknown,
        }

    def _split_with_special(self, text: str) -> list[str]:
        """As `split`, with each special token in the text kept as one piece."""
        pieces = []
        for i, part in enumerate(re.split("(" + "|".join(map(re.escape, self.special_tokens)) + ")", text)):
            pieces += [part] if i % 2 else self.split(part)
        return pieces

    def _unknown_message(self, pieces: list[str]) -> str:
        unknown = list(dict.fromkeys(piece for piece in pieces if piece not in self.ids))
        shown = ", ".join(ascii(piece) for piece in unknown[:5]) + (" …" if len(unknown) > 5 else "")
        return (
            f"{len(unknown)} token{'s' * (len(unknown) > 1)} of the text not in this vocabulary of {self.vocab_size}: "
            f'{shown}. Take them out, or build the tokenizer with unknown="{UNKNOWN}".'
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_config() == other.to_config()

    def __hash__(self) -> int:
        return hash(self.tokens)


class CharTokenizer(Tokenizer):
    """One token per character (Unicode code point)."""

    @classmethod
    def fit(cls, text: str, special_tokens: Sequence[str] = (), unknown: str = "refuse") -> "CharTokenizer":
        """The characters of `text`, in code-point order. Raises ValueError if the text is empty."""
        _check_text(text)
        return cls(sorted(set(text)), special_tokens, unknown)

    def split(self, text: str) -> list[str]:
        return list(text)


class WordTokenizer(Tokenizer):
    """One token per word: what white space divides, or what a regular expression finds.

    Decoding puts one space between tokens. With `pattern=r"\\w+|[^\\w\\s]"` punctuation marks are words of their own.
    """

    joiner = " "

    def __init__(
        self,
        tokens: Iterable[str],
        special_tokens: Sequence[str] = (),
        unknown: str = "refuse",
        pattern: str | None = None,
        lowercase: bool = False,
    ):
        super().__init__(tokens, special_tokens, unknown)
        self.pattern = pattern
        self.lowercase = lowercase

    @classmethod
    def fit(
        cls,
        text: str,
        pattern: str | None = None,
        lowercase: bool = False,
        min_count: int = 1,
        unknown: str = "refuse",
        special_tokens: Sequence[str] = (),
    ) -> "WordTokenizer":
        """The words of `text` that occur at least `min_count` times, the most frequent first.

        Raises ValueError if the text has no word, or if `min_count` leaves words out while unknown="refuse".
        """
        _check_text(text)
        if min_count > 1 and unknown == "refuse":
            raise ValueError(f'min_count={min_count} leaves words without an id; it needs unknown="{UNKNOWN}".')
        counts = Counter(_find_words(text, pattern, lowercase))
        if not counts:
            raise ValueError("the text has no words: there is nothing to build a vocabulary from.")
        kept = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
        return cls(kept, special_tokens, unknown, pattern, lowercase)

    def split(self, text: str) -> list[str]:
        return _find_words(text, self.pattern, self.lowercase)

    def to_config(self) -> dict:
        return super().to_config() | {"pattern": self.pattern, "lowercase": self.lowercase}

    def _split_with_special(self, text: str) -> list[str]:
        # Where white space divides the words, a special token is a word of its own, never a part of one.
        return self.split(text) if self.pattern is None else super()._split_with_special(text)


def tokenizer_from_config(config: dict) -> Tokenizer:
    """The tokenizer whose `to_config` gave `config`. Raises ValueError for a class that is not known here."""
    config = dict(config)
    name = config.pop("class", None)
    classes = {cls.__name__: cls for cls in (CharTokenizer, WordTokenizer)}
    if name not in classes:
        raise ValueError(f"no tokenizer is called {name!r}; there are {', '.join(classes)}.")
    return classes[name](**config)


def _find_words(text: str, pattern: str | None, lowercase: bool) -> list[str]:
    if lowercase:
        text = text.lower()
    if pattern is None:
        return text.split()
    return [match.group() for match in re.finditer(pattern, text) if match.group()]


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"fit takes a str, not {type(text).__name__}.")
    if not text:
        raise ValueError("the text is empty: there is nothing to build a vocabulary from.")
