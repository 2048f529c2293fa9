"""The scenes of a story that are about villagers, their things, and the beings around them."""

from lmcore.village import choices as c
from lmcore.village import options as o
from lmcore.village.choices import BIT, OWNER


def own(tale, word):
    """The rest of "mia's kite", after the possessive; returns the owner and where the thing stands."""
    owner = OWNER[word]
    at = len(tale.words)
    tale.tags.append(("recall", at, tale.seen[owner]))
    yield (tale.thing[owner],)
    tale.seen[owner] = at
    tale.last = BIT[owner]
    return owner


def deed(tale, actor):
    """A villager does something with the thing of another, or shows a feeling."""
    eligible = o.eligible(tale.owners, tale.last, BIT[actor])
    able = o.able(tale, eligible, BIT[actor])
    word = yield o.deeds(able, not tale.gestured & BIT[actor], tale.topic, tale.feeling)
    if word in o.GESTURE_WORDS:
        tale.gestured |= BIT[actor]
        other = None
        after = yield o.AFTER_GESTURE[word]
        if after in ("at", "with"):
            other = yield c.names(c.ALL_NAMES & ~BIT[actor])
        if after != ".":
            yield (".",)
        tale.close("gesture", actor, word, after, other)
        return
    verb = o.HANDLE_INDEX[word]
    if word == "asks":
        yield o.WHERE_IS
    whose = yield c.owners(eligible & o.able_owners(tale, verb, BIT[actor]))
    owner = yield from own(tale, whose)
    bit, at = BIT[owner], len(tale.words) - 1
    tale.handled[verb] |= bit
    place = None
    if word == "asks":
        yield ("?",)
    elif word == "finds":
        yield (".",)
    elif tale.placed & bit and word not in o.MOVES:
        yield (".",)
    else:
        now = tale.place[owner] if tale.placed & bit else None
        preposition = yield o.STOP_OR_TO if word == "carries" else o.stop_or_place(tale.topic, now)
        if preposition != ".":
            place = yield from to_place(tale, preposition, now)
    if word == "hides":
        tale.hidden |= bit
        tale.hid[BIT[actor]] = tale.hid.get(BIT[actor], 0) | bit
    elif word == "finds":
        tale.hidden &= ~bit
    if place is not None:
        tale.placed |= bit
        tale.place[owner] = place
    elif word in o.MOVES or word == "finds":
        tale.placed &= ~bit
    tale.close("deed", actor, word, owner, tale.thing[owner], at, place)


def to_place(tale, preposition, now):
    """The rest of "on the hill ." after the preposition; returns the index of the place."""
    yield ("the",)
    noun = yield o.place_noun(tale.topic, now, preposition)
    yield (".",)
    return o.PLACE_INDEX[noun]


def state_of_thing(tale, whose):
    """Where a thing is, or what it is like."""
    owner = yield from own(tale, whose)
    bit, at = BIT[owner], len(tale.words) - 1
    yield ("is",)
    known = bool(tale.placed & bit)
    first = yield o.states(known, *[bool(done & bit) for done in tale.stated], tale.topic)
    place = look = None
    if first == "still":
        yield ("there", ".")
        tale.stated[1] |= bit
    elif first == "very":
        look = yield o.LOOK
        yield (".",)
        tale.stated[2] |= bit
    else:
        place = yield from to_place(tale, first, None)
        tale.stated[0] |= bit
        tale.placed |= bit
        tale.place[owner] = place
    tale.close("state", owner, tale.thing[owner], at, place, look)


def being(tale):
    """ "the dogs that the farmer near the barn knows sleep ." The number of each noun is drawn alone and evenly."""
    noun = yield o.beings(tale.heads)
    head, many = o.NUMBER[noun]
    head_at = len(tale.words) - 1
    tale.heads &= ~c.BEING_BIT[head]
    others = c.ALL_BEINGS & ~c.BEING_BIT[head]
    free = Free()
    modifiers: list[tuple] = []
    clause = False
    while (word := (yield o.verb_or_modifier(many, len(modifiers), clause, free.prepositions))) not in o.DO_WORDS:
        if word != "that":
            modifiers.append((yield from at_spot(tale, free, word)))
            continue
        clause = True
        first = yield o.after_that(head, many, not modifiers)
        if first != "the":
            tale.agree(head_at)
            yield ("the",)
            other = yield o.beings(others)
            modifiers.append(("who", first, other, len(tale.words) - 1, None))
        else:
            modifiers.append((yield from seen_by(tale, free, others)))
    tale.agree(head_at)
    does_at = len(tale.words) - 1
    adverb = yield o.STOP_OR_ADVERB[tale.feeling]
    if adverb != ".":
        yield ("day", ".") if adverb == "all" else (".",)
    tale.close("being", noun, head_at, tuple(modifiers), word, does_at, None if adverb == "." else adverb)


class Free:
    """The prepositions and spots that a phrase has not used: none of them comes twice."""

    def __init__(self):
        self.prepositions, self.spots = o.ALL_PREPOSITIONS, c.ALL_SPOTS


def at_spot(tale, free, preposition):
    """The rest of "near the barn"; returns the modifier."""
    yield ("the",)
    spot = yield o.spots(free.spots)
    free.spots &= ~c.SPOT_BIT[o.NUMBER[spot][0]]
    free.prepositions &= ~o.PREPOSITION_BIT[preposition]
    return preposition, spot, len(tale.words) - 1


def seen_by(tale, free, others):
    """The rest of "that the farmer near the barn knows", after its article; returns the modifier."""
    other = yield o.beings(others)
    at = len(tale.words) - 1
    who, many = o.NUMBER[other]
    see = yield o.see_or_near(who, many, free.prepositions)
    near = None
    if see in o.PREPOSITION_BIT:
        near = yield from at_spot(tale, free, see)
        see = yield o.see(who, many)
    tale.agree(at)
    return "whom", see, other, at, near
