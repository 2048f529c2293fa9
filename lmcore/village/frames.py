"""What a story says, apart from its wording: one frame for each sentence.

The author records bare tuples while it tells (that keeps it fast); `dress` gives them names when somebody asks.
"""

from typing import NamedTuple

from lmcore.village.lexicon import DOES, PLACES, SEES
from lmcore.village.options import NUMBER

_LEMMA = {form: word for table in (DOES, SEES) for word, forms in table.items() for form in forms}


class Part(NamedTuple):
    """One part of a sentence.

    `role`: "actor", "action", "owner", "thing", "place", "other" (a second villager or being), "weather", "topic",
    "feeling", "manner", "quality" or "detail". `value`: a dictionary form ("dog", "sleep", "hides", "on the hill").
    `start`, `end`: the slice of the story's words that the part fills, modifiers included. `number`: "one" or "many"
    where it has one. `modifiers`: of a being, in the order of the words.
    """

    role: str
    value: str
    start: int
    end: int
    number: str | None = None
    modifiers: tuple["Modifier", ...] = ()


class Modifier(NamedTuple):
    """After a noun: "near the barns" (kind "near"), "that sees the dog" ("who") or "that the dog sees" ("whom")."""

    kind: str
    noun: Part
    verb: Part | None = None


class Frame(NamedTuple):
    """One sentence: its kind, the slice words[start:end] that it fills (with its mark), which wording, its parts."""

    kind: str
    start: int
    end: int
    form: str
    parts: tuple[Part, ...]

    def get(self, role: str) -> Part | None:
        """The first part with that role, or None."""
        return next((part for part in self.parts if part.role == role), None)

    def value(self, role: str) -> str | None:
        """The value of the first part with that role, or None."""
        part = self.get(role)
        return None if part is None else part.value


def dress(words: list[str], records: list[tuple]) -> tuple[Frame, ...]:
    """The frames of a story's records."""
    return tuple(_DRESS[record[0]](words, *record) for record in records)


def place_name(place: int, verb: str) -> str:
    """ "under the bridge"; but what is carried "to the bridge" is at the bridge, and nobody said under it."""
    preposition, noun = PLACES[place]
    return f"at the {noun}" if verb == "carries" and preposition == "under" else f"{preposition} the {noun}"


def _word(role: str, value: str, at: int) -> Part:
    return Part(role, value, at, at + 1)


def _owned(owner: str, thing: str, at: int) -> tuple[Part, Part]:
    """The parts of "mia's kite"; `at` is where the thing stands."""
    return _word("owner", owner, at - 1), _word("thing", thing, at)


def _opening(words, kind, start, end, form, weather, at, topic) -> Frame:
    return Frame(kind, start, end, form, (_word("weather", weather, at), _word("topic", topic, at + 1)))


def _echo(words, kind, start, end, form, weather, at) -> Frame:
    return Frame(kind, start, end, form, (_word("weather", weather, at),))


def _feeling(words, kind, start, end, quantifier, feeling) -> Frame:
    parts = (_word("actor", quantifier, start), _word("feeling", feeling, start + 2))
    return Frame(kind, start, end, quantifier, parts)


def _facts(words, kind, start, end, form, told) -> Frame:
    return Frame(kind, start, end, form, tuple(part for fact in told for part in _owned(*fact)))


def _gesture(words, kind, start, end, actor, verb, after, other) -> Frame:
    parts = [_word("actor", actor, start), _word("action", verb, start + 1)]
    if other is not None:
        parts.append(_word("other", other, start + 3))
    elif after != ".":
        parts.append(_word("manner", after, start + 2))
    return Frame(kind, start, end, verb, tuple(parts))


def _deed(words, kind, start, end, actor, verb, owner, thing, at, place) -> Frame:
    parts = [_word("actor", actor, start), _word("action", verb, start + 1), *_owned(owner, thing, at)]
    if place is not None:
        parts.append(Part("place", place_name(place, verb), at + 1, end - 1))
    return Frame(kind, start, end, verb, tuple(parts))


def _state(words, kind, start, end, owner, thing, at, place, look) -> Frame:
    parts = [*_owned(owner, thing, at)]
    if place is not None:
        parts.append(Part("place", place_name(place, "is"), at + 2, end - 1))
    elif look is not None:
        parts.append(Part("quality", look, at + 2, end - 1))
    form = "place" if place is not None else "still" if look is None else "look"
    return Frame(kind, start, end, form, tuple(parts))


def _noun(role: str, form: str, at: int, modifiers: tuple[Modifier, ...] = ()) -> Part:
    """The part of "the dogs near the barns"; `at` is where the noun stands, after its article."""
    word, number = NUMBER[form]
    end = max([at + 1, *(modifier.noun.end for modifier in modifiers), *(m.verb.end for m in modifiers if m.verb)])
    return Part(role, word, at - 1, end, ("one", "many")[number], modifiers)


def _verb(role: str, form: str, at: int, number: str) -> Part:
    return Part(role, _LEMMA[form], at, at + 1, number)


def _modifier(kind: str, *rest) -> Modifier:
    if kind not in ("who", "whom"):
        return Modifier(kind, _noun("place", *rest))
    see, noun, at, near = rest
    other = _noun("other", noun, at, () if near is None else (_modifier(*near),))
    return Modifier(kind, other, _verb("action", see, at - 2 if kind == "who" else other.end, _number_of(see)))


def _number_of(form: str) -> str:
    return "one" if form.endswith("s") else "many"


def _being(words, kind, start, end, noun, at, modifiers, does, does_at, adverb) -> Frame:
    actor = _noun("actor", noun, at, tuple(_modifier(*modifier) for modifier in modifiers))
    parts = [actor, _verb("action", does, does_at, actor.number)]
    if adverb is not None:
        manner = "all day" if adverb == "all" else adverb
        parts.append(Part("manner", manner, does_at + 1, end - 1))
    return Frame(kind, start, end, _LEMMA[does], tuple(parts))


def _filler(words, kind, start, end, form, chosen) -> Frame:
    parts, at = [], start + 1
    for word in chosen:
        at = words.index(word, at)
        parts.append(_word("detail", word, at))
    return Frame(kind, start, end, form, tuple(parts))


def _ending(words, kind, start, end, form, actor, owner, thing, at) -> Frame:
    parts = [_word("actor", actor, at - 3), _word("action", words[at - 2], at - 2), *_owned(owner, thing, at)]
    if form == "at":
        parts.append(Part("place", "under the bed", at + 1, end - 1))
    elif form != "last":
        parts.append(_word("place", "home", at + 1))
    return Frame(kind, start, end, form, tuple(parts))


def _says(words, kind, start, end, verb, form, weather, at) -> Frame:
    parts = (_word("actor", "everyone", start), _word("action", verb, start + 1), _word("weather", weather, at))
    return Frame(kind, start, end, form, parts)


def _closing(words, kind, start, end, form) -> Frame:
    return Frame(kind, start, end, form, ())


_DRESS = {
    "opening": _opening, "echo": _echo, "feeling": _feeling, "facts": _facts, "gesture": _gesture, "deed": _deed,
    "state": _state, "being": _being, "filler": _filler, "ending": _ending, "says": _says, "closing": _closing,
}  # fmt: skip
