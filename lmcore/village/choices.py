"""Every distribution of the author's program, built once and kept.

Sets of villagers, things, beings, spots and wordings are whole numbers with one bit for each member, so that a
distribution over what is left can be looked up.
"""

from functools import cache

from lmcore.village.chance import Chance, Split, certain, even, mix, partition
from lmcore.village.lexicon import (
    BEINGS,
    DOES,
    FEELINGS,
    GESTURES,
    HANDLES,
    HOURS,
    LOOKS,
    NAMES,
    PLACES,
    POSSESSIVES,
    PREPOSITIONS,
    SEES,
    SEES_OF,
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
    ("it", "is"): (("still",), (".",), 16),
    ("it", "stays"): ((), (".",), 32),
    "it": (None, None, 48),
}
ALL_ECHOES = 63
AFTER_OPENING = mix((0.5, Chance({"what": 2, "such": 1, "how": 1})), (0.5, QUANTIFIER))


@cache
def still(mask: int) -> Chance:
    """The first words of the wordings of `mask` that suit the middle of a story, each wording alike."""
    weights = {word: (ECHO_WORDS[word][2] & mask).bit_count() for word in ("it", "such", "how", "outside")}
    return Chance(weights)


@cache
def it_echo(mask: int) -> Chance:
    return even(word for word in ("is", "stays") if ECHO_WORDS["it", word][2] & mask)


# The facts: "this is mia's kite , this is leo's drum and this is ada's hat ."
FACT_WORDS = {"this": ("is",), "here": ("is",), "look": (",", "this", "is")}
FACTS = Chance({"this": 2, "here": 1, "look": 1})
# One to four facts with .1, .3, .3, .3; the word after the first, second and third tells how it goes on.
MORE_FACTS = {1: Chance({".": 1, "and": 3, ",": 6}), 2: even(("and", ",")), 3: certain("and")}

# Deeds. Hiding and carrying move a thing; what is hidden can only be looked for and found.
HANDLE_INDEX = {verb: i for i, verb in enumerate(HANDLES)}
SEEKS = ("finds", "asks")
MOVES = ("hides", "carries")
WHERE_IS = (":", "where", "is")
VERB_OF_TOPIC = {"market": "carries", "washing": "cleans", "painting": "paints", "hide-and-seek": "hides"}
PLACES_OF_TOPIC = {
    "market": ("market", "square"), "washing": ("mill", "kitchen"), "painting": ("roof", "hill"),
    "hide-and-seek": ("oak", "bridge"),
}  # fmt: skip
GESTURE_WORDS = bits(GESTURES)
GESTURE_CHANCE = {
    "happy": Chance({"smiles": 9, "laughs": 9, "yawns": 1, "sighs": 1}),
    "grumpy": Chance({"smiles": 1, "laughs": 1, "yawns": 9, "sighs": 9}),
}
AFTER_GESTURE = {
    "smiles": Chance({".": 3, "at": 2}), "laughs": Chance({".": 3, "with": 2}),
    "yawns": Chance({".": 3, "quietly": 2}), "sighs": Chance({".": 3, "quietly": 2}),
}  # fmt: skip
PLACE_INDEX = {place: i for i, place in enumerate(PLACES)}


def eligible(pool: int, last: int, actor: int) -> int:
    """The owners of `pool` that may be named: not the actor, and not the one named last if there is another."""
    return pool & ~actor & ~last or pool & ~actor


def able_owners(tale, verb: int) -> int:
    """The owners to whose thing the verb may happen now: what is hidden is only sought, and nothing happens twice."""
    open_to = tale.hidden if HANDLES[verb] in SEEKS else tale.owners & ~tale.hidden
    return open_to & ~tale.handled[verb]


def able(tale, pool: int) -> int:
    """The verbs, as bits, that have an owner in `pool`."""
    hidden, shown = pool & tale.hidden, pool & ~tale.hidden
    hides, finds, drops, cleans, paints, carries, asks = tale.handled
    return (
        (shown & ~hides != 0) | (hidden & ~finds != 0) << 1 | (shown & ~drops != 0) << 2 | (shown & ~cleans != 0) << 3
        | (shown & ~paints != 0) << 4 | (shown & ~carries != 0) << 5 | (hidden & ~asks != 0) << 6
    )  # fmt: skip


@cache
def deeds(able: int, gesture: bool, topic: str, feeling: str) -> Chance:
    weights = {verb: 3.0 if verb == "finds" else 1.0 for verb in subset(HANDLES, able)}
    if (favoured := VERB_OF_TOPIC[topic]) in weights:
        weights[favoured] *= 4
    return mix((0.85 * bool(able), Chance(weights)), (0.15 * gesture, GESTURE_CHANCE[feeling]))


def _place_weights(topic: str, now: int | None) -> dict[tuple[str, str], float]:
    favoured = PLACES_OF_TOPIC[topic]
    return {p: 3.0 if p[1] in favoured else 1.0 for i, p in enumerate(PLACES) if i != now}


@cache
def prepositions(topic: str, now: int | None) -> Chance:
    weights: dict[str, float] = {}
    for (preposition, _), weight in _place_weights(topic, now).items():
        weights[preposition] = weights.get(preposition, 0.0) + weight
    return Chance(weights)


@cache
def stop_or_place(topic: str, now: int | None) -> Chance:
    return mix((0.5, certain(".")), (0.5, prepositions(topic, now)))


@cache
def place_noun(topic: str, now: int | None, preposition: str) -> Chance:
    return Chance({noun: weight for (p, noun), weight in _place_weights(topic, now).items() if p == preposition})


LOOK = even(LOOKS)


@cache
def states(known: bool, placed: bool, still: bool, looked: bool, topic: str) -> Chance:
    """After "mia's kite is": where it is, "still there" where that is known, or what it looks like; each once."""
    return mix(
        (0.65 * (not known and not placed), prepositions(topic, None)),
        (0.65 * (known and not still), certain("still")),
        (0.35 * (not looked), certain("very")),
    )


def statable(tale) -> int:
    """The owners of whose thing a state may still be told."""
    placed, there, looked = tale.stated
    return tale.owners & ((tale.placed & ~there) | (~tale.placed & ~placed) | ~looked)


# Beings. Number and kind are drawn as one word, all alike.
NUMBER = {form: (word, number) for word, forms in {**BEINGS, **SPOTS}.items() for number, form in enumerate(forms)}
DO_WORDS = {form for forms in DOES.values() for form in forms}
PREPOSITION_WORDS = bits(PREPOSITIONS)
_PREPOSITION = even(PREPOSITIONS)
_DO = tuple(even(forms[number] for forms in DOES.values()) for number in (0, 1))
VERB_NOW = (0.25, 0.45, 0.8, 1.0)  # after 0, 1, 2, 3 modifiers
STOP_OR_ADVERB = {
    "happy": Chance({".": 6, "again": 1, "quietly": 1, "all": 1, "happily": 1}),
    "grumpy": Chance({".": 6, "again": 1, "quietly": 1, "all": 1, "alone": 1}),
}


@cache
def beings(mask: int) -> Chance:
    return even(form for word in subset(BEINGS, mask) for form in BEINGS[word])


@cache
def spots(mask: int) -> Chance:
    return even(form for word in subset(SPOTS, mask) for form in SPOTS[word])


@cache
def verb_or_modifier(many: int, modifiers: int, clause: bool) -> Chance:
    now = VERB_NOW[modifiers]
    preposition = 1.0 if clause else 0.45
    return mix(
        (now, _DO[many]),
        ((1 - now) * preposition, _PREPOSITION),
        ((1 - now) * (1 - preposition), certain("that")),
    )


@cache
def see(who: str, many: int) -> Chance:
    return Chance({SEES[verb][many]: weight for verb, weight in SEES_OF[who].items()})


@cache
def after_that(head: str, many: int, direct: bool) -> Chance:
    return mix((0.5, certain("the")), (0.5 * direct, see(head, many)))


@cache
def see_or_near(who: str, many: int) -> Chance:
    return mix((0.7, see(who, many)), (0.3, _PREPOSITION))


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


# The first word of a scene tells its kind.
NAME, OWNER_FIRST, BEING_FIRST, FILLER, STILL, END = range(6)
SCENE_PART = partition((NAMES, POSSESSIVES, ("the",), FILLER_WORDS, ("it", "such", "how", "outside"), ENDING_WORDS))
WEIGHTS = (0.42 * 0.65, 0.42 * 0.35, 0.27, 0.13, 0.18)
END_WEIGHT = 0.35
_THE = certain("the")


@cache
def _scene_kinds(possible: tuple[bool, ...], may_end: bool) -> Chance:
    going_on = Chance({part: weight for part, weight in enumerate(WEIGHTS) if possible[part]})
    return mix((1 - END_WEIGHT, going_on), (END_WEIGHT * may_end, certain(END)))


_ONLY_END = certain(END)


def scene_start(tale, may_end: bool, must_end: bool, long: bool) -> Split:
    """The first word of the next scene or of the ending."""
    end = endings(tale.hidden != 0, tale.owners & ~tale.hidden != 0) if may_end or must_end else None
    if must_end:
        return Split(_ONLY_END, (None,) * 5 + (end,), SCENE_PART)
    actors, states = _actors(tale), statable(tale)
    states = states & ~tale.last or states
    echoes = tale.echoes & ~1
    possible = (actors != 0, states != 0, long and tale.heads != 0, tale.fillers != 0, echoes != 0)
    parts = (
        names(actors), owners(states), _THE, fillers(tale.fillers), still(echoes), end
    )  # fmt: skip
    return Split(_scene_kinds(possible, may_end), parts, SCENE_PART)


def _actors(tale) -> int:
    """The villagers who can do something that was not told before."""
    actors = 0
    if able(tale, eligible(tale.owners, tale.last, 0)):
        actors = ALL_NAMES & ~tale.owners
    actors |= ALL_NAMES & ~tale.gestured
    for bit in _SINGLE:
        if tale.owners & bit & ~actors and able(tale, eligible(tale.owners, tale.last, bit)):
            actors |= bit
    return actors


_SINGLE = tuple(BIT.values())


@cache
def all_but_only(pool: int) -> Chance:
    """All villagers, without the owner who is alone in `pool`: somebody else must be able to act."""
    return names(ALL_NAMES & ~pool if pool.bit_count() == 1 else ALL_NAMES)
