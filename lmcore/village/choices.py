"""The choices of the author's program, built once and kept: openings, weather, facts, other happenings, endings.

Sets of villagers, things, beings, spots and wordings are whole numbers with one bit for each member, so that a
distribution over what is left can be looked up.
"""

from functools import cache

from lmcore.village.chance import Chance, certain, even, mix
from lmcore.village.lexicon import (
    BEINGS,
    FEELINGS,
    HOURS,
    NAMES,
    POSSESSIVES,
    SEPARATOR,
    SPOTS,
    THINGS,
    TOPICS,
    WEATHERS,
)  # fmt: skip


def bits(words) -> dict[str, int]:
    return {word: 1 << i for i, word in enumerate(words)}


def subset(words, mask: int) -> list[str]:
    return [word for i, word in enumerate(words) if mask >> i & 1]


BIT, OWNER, THING_BIT = bits(NAMES), dict(zip(POSSESSIVES, NAMES, strict=True)), bits(THINGS)
BEING_BIT, SPOT_BIT = bits(BEINGS), bits(SPOTS)
ALL_NAMES, ALL_THINGS = (1 << len(NAMES)) - 1, (1 << len(THINGS)) - 1
ALL_BEINGS, ALL_SPOTS = (1 << len(BEINGS)) - 1, (1 << len(SPOTS)) - 1


@cache
def names(mask: int) -> Chance:
    return even(subset(NAMES, mask))


@cache
def owners(mask: int) -> Chance:
    return even(subset(POSSESSIVES, mask))


@cache
def things(mask: int) -> Chance:
    return even(subset(THINGS, mask))


# The opening: weather, the day's business, and the feeling, which "everyone" and "nobody" turn round.
OPENING_WORDS = {
    "it": (("is", "a"), ("day", "in", "the", "village", ".")),
    "one": ((), ("day", "the", "village", "wakes", "up", ".")),
    "once": (("upon", "a"), ("day", "the", "old", "rooster", "crows", ".")),
    "on": (("a",), ("day", "every", "window", "opens", ".")),
    "good": (("morning", "!", "it", "is", "a"), ("day", ".")),
}
OPENINGS, WEATHER, TOPIC, FEELING = even(OPENING_WORDS), even(WEATHERS), even(TOPICS), even(FEELINGS)
QUANTIFIER = even(("everyone", "nobody"))
OTHER_FEELING = dict(zip(FEELINGS, reversed(FEELINGS), strict=True))

# The weather named again: the words before it, those after it, and the wording's bit.
ECHO_WORDS = {
    "what": (("a",), ("morning", "!"), 1),
    "such": ((), ("weather", "!"), 2),
    "how": ((), ("it", "is", "!"), 4),
    "outside": (("it", "is"), (".",), 8),
    "is": (("still",), (".",), 16),
    "stays": ((), (".",), 32),
}
ALL_ECHOES, _IT = 63, 48  # "it is still W ." and "it stays W ." begin with the same word


@cache
def still(mask: int) -> Chance:
    """The first words of the wordings of `mask` that suit the middle of a story, each wording alike."""
    left = {word: 1.0 for word in ("such", "how", "outside") if ECHO_WORDS[word][2] & mask}
    return Chance({"it": (mask & _IT).bit_count(), **left})


@cache
def it_echo(mask: int) -> Chance:
    return even(word for word in ("is", "stays") if ECHO_WORDS[word][2] & mask)


# The facts: "this is mia's kite , this is leo's drum and this is ada's hat ."
FACT_WORDS = {"this": ("is",), "here": ("is",), "look": (",", "this", "is")}
FACTS = Chance({"this": 2, "here": 1, "look": 1})
AFTER_OPENING = mix((0.6, Chance({"what": 2, "such": 1, "how": 1})), (0.4, FACTS))
# One to four facts with .1, .3, .3, .3; the word after the first, second and third tells how it goes on.
MORE_FACTS = {1: Chance({".": 1, "and": 3, ",": 6}), 2: even(("and", ",")), 3: certain("and")}

# What else happens: words before, choices (a dict: by the last choice), words after (likewise).
FILLER_WORDS = {
    "ding": (("dong", ",", "the", "old", "clock", "strikes"), (even(HOURS),), (".",)),
    "there": (("is",), (even(("bread", "tea", "soup", "pie")),), {
        "bread": ("and", "butter", "on", "the", "table", "."), "tea": ("and", "honey", "on", "the", "table", "."),
        "soup": ("and", "rice", "on", "the", "table", "."), "pie": ("and", "cream", "on", "the", "table", "."),
    }),
    "all": (("of", "a", "sudden", "the", "school", "door"), (even(("opens", "closes")),), (".",)),
    "somewhere": ((), (even(("a", "an")), {"a": even(("small", "white")), "an": even(("old", "open"))},
                       even(("gate", "window"))), ("creaks", ".")),
    "far": (("away", "a"), (even(("train", "rooster")),), {"train": ("whistles", "."), "rooster": ("crows", ".")}),
    "plop": ((",", "a"), (even(("frog", "duck")),), ("jumps", "into", "the", "pond", ".")),
}  # fmt: skip
FILLER_BIT = bits(FILLER_WORDS)
ALL_FILLERS = (1 << len(FILLER_WORDS)) - 1


@cache
def fillers(mask: int) -> Chance:
    return even(subset(FILLER_WORDS, mask))


# The ending: first words, the verb, the words after the thing.
ENDING_WORDS = {"at": ("night",), "in": ("the", "evening"), "when": ("the", "moon", "rises", ",")}
ENDING_VERB = {"at": "puts", "in": "takes", "when": "brings"}
ENDING_AFTER = {"at": ("under", "the", "bed", "."), "in": ("home", "."), "when": ("home", ".")}
SAYS = {"happy": Chance({"says": 4, "laughs": 3, "sings": 3}), "grumpy": Chance({"says": 4, "sighs": 4, "yawns": 2})}
EXCLAMATION = Chance({"what": 7, "such": 3})
CLOSING_WORDS = {"good": ("night", "!"), "the": ("village", "sleeps", ".")}
CLOSING, NO_CLOSING = Chance({SEPARATOR: 4, "good": 3, "the": 3}), certain(SEPARATOR)


@cache
def endings(some_hidden: bool, some_shown: bool) -> Chance:
    if not some_hidden:
        return Chance({"at": 4, "in": 3, "when": 3})
    return Chance({"at": 7, "in": 1.5, "when": 1.5}) if some_shown else certain("at")


@cache
def night_or_last(some_hidden: bool, some_shown: bool) -> Chance:
    return Chance({"night": 1.5 * some_shown, "last": 8.5 * some_hidden})
