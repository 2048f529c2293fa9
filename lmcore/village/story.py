"""One story, and all that it renders to."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from lmcore.village import chinese, french, tasks
from lmcore.village.frames import Frame, dress
from lmcore.village.lexicon import DOES, NAMES, POSSESSIVES, SEES, THINGS, WEATHERS
from lmcore.village.tale import Tale

_PAIRS = {form: forms for table in (DOES, SEES) for forms in table.values() for form in forms}


class Tag(NamedTuple):
    """A word that only a certain kind of memory predicts.

    `phenomenon`: "agreement", "memory" or "recall". `position`, `evidence`: indices into the story's words, of the word
    itself and of the latest word that gives the answer. `contrast`: the words that one may take for it. `about`: for
    recall, the things of this story.
    """

    phenomenon: str
    position: int
    evidence: int
    contrast: tuple[str, ...]
    about: tuple[str, ...] = ()

    @property
    def distance(self) -> int:
        """In words, from the word back to its evidence."""
        return self.position - self.evidence


class Story:
    """A story of the Village.

    Attributes: `words` (tuple of str, without separators), `log_probs` (natural logs, one for each word and one for the
    separator that closes the story), `tags`, `frames`, and the renderings, each made when first asked for.
    """

    def __init__(self, tale: Tale, log_probs: Sequence[float], words: Sequence[str] | None = None):
        self.words = tuple(tale.words if words is None else words)
        self.log_probs = tuple(log_probs)
        self._tale = tale

    def __repr__(self) -> str:
        return f"Story({self.prose!r})"

    @property
    def text(self) -> str:
        """The words, divided by spaces."""
        return " ".join(self.words)

    @cached_property
    def prose(self) -> str:
        """The story for people: capitals, and no space before a mark."""
        return to_prose(self.words)

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """The tagged words in order; every other word is local."""
        about = tuple(self._tale.thing.values())
        return tuple(
            Tag(kind, at, evidence, _PAIRS[self.words[at]] if kind == "agreement" else _CONTRASTS[kind],
                about if kind == "recall" else ())
            for kind, at, evidence in self._tale.tags
        )  # fmt: skip

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """What the story tells, one frame for each sentence."""
        return dress(self._tale.words, self._tale.records)

    @property
    def mood(self) -> str | None:
        """How everyone feels: "happy" or "grumpy"; None if the text stops before it says so."""
        return self._tale.feeling or None

    @property
    def topic(self) -> str | None:
        """The day's business: "market", "washing", "painting" or "hide-and-seek"; None if it is not told."""
        return self._tale.topic or None

    @cached_property
    def french_words(self) -> str:
        """The story in French, words divided by spaces, elided ones too ("l' oiseau")."""
        return french.words(self.frames)

    @cached_property
    def french(self) -> str:
        """The story in French for people."""
        return french.prose(self.french_words)

    @cached_property
    def chinese_words(self) -> str:
        """The story in Chinese, words divided by spaces."""
        return chinese.words(self.frames)

    @property
    def chinese(self) -> str:
        """The story in Chinese for people, without spaces."""
        return self.chinese_words.replace(" ", "")

    def sentences(self, language: str) -> tuple[tuple[str, str], ...]:
        """Each sentence in English and in "french" or "chinese", words divided by spaces. ValueError for others."""
        if language not in _LANGUAGES:
            raise ValueError(f"the Village speaks english and {' and '.join(_LANGUAGES)}, not {language!r}.")
        render = _LANGUAGES[language]
        return tuple((" ".join(self.words[frame.start : frame.end]), render([frame])) for frame in self.frames)

    @cached_property
    def summary(self) -> str:
        """The story in one sentence, in words of the Village."""
        return tasks.summary(self.frames)

    @cached_property
    def questions(self) -> tuple[tasks.Question, ...]:
        """Questions with their answers, each decided by the text."""
        return tasks.questions(self.frames)

    @cached_property
    def roles(self) -> tuple[tuple[tasks.Role, ...], ...]:
        """For each frame its (role, start, end) spans of words."""
        return tasks.roles(self.frames)

    @cached_property
    def role_tags(self) -> tuple[str, ...]:
        """The same, one tag for each word: "B-actor", "I-actor", …, "O"."""
        return tasks.role_tags(self.frames, len(self.words))


_LANGUAGES = {"french": french.words, "chinese": chinese.words}
_CONTRASTS = {"memory": WEATHERS, "recall": THINGS}
_NAMES = frozenset((*NAMES, *POSSESSIVES))


def to_prose(words: Sequence[str]) -> str:
    """English for people, from words divided by spaces."""
    pieces: list[str] = []
    begins = True
    for word in words:
        if word in {".", ",", "!", "?", ":"}:
            pieces.append(word)
        else:
            capital = begins or word in _NAMES
            pieces.append((" " if pieces else "") + (word[0].upper() + word[1:] if capital else word))
        begins = word in {".", "!", "?", ":"}
    return "".join(pieces)
