"""The Village: one fixed world whose author writes as many stories as are wanted, the same ones for the same seed."""

import random

import torch

from lmcore.model import Batch
from lmcore.tokenizer import WordTokenizer
from lmcore.village.author import Author
from lmcore.village.lexicon import SEPARATOR, VOCABULARY
from lmcore.village.story import Story
from lmcore.village.telling import read, write


class Village:
    """A small world about which its author writes short stories.

    `tokenizer` is a WordTokenizer over the words of the Village. A story always reads `<s> words <s>`: the first
    separator is context, the second is scored. The same seed gives the same stories however they are asked for, and
    asking for more of them only adds to the end.
    """

    def __init__(self):
        self.tokenizer = WordTokenizer(VOCABULARY[1:], special_tokens=(SEPARATOR,))

    def author(self) -> Author:
        """The truth as a language model; see `Author`."""
        return Author()

    def write(self, stories: int, seed: int) -> str:
        """`stories` stories as one text: "<s> story <s> story … <s>". Raises TypeError or ValueError as `stories()`."""
        _check(stories, seed)
        draw = random.Random(seed).random
        words = [SEPARATOR]
        for _ in range(stories):
            words += write(draw)[0].words
            words.append(SEPARATOR)
        return " ".join(words)

    def stories(self, count: int, seed: int) -> list[Story]:
        """`count` stories. Raises TypeError unless both are whole numbers, ValueError unless count >= 1, seed >= 0."""
        _check(count, seed)
        draw = random.Random(seed).random
        return [Story(*write(draw)) for _ in range(count)]

    def story(self, seed: int) -> Story:
        """The first story of a seed."""
        return self.stories(1, seed)[0]

    def rows(self, stories: int, seed: int) -> Batch:
        """The stories as padded rows (B, T): inputs `<s> w1 … wn`, targets `w1 … wn <s>`, mask False at padding."""
        _check(stories, seed)
        draw = random.Random(seed).random
        ids = self.tokenizer.ids
        rows = [[ids[word] for word in write(draw)[0].words] for _ in range(stories)]
        T = 1 + max(map(len, rows))
        inputs = torch.tensor([[0, *row] + [0] * (T - 1 - len(row)) for row in rows])
        targets = torch.tensor([row + [0] * (T - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        return Batch(inputs, targets, torch.arange(T) <= lengths.unsqueeze(1))

    def read(self, text: str) -> Story:
        """What the author makes of a story's text, words divided by spaces: log-probabilities, tags and frames.

        The closing separator is scored as in a written story. Where a word cannot follow, its log-probability and
        those of the words after it are -inf. Raises ValueError for a word that the Village does not have.
        """
        self.tokenizer.encode(text)
        words = text.split()
        return Story(*read([*words, SEPARATOR]), words)


def _check(stories: int, seed: int) -> None:
    for name, value in (("the number of stories", stories), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be a whole number, not {value!r}.")
    if stories < 1:
        raise ValueError(f"the number of stories must be at least 1, not {stories}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}.")
