"""What a story says, apart from its wording: one frame for each sentence.

The author records bare tuples while it tells (that keeps it fast); `dress` gives them names when somebody asks.
"""

from typing import Any, NamedTuple


class Part(NamedTuple):
    """One part of a sentence: a villager, a thing, a verb, a place …

    `value`: the word's dictionary form. `start`, `end`: the slice of the story's words that it fills, modifiers
    included. `number`: "one" or "many" for a being or spot. `modifiers`: for a being, its Modifiers.
    """

    value: str
    start: int
    end: int
    number: str | None = None
    modifiers: tuple["Modifier", ...] = ()


class Modifier(NamedTuple):
    """ "near the barns" (kind "near", a preposition), "that sees the dog" ("who") or "that the dog sees" ("whom")."""

    kind: str
    noun: Part
    verb: Part | None = None


class Frame(NamedTuple):
    """One sentence: its kind, the slice words[start:end] that it fills (the mark included), and its parts by role."""

    kind: str
    start: int
    end: int
    parts: dict[str, Part]
    details: tuple[Any, ...] = ()


def dress(tale) -> tuple[Frame, ...]:
    return tuple(Frame(kind, start, end, {}, tuple(details)) for kind, start, end, *details in tale.records)
