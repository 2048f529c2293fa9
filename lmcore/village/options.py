"""What may happen to things and villagers, and how a phrase about beings goes on: distributions, kept once built."""

from functools import cache

from lmcore.village.chance import Chance, certain, even, mix
from lmcore.village.choices import bits, subset
from lmcore.village.lexicon import BEINGS, DOES, GESTURES, HANDLES, LOOKS, PLACES, PREPOSITIONS, SEES, SEES_OF, SPOTS

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
PLACE_INDEX = {noun: i for i, (_, noun) in enumerate(PLACES)}


def eligible(pool: int, last: int, actor: int) -> int:
    """The owners of `pool` that may be named: not the actor, and not the one named last if there is another."""
    return pool & ~actor & ~last or pool & ~actor


def able_owners(tale, verb: int, actor: int) -> int:
    """The owners to whose thing the actor may do this: what is hidden is only sought, and nothing happens twice."""
    open_to = tale.sought_by(actor) if HANDLES[verb] in SEEKS else tale.owners & ~tale.hidden
    return open_to & ~tale.handled[verb]


def able(tale, pool: int, actor: int) -> int:
    """The verbs, as bits, that the actor may do to the thing of an owner in `pool`."""
    hidden, shown = pool & tale.sought_by(actor), pool & ~tale.hidden
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


STOP_OR_TO = even((".", "to"))  # after "carries mia's kite"


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
    """The noun after "in the", "at the", …; "to the" goes with all of them."""
    places = _place_weights(topic, now).items()
    return Chance({noun: weight for (p, noun), weight in places if preposition in (p, "to")})


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
PREPOSITION_BIT, ALL_PREPOSITIONS = bits(PREPOSITIONS), (1 << len(PREPOSITIONS)) - 1
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
def prepositions_of(mask: int) -> Chance:
    return even(subset(PREPOSITIONS, mask))


@cache
def verb_or_modifier(many: int, modifiers: int, clause: bool, free: int) -> Chance:
    now = VERB_NOW[modifiers]
    preposition = 1.0 if clause else 0.45
    return mix(
        (now, _DO[many]),
        ((1 - now) * preposition, prepositions_of(free)),
        ((1 - now) * (1 - preposition), certain("that")),
    )


@cache
def see(who: str, many: int) -> Chance:
    return Chance({SEES[verb][many]: weight for verb, weight in SEES_OF[who].items()})


@cache
def after_that(head: str, many: int, direct: bool) -> Chance:
    return mix((0.5, certain("the")), (0.5 * direct, see(head, many)))


@cache
def see_or_near(who: str, many: int, free: int) -> Chance:
    return mix((0.7, see(who, many)), (0.3, prepositions_of(free)))
