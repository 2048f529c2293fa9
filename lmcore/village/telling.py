"""Three ways to run the author's program: to write, to read along a text, and to ask what may come next."""

from collections.abc import Callable, Sequence

from lmcore.village.chance import Chance, Split, certain
from lmcore.village.choices import OPENINGS
from lmcore.village.lexicon import SEPARATOR
from lmcore.village.program import tell
from lmcore.village.tale import Tale

IMPOSSIBLE = float("-inf")
ONLY_SEPARATOR = certain(SEPARATOR)
_CERTAIN: dict[str, Chance] = {}


def write(random: Callable[[], float]) -> tuple[Tale, list[float]]:
    """A new story, and log p (nats) of each of its words and of the separator that closes it."""
    tale = Tale()
    program, words, log_probs = tell(tale), tale.words, []
    step = next(program)
    while True:
        if step.__class__ is tuple:
            log_probs += [0.0] * len(step)
            if step[-1] == SEPARATOR:
                return tale, log_probs
            words += step
            step = next(program)
        else:
            word = step.draw(random)
            log_probs.append(step.get(word))
            if word == SEPARATOR:
                return tale, log_probs
            words.append(word)
            step = program.send(word)


def read(text: Sequence[str]) -> tuple[Tale, list[float]]:
    """What the author makes of `text`, the words after a separator, and log p (nats) of each of them.

    The text may stop anywhere; a separator can only be its last word. After a word that cannot follow the author gives
    up the story: only the separator is possible from there on, and the tale stays as it stood.
    """
    text = list(text)
    tale = Tale()
    program, words, log_probs = tell(tale), tale.words, []
    step, end = next(program), len(text)
    while (at := len(log_probs)) < end:
        if step.__class__ is tuple:
            n = len(step)
            if text[at : at + n] != list(step):
                n = _agreeing(step, text[at:])
                words += step[:n]
                log_probs += [0.0] * n
                return tale, log_probs + given_up(text[at + n :])
            log_probs += [0.0] * n
            if step[-1] == SEPARATOR:
                return tale, log_probs
            words += step
            step = next(program)
        else:
            word = text[at]
            log_prob = step.get(word)
            if log_prob is None:
                return tale, log_probs + given_up(text[at:])
            log_probs.append(log_prob)
            if word == SEPARATOR:
                return tale, log_probs
            words.append(word)
            step = program.send(word)
    return tale, log_probs


def following(text: Sequence[str]) -> list[Chance | Split]:
    """The author's whole distribution before each word of `text` (the words after a separator) and after the last."""
    tale = Tale()
    program, words, chances = tell(tale), tale.words, []
    step = next(program)
    waiting: tuple[str, ...] = ()
    for at in range(len(text) + 1):
        if not waiting and step.__class__ is tuple:
            waiting = step
        chance = _certainly(waiting[0]) if waiting else step
        chances.append(chance)
        if at == len(text):
            break
        word = text[at]
        if chance.get(word) is None or word == SEPARATOR:
            return chances + [ONLY_SEPARATOR] * (len(text) - at)
        if waiting:
            waiting = waiting[1:]
            words.append(word)
            if not waiting:
                step = next(program)
        else:
            words.append(word)
            step = program.send(word)
    return chances


def given_up(text: Sequence[str]) -> list[float]:
    """log p of the words from the impossible one on: nothing but the separator is possible after it."""
    return [0.0 if i and word == SEPARATOR else IMPOSSIBLE for i, word in enumerate(text)]


def first_word() -> Chance:
    """The distribution after a separator."""
    return OPENINGS


def _certainly(word: str) -> Chance:
    if word not in _CERTAIN:
        _CERTAIN[word] = certain(word)
    return _CERTAIN[word]


def _agreeing(step: tuple[str, ...], text: Sequence[str]) -> int:
    """How many words of `step` the text begins with."""
    return next((n for n, (a, b) in enumerate(zip(step, text, strict=False)) if a != b), min(len(step), len(text)))
