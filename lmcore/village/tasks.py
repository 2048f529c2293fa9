"""What the applications ask of a story: a summary, questions with answers, and semantic roles, all from its frames."""

from collections.abc import Sequence
from typing import NamedTuple

from lmcore.village.frames import Frame

STAYS_UNKNOWN = ("hides", "carries", "finds")  # without a place, these leave a thing nobody knows where


class Question(NamedTuple):
    """`kind`: "where", "who", "whose" or "weather". `evidence`: the index of the frame that decides the answer."""

    kind: str
    question: str
    answer: str
    evidence: int


class Role(NamedTuple):
    """The words[start:end] of a story that play `role` in their sentence."""

    role: str
    start: int
    end: int


def summary(frames: Sequence[Frame]) -> str:
    """One sentence: the day, and the last that happened to the thing that is told of most (of two, the later one)."""
    told: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.kind in ("deed", "state", "ending") and frame.form not in ("asks", "still"):
            owner = frame.value("owner")
            told[owner] = [*told.pop(owner, []), frame]  # the owner named last stands last
    if not told:
        return ""
    most = max(map(len, told.values()))
    last = [about for about in told.values() if len(about) == most][-1][-1]
    day = f"on a {frames[0].value('weather')} {frames[0].value('topic')} day"
    return f"{day} {_clause(last)} ."


def _clause(frame: Frame) -> str:
    """ "leo hides mia's lamp in the park" """
    thing, place = _owned(frame), frame.value("place") or ""
    if frame.form == "carries" and place:
        place = " ".join(["to", *place.split()[1:]])
    rest = [place] if frame.kind != "state" else ["is", place or _very(frame)]
    before = [] if frame.kind == "state" else [frame.value("actor"), frame.value("action")]
    return " ".join(filter(None, [*before, thing, *rest]))


def _very(frame: Frame) -> str:
    return f"very {frame.value('quality')}"


def _owned(frame: Frame) -> str:
    return f"{frame.value('owner')}'s {frame.value('thing')}"


def questions(frames: Sequence[Frame]) -> tuple[Question, ...]:
    """Questions that the story answers, each once: the weather, whose, who, and where each thing is at the end."""
    asked: list[Question] = []
    place: dict[str, tuple[str, int]] = {}  # "mia's lamp" -> where it was put last, and by which frame
    for index, frame in enumerate(frames):
        if frame.kind == "opening":
            asked.append(Question("weather", "what is the weather ?", frame.value("weather"), index))
        elif frame.kind == "facts":
            for owner, thing in zip(frame.parts[::2], frame.parts[1::2], strict=True):
                asked.append(Question("whose", f"whose is the {thing.value} ?", owner.value, index))
        elif frame.kind in ("deed", "ending") and frame.form != "asks":
            what = f"who {frame.value('action')} {_owned(frame)}"
            if frame.kind == "ending" and frame.get("place"):
                what += f" {frame.value('place')}"
            asked.append(Question("who", f"{what} ?", frame.value("actor"), index))
        if frame.kind in ("deed", "state", "ending"):
            if frame.get("place"):
                place[_owned(frame)] = (frame.value("place"), index)
            elif frame.value("action") in STAYS_UNKNOWN:
                place.pop(_owned(frame), None)
    asked += [Question("where", f"where is {thing} ?", where, index) for thing, (where, index) in place.items()]
    return tuple(asked)


def roles(frames: Sequence[Frame]) -> tuple[tuple[Role, ...], ...]:
    """For each frame its roles, in the order of the words."""
    return tuple(
        tuple(sorted((Role(part.role, part.start, part.end) for part in frame.parts), key=_start)) for frame in frames
    )


def role_tags(frames: Sequence[Frame], length: int) -> tuple[str, ...]:
    """One tag a word: "B-actor" where a role begins, "I-actor" where it goes on, "O" outside of all."""
    tags = ["O"] * length
    for sentence in roles(frames):
        for role, start, end in sentence:
            tags[start:end] = [f"B-{role}", *[f"I-{role}"] * (end - start - 1)]
    return tuple(tags)


def _start(role: Role) -> int:
    return role.start
