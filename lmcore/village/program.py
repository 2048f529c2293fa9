"""The author's program: one coroutine that tells a story from left to right.

At each step it yields what may come next and learns what came: a tuple of words that are certain, or a `Chance` (or
`Split`) from which one word is taken. Whoever runs it decides how: by drawing (writing), or by reading the word from a
text (scoring, parsing). The program cannot tell the two apart, so a text has the probability with which it would have
been written. What it has told stands in the `Tale`: words, tags, and one record for each sentence.
"""

from lmcore.village import choices as c
from lmcore.village.choices import BIT, OWNER
from lmcore.village.lexicon import HANDLES, SEPARATOR

# A story may end from here on, has no long sentence from here on, and must begin to end from here on (words so far).
END_FROM, SHORT_FROM, END_BY, CLOSE_BY = 45, 103, 113, 136
SCENES_FROM, SCENES_BY = 5, 9


class Tale:
    """Everything that the author knows while telling: what was written, and how things stand."""

    def __init__(self):
        self.words: list[str] = []
        self.tags: list[tuple] = []  # (phenomenon, position, evidence, what the contrast set depends on)
        self.records: list[tuple] = []  # (kind, start, end, …): see frames.py
        self.start = 0  # of the sentence being told
        self.weather = self.topic = self.feeling = ""
        self.weather_at = 0
        self.thing: dict[str, str] = {}  # owner -> thing
        self.seen: dict[str, int] = {}  # owner -> where the owner's thing was last named with its owner
        # Sets of villagers are whole numbers, one bit for each name.
        self.owners = self.last = self.hidden = self.placed = self.gestured = 0
        self.handled = [0] * len(HANDLES)  # by verb: the owners whose thing it was done to
        self.stated = [0] * 3  # is in a place, is still there, is very …
        self.place: dict[str, int] = {}
        self.echoes = c.ALL_ECHOES
        self.fillers = c.ALL_FILLERS
        self.heads = c.ALL_BEINGS

    def close(self, kind: str, *details) -> None:
        """Record the sentence that has just ended."""
        self.records.append((kind, self.start, len(self.words), *details))
        self.start = len(self.words)


def tell(tale: Tale):
    """A story, from its first word to the separator that closes it."""
    yield from opening(tale)
    yield from facts(tale)
    scenes = 0
    while True:
        length = len(tale.words)
        may_end = scenes >= SCENES_FROM and length >= END_FROM
        must_end = scenes >= SCENES_BY or length >= END_BY
        word = yield c.scene_start(tale, may_end, must_end, length < SHORT_FROM)
        part = c.SCENE_PART[word]
        if part == c.NAME:
            yield from deed(tale, word)
        elif part == c.OWNER_FIRST:
            yield from state_of_thing(tale, word)
        elif part == c.BEING_FIRST:
            yield from being(tale)
        elif part == c.FILLER:
            yield from filler(tale, word)
        elif part == c.STILL:
            yield from echo(tale, word)
        else:
            yield from ending(tale, word)
            return
        scenes += 1


def opening(tale):
    first = yield c.OPENINGS
    before, after = c.OPENING_WORDS[first]
    if before:
        yield before
    tale.weather = yield c.WEATHER
    tale.weather_at = at = len(tale.words) - 1
    tale.topic = yield c.TOPIC
    yield after
    tale.close("opening", first, tale.weather, at, tale.topic)
    word = yield c.AFTER_OPENING
    if c.SCENE_PART.get(word) == c.STILL or word == "what":
        yield from echo(tale, word)
        word = yield c.QUANTIFIER
    yield ("is",)
    feeling = yield c.FEELING
    tale.feeling = feeling if word == "everyone" else c.OTHER_FEELING[feeling]
    yield (".",)
    tale.close("feeling", word, feeling)


def echo(tale, first):
    """A sentence that names the weather again, each wording once in a story."""
    before, after, bit = c.ECHO_WORDS[first]
    if first == "it":
        second = yield c.it_echo(tale.echoes)
        before, after, bit = c.ECHO_WORDS["it", second]
    tale.echoes &= ~bit
    if before:
        yield before
    yield from weather(tale)
    yield after
    tale.close("echo", bit, tale.weather, tale.weather_at)


def weather(tale):
    tale.tags.append(("memory", len(tale.words), tale.weather_at))
    yield (tale.weather,)
    tale.weather_at = len(tale.words) - 1


def facts(tale):
    first = yield c.FACTS
    look = c.FACT_WORDS[first]
    yield look
    opener = look[-2:] if first == "look" else (first, "is")
    told, free = [], c.ALL_THINGS
    many = 0  # facts still to come: 0 none known, 1 after "and"
    while True:
        word = yield c.owners(c.ALL_NAMES & ~tale.owners)
        owner = OWNER[word]
        thing = yield c.things(free)
        free &= ~c.THING_BIT[thing]
        tale.thing[owner], tale.seen[owner] = thing, len(tale.words) - 1
        tale.owners |= BIT[owner]
        told.append((owner, thing, len(tale.words) - 1))
        if many:
            break
        word = yield c.MORE_FACTS[len(told)]
        if word == ".":
            break
        many = word == "and"
        yield opener
    if many:
        yield (".",)
    tale.last = BIT[owner]
    tale.close("facts", first, tuple(told))


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
    eligible = c.eligible(tale.owners, tale.last, BIT[actor])
    able = c.able(tale, eligible)
    word = yield c.deeds(able, not tale.gestured & BIT[actor], tale.topic, tale.feeling)
    if word in c.GESTURE_WORDS:
        tale.gestured |= BIT[actor]
        other = None
        after = yield c.AFTER_GESTURE[word]
        if after in ("at", "with"):
            other = yield c.names(c.ALL_NAMES & ~BIT[actor])
        if after != ".":
            yield (".",)
        tale.close("gesture", actor, word, after, other)
        return
    verb = c.HANDLE_INDEX[word]
    if word == "asks":
        yield c.WHERE_IS
    whose = yield c.owners(eligible & c.able_owners(tale, verb))
    owner = yield from own(tale, whose)
    bit, at = BIT[owner], len(tale.words) - 1
    tale.handled[verb] |= bit
    place = None
    if word == "asks":
        yield ("?",)
    elif word == "finds":
        yield (".",)
    elif tale.placed & bit and word not in c.MOVES:
        yield (".",)
    else:
        now = tale.place[owner] if tale.placed & bit else None
        preposition = yield c.stop_or_place(tale.topic, now)
        if preposition != ".":
            place = yield from to_place(tale, preposition, now)
    if word == "hides":
        tale.hidden |= bit
    elif word == "finds":
        tale.hidden &= ~bit
    if place is not None:
        tale.placed |= bit
        tale.place[owner] = place
    elif word in c.MOVES or word == "finds":
        tale.placed &= ~bit
    tale.close("deed", actor, word, owner, tale.thing[owner], at, place)


def to_place(tale, preposition, now):
    """The rest of "on the hill ." after the preposition; returns the index of the place."""
    yield ("the",)
    noun = yield c.place_noun(tale.topic, now, preposition)
    yield (".",)
    return c.PLACE_INDEX[preposition, noun]


def state_of_thing(tale, whose):
    """Where a thing is, or what it is like."""
    owner = yield from own(tale, whose)
    bit, at = BIT[owner], len(tale.words) - 1
    yield ("is",)
    known = bool(tale.placed & bit)
    first = yield c.states(known, *[bool(done & bit) for done in tale.stated], tale.topic)
    place = look = None
    if first == "still":
        yield ("there", ".")
        tale.stated[1] |= bit
    elif first == "very":
        look = yield c.LOOK
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
    noun = yield c.beings(tale.heads)
    head, many = c.NUMBER[noun]
    head_at = len(tale.words) - 1
    tale.heads &= ~c.BEING_BIT[head]
    used, spots = c.BEING_BIT[head], c.ALL_SPOTS
    modifiers = []
    clause = False
    while True:
        word = yield c.verb_or_modifier(many, len(modifiers), clause)
        if word in c.DO_WORDS:
            break
        if word != "that":
            yield ("the",)
            spot = yield c.spots(spots)
            spots &= ~c.SPOT_BIT[c.NUMBER[spot][0]]
            modifiers.append((word, spot, len(tale.words) - 1))
            continue
        clause = True
        first = yield c.after_that(head, many, not modifiers)
        if first != "the":
            tale.tags.append(("agreement", len(tale.words) - 1, head_at))
            yield ("the",)
            other = yield c.beings(c.ALL_BEINGS & ~used)
            modifiers.append(("who", first, other, len(tale.words) - 1))
            continue
        other = yield c.beings(c.ALL_BEINGS & ~used)
        other_at = len(tale.words) - 1
        inner, inner_many = c.NUMBER[other]
        see = yield c.see_or_near(inner, inner_many)
        near = None
        if see in c.PREPOSITION_WORDS:
            yield ("the",)
            spot = yield c.spots(spots)
            spots &= ~c.SPOT_BIT[c.NUMBER[spot][0]]
            near = (see, spot, len(tale.words) - 1)
            see = yield c.see(inner, inner_many)
        tale.tags.append(("agreement", len(tale.words) - 1, other_at))
        modifiers.append(("whom", see, other, other_at, near))
    tale.tags.append(("agreement", len(tale.words) - 1, head_at))
    verb_at = len(tale.words) - 1
    adverb = yield c.STOP_OR_ADVERB[tale.feeling]
    if adverb == "all":
        yield ("day", ".")
    elif adverb != ".":
        yield (".",)
    tale.close("being", noun, head_at, tuple(modifiers), word, verb_at, None if adverb == "." else adverb)


def filler(tale, first):
    """Something else that happens in the village, each kind once in a story."""
    before, options, after = c.FILLER_WORDS[first]
    tale.fillers &= ~c.FILLER_BIT[first]
    if before:
        yield before
    chosen = []
    for chance in options:
        word = yield chance if chance.__class__ is not dict else chance[chosen[-1]]
        chosen.append(word)
    yield after[chosen[-1]] if after.__class__ is dict else after
    tale.close("filler", first, tuple(chosen))


def ending(tale, first):
    """The day ends: a thing is put away or found, and the weather is named once more."""
    at_last = False
    if first == "at":
        at_last = (yield c.night_or_last(bool(tale.hidden), bool(tale.owners & ~tale.hidden))) == "last"
    else:
        yield c.ENDING_WORDS[first]
    pool = tale.hidden if at_last else tale.owners & ~tale.hidden
    actor = yield c.all_but_only(pool)
    yield ("finds",) if at_last else (c.ENDING_VERB[first],)
    whose = yield c.owners(c.eligible(pool, tale.last, BIT[actor]))
    owner = yield from own(tale, whose)
    at = len(tale.words) - 1
    yield (".",) if at_last else c.ENDING_AFTER[first]
    tale.close("ending", "last" if at_last else first, actor, owner, tale.thing[owner], at)
    yield ("everyone",)
    verb = yield c.SAYS[tale.feeling]
    yield (":",)
    exclamation = yield c.EXCLAMATION
    if exclamation == "what":
        yield ("a",)
    yield from weather(tale)
    yield ("day", "!") if exclamation == "what" else ("weather", "!")
    tale.close("says", verb, exclamation, tale.weather, tale.weather_at)
    word = yield c.CLOSING if len(tale.words) <= CLOSE_BY else c.NO_CLOSING
    if word == SEPARATOR:
        return
    yield c.CLOSING_WORDS[word]
    tale.close("closing", word)
    yield (SEPARATOR,)
