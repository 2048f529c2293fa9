"""Choices: what the author may write next, and with what probability.

A latent choice is made only by emitting a word that reveals it. `mix` joins alternatives into one distribution and
asserts that no word belongs to two of them: that assertion is the proof that the author's probabilities are exact.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate


class Chance:
    """A distribution over words. `words` in a fixed order, `log_probs` (natural logs) by word."""

    __slots__ = ("_edges", "get", "log_probs", "words")

    def __init__(self, weights: Mapping[str, float]):
        weights = {word: weight for word, weight in weights.items() if weight > 0}
        total = math.fsum(weights.values())
        self.words = tuple(weights)
        self.log_probs = {word: math.log(weight / total) for word, weight in weights.items()}
        self._edges = [edge / total for edge in accumulate(weights.values())][:-1]
        self.get = self.log_probs.get  # log p of a word, None if it is impossible

    def draw(self, random: Callable[[], float]) -> str:
        """A word; `random()` gives a number in [0, 1)."""
        return self.words[bisect_right(self._edges, random())]

    def items(self):
        """(word, log p) for every possible word."""
        return self.log_probs.items()


class Split:
    """A distribution in two steps whose first step shows in the word: p(word) = p(part) p(word | part).

    Used where too many combinations occur to keep one `Chance` for each: `top` is over the indices of `parts`, and
    `part_of` tells for each word to which part it belongs (see `partition`).
    """

    __slots__ = ("part_of", "parts", "top")

    def __init__(self, top: Chance, parts: tuple[Chance | None, ...], part_of: Mapping[str, int]):
        self.top, self.parts, self.part_of = top, parts, part_of

    def draw(self, random: Callable[[], float]) -> str:
        return self.parts[self.top.draw(random)].draw(random)

    def get(self, word: str) -> float | None:
        part = self.part_of.get(word)
        first = self.top.get(part)
        if first is None:
            return None
        second = self.parts[part].get(word)
        return None if second is None else first + second

    def items(self):
        return [(word, first + second) for part, first in self.top.items() for word, second in self.parts[part].items()]


def certain(word: str) -> Chance:
    return Chance({word: 1.0})


def even(words) -> Chance:
    """All of `words` alike."""
    return Chance(dict.fromkeys(words, 1.0))


def mix(*parts: tuple[float, Chance]) -> Chance:
    """One distribution from (weight, distribution) alternatives; a weight of 0 leaves its alternative out."""
    total = math.fsum(weight for weight, _ in parts)
    weights: dict[str, float] = {}
    for weight, chance in parts:
        if weight > 0:
            assert not weights.keys() & chance.log_probs.keys(), "a word would belong to two alternatives"
            weights |= {word: weight / total * math.exp(log_prob) for word, log_prob in chance.items()}
    return Chance(weights)


def partition(parts) -> dict[str, int]:
    """word -> index of the part it belongs to; asserts that no word belongs to two."""
    part_of: dict[str, int] = {}
    for index, words in enumerate(parts):
        assert not part_of.keys() & set(words), "a word would belong to two alternatives"
        part_of |= dict.fromkeys(words, index)
    return part_of
