"""What comes next: the first word of a scene tells its kind, and what was told decides which kinds are left."""

from functools import cache

from lmcore.village.chance import Chance, Split, certain, mix, partition
from lmcore.village.choices import ALL_NAMES, BIT, ENDING_WORDS, FILLER_WORDS, endings, fillers, names, owners, still
from lmcore.village.lexicon import NAMES, POSSESSIVES
from lmcore.village.options import able, eligible, statable

NAME, OWNER_FIRST, BEING_FIRST, FILLER, STILL, END = range(6)
SCENE_PART = partition((NAMES, POSSESSIVES, ("the",), FILLER_WORDS, ("it", "such", "how", "outside"), ENDING_WORDS))
# Things come into play soon after they were shown: the first scenes are more often about them.
EARLY_WEIGHTS = (0.41, 0.20, 0.13, 0.09, 0.20)
WEIGHTS = (0.225, 0.125, 0.325, 0.165, 0.23)
END_WEIGHT = 0.35
_THE = certain("the")


@cache
def _scene_kinds(possible: tuple[bool, ...], may_end: bool, early: bool) -> Chance:
    weights = EARLY_WEIGHTS if early else WEIGHTS
    going_on = Chance({part: weight for part, weight in enumerate(weights) if possible[part]})
    return mix((1 - END_WEIGHT, going_on), (END_WEIGHT * may_end, certain(END)))


_ONLY_END = certain(END)


def scene_start(tale, may_end: bool, must_end: bool, long: bool, early: bool, before: int) -> Split:
    """The first word of the next scene or of the ending; `before` is the kind of the last scene."""
    end = endings(tale.hidden != 0, tale.owners & ~tale.hidden != 0) if may_end or must_end else None
    if must_end:
        return Split(_ONLY_END, (None,) * 5 + (end,), SCENE_PART)
    actors, states = _actors(tale), statable(tale)
    states = states & ~tale.last or states
    echoes = tale.echoes & ~1
    possible = (
        actors != 0, states != 0, long and tale.heads != 0, before != FILLER and tale.fillers != 0,
        before != STILL and echoes != 0,
    )  # fmt: skip
    parts = (names(actors), owners(states), _THE, fillers(tale.fillers), still(echoes), end)
    return Split(_scene_kinds(possible, may_end, early), parts, SCENE_PART)


def _actors(tale) -> int:
    """The villagers who can do something that was not told before."""
    actors = ALL_NAMES & ~tale.gestured
    for bit in _SINGLE:
        if tale.gestured & bit and able(tale, eligible(tale.owners, tale.last, bit), bit):
            actors |= bit
    return actors


_SINGLE = tuple(BIT.values())


def closers(tale, pool: int, finding: bool) -> Chance:
    """Who may end the day with the thing of an owner in `pool`: not that owner, and who finds it has not hidden it."""
    actors = 0
    for bit in _SINGLE:
        if (pool & tale.sought_by(bit) if finding else pool) & ~bit:
            actors |= bit
    return names(actors)
