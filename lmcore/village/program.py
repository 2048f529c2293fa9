"""The author's program: one coroutine that tells a story from left to right.

At each step it yields what may come next and learns what came: a tuple of words that are certain, or a `Chance` (or
`Split`) from which one word is taken. Whoever runs it decides how: by drawing (writing), or by reading the word from a
text (scoring, parsing). The program cannot tell the two apart, so a text has the probability with which it would have
been written. What it has told stands in the `Tale`: words, tags, and one record for each sentence.
"""

from lmcore.village import choices as c
from lmcore.village import next_scene as n
from lmcore.village import options as o
from lmcore.village.choices import BIT, OWNER
from lmcore.village.lexicon import SEPARATOR
from lmcore.village.scenes import being, deed, own, state_of_thing
from lmcore.village.tale import Tale

# Numbers of words told: a story may end, has no long sentence, must begin to end, has no words after the last cry.
END_FROM, SHORT_FROM, END_BY, CLOSE_BY = 47, 103, 113, 136
# Numbers of scenes told: a story may end, must end; before the last of these the things are soon in play.
SCENES_FROM, SCENES_BY, EARLY = 5, 9, 2


def tell(tale: Tale):
    """A story, from its first word to the separator that closes it."""
    yield from opening(tale)
    yield from feeling(tale)
    scenes, part = 0, -1
    while True:
        length = len(tale.words)
        may_end = scenes >= SCENES_FROM and length >= END_FROM
        must_end = scenes >= SCENES_BY or length >= END_BY
        word = yield n.scene_start(tale, may_end, must_end, length < SHORT_FROM, scenes < EARLY, part)
        part = n.SCENE_PART[word]
        if part == n.NAME:
            yield from deed(tale, word)
        elif part == n.OWNER_FIRST:
            yield from state_of_thing(tale, word)
        elif part == n.BEING_FIRST:
            yield from being(tale)
        elif part == n.FILLER:
            yield from filler(tale, word)
        elif part == n.STILL:
            yield from echo(tale, word)
        else:
            yield from ending(tale, word)
            return
        scenes += 1


def opening(tale):
    """The day with its weather and its business, perhaps an echo of the weather, and the facts."""
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
    if word not in c.FACT_WORDS:
        yield from echo(tale, word)
        word = yield c.FACTS
    yield from facts(tale, word)


def feeling(tale):
    """How everyone feels: "nobody is grumpy" tells that they are happy."""
    word = yield c.QUANTIFIER
    yield ("is",)
    feeling = yield c.FEELING
    tale.feeling = feeling if word == "everyone" else c.OTHER_FEELING[feeling]
    yield (".",)
    tale.close("feeling", word, feeling)


def echo(tale, first):
    """A sentence that names the weather again, each wording once in a story."""
    form = first
    if first == "it":
        form = yield c.it_echo(tale.echoes)
    before, after, bit = c.ECHO_WORDS[form]
    tale.echoes &= ~bit
    if before:
        yield before
    yield from weather(tale)
    yield after
    tale.close("echo", form, tale.weather, tale.weather_at)


def weather(tale):
    """The weather's word: certain to the author, who remembers it."""
    tale.tags.append(("memory", len(tale.words), tale.weather_at))
    yield (tale.weather,)
    tale.weather_at = len(tale.words) - 1


def facts(tale, first):
    """One to four things and their owners; the word after each tells how many are still to come."""
    look = c.FACT_WORDS[first]
    yield look
    opener = look[-2:] if first == "look" else (first, "is")
    told, free = [], c.ALL_THINGS
    word = ""
    while True:
        owner = OWNER[(yield c.owners(c.ALL_NAMES & ~tale.owners))]
        thing = yield c.things(free)
        free &= ~c.THING_BIT[thing]
        tale.thing[owner], tale.seen[owner] = thing, len(tale.words) - 1
        tale.owners |= BIT[owner]
        told.append((owner, thing, len(tale.words) - 1))
        if word == "and":
            yield (".",)
            break
        word = yield c.MORE_FACTS[len(told)]
        if word == ".":
            break
        yield opener
    tale.last = BIT[owner]
    tale.close("facts", first, tuple(told))


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
    actor = yield n.closers(tale, pool, at_last)
    yield ("finds",) if at_last else (c.ENDING_VERB[first],)
    if at_last:
        pool = tale.sought_by(BIT[actor])
    whose = yield c.owners(o.eligible(pool, tale.last, BIT[actor]))
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
