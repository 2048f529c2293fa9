"""The stories in French: one template for each kind of frame, never word by word.

Nouns carry their gender; articles, adjectives and verbs agree; "de" and "à" contract and elide. Words are divided by
spaces, and what is elided stands alone ("l' oiseau"), so that the words of a language model stay few.
"""

from collections.abc import Sequence

from lmcore.village.frames import Frame, Modifier, Part

NAMES = {"mia": "mia", "leo": "léo", "ada": "ada", "tom": "tom", "eva": "éva", "max": "max", "zoe": "zoé", "ben": "ben"}
# (gender, one, many)
NOUNS = {
    "kite": ("m", "cerf-volant", "cerfs-volants"), "drum": ("m", "tambour", "tambours"),
    "ball": ("f", "balle", "balles"), "book": ("m", "livre", "livres"), "boat": ("m", "bateau", "bateaux"),
    "lamp": ("f", "lampe", "lampes"), "hat": ("m", "chapeau", "chapeaux"), "bell": ("f", "cloche", "cloches"),
    "flute": ("f", "flûte", "flûtes"), "cake": ("m", "gâteau", "gâteaux"), "map": ("f", "carte", "cartes"),
    "rope": ("f", "corde", "cordes"),
    "dog": ("m", "chien", "chiens"), "cat": ("m", "chat", "chats"), "bird": ("m", "oiseau", "oiseaux"),
    "goat": ("f", "chèvre", "chèvres"), "child": ("m", "enfant", "enfants"), "farmer": ("m", "fermier", "fermiers"),
    "baker": ("m", "boulanger", "boulangers"), "fox": ("m", "renard", "renards"),
    "house": ("f", "maison", "maisons"), "tree": ("m", "arbre", "arbres"), "garden": ("m", "jardin", "jardins"),
    "wall": ("m", "mur", "murs"), "barn": ("f", "grange", "granges"), "cart": ("f", "charrette", "charrettes"),
}  # fmt: skip
# (masculine, feminine)
WEATHERS = {
    "sunny": ("ensoleillé", "ensoleillée"), "rainy": ("pluvieux", "pluvieuse"), "windy": ("venteux", "venteuse"),
    "snowy": ("neigeux", "neigeuse"), "foggy": ("brumeux", "brumeuse"), "cloudy": ("nuageux", "nuageuse"),
}  # fmt: skip
LOOKS = {"big": ("grand", "grande"), "small": ("petit", "petite"), "beautiful": ("beau", "belle")}
TOPICS = {"market": "marché", "washing": "lessive", "painting": "peinture", "hide-and-seek": "cache-cache"}
FEELINGS = {"happy": "heureux", "grumpy": "grognon"}
PLACES = {
    "in the park": "dans le parc", "in the square": "sur la place", "in the kitchen": "dans la cuisine",
    "at the market": "au marché", "at the mill": "au moulin", "on the hill": "sur la colline",
    "on the roof": "sur le toit", "under the bridge": "sous le pont", "under the oak": "sous le chêne",
    "at the bridge": "jusqu' au pont", "at the oak": "jusqu' au chêne",
}  # fmt: skip
# (one, many)
VERBS = {
    "sleep": ("dort", "dorment"), "wait": ("attend", "attendent"), "play": ("joue", "jouent"),
    "run": ("court", "courent"), "dance": ("danse", "dansent"), "jump": ("saute", "sautent"),
    "rest": ("se repose", "se reposent"), "sing": ("chante", "chantent"),
    "see": ("voit", "voient"), "hear": ("entend", "entendent"), "like": ("aime", "aiment"),
    "know": ("connaît", "connaissent"), "follow": ("suit", "suivent"), "chase": ("poursuit", "poursuivent"),
}  # fmt: skip
DEEDS = {
    "hides": "cache", "finds": "trouve", "drops": "laisse tomber", "cleans": "nettoie", "paints": "peint",
    "carries": "porte", "asks": "demande : où est",
}  # fmt: skip
GESTURES = {
    "smiles": "sourit", "laughs": "rit", "yawns": "bâille", "sighs": "soupire", "says": "dit", "sings": "chante",
}  # fmt: skip
PREPOSITIONS = {"near": "près de", "behind": "derrière", "beside": "à côté de", "by": "tout près de"}
ADVERBS = {"again": "encore", "quietly": "tranquillement", "all day": "toute la journée", "happily": "gaiement"}
HOURS = {"two": "deux", "three": "trois", "four": "quatre", "five": "cinq", "six": "six", "seven": "sept"}
DISHES = {
    "bread": "du pain et du beurre", "tea": "du thé et du miel", "soup": "de la soupe et du riz",
    "pie": "de la tarte et de la crème",
}  # fmt: skip
_VOWELS = "aàâeéèêiîoôuûyœ"


def elides(word: str) -> bool:
    """Whether "le", "la" and "de" lose their vowel before `word` (no word of the Village begins with h aspiré)."""
    return word[0] in _VOWELS


def de(name: str) -> str:
    return f"d' {name}" if elides(name) else f"de {name}"


def the(noun: str, number: str = "one", preposition: str = "") -> str:
    """The noun with its article, after a preposition that may end in "de"."""
    gender, one, many = NOUNS[noun]
    single = "l'" if elides(one) else "le" if gender == "m" else "la"
    word, article = (many, "les") if number == "many" else (one, single)
    if preposition.endswith("de") and article in ("le", "les"):
        return f"{preposition[:-2]}{'du' if article == 'le' else 'des'} {word}"
    return f"{preposition} {article} {word}".strip()


def thing_of(frame: Frame) -> str:
    return owned(frame.value("owner"), frame.value("thing"))


def owned(owner: str, thing: str) -> str:
    """ "la lampe de mia" """
    return f"{the(thing)} {de(NAMES[owner])}"


def noun_phrase(part: Part, preposition: str = "") -> str:
    """A being or spot with its modifiers: "les chiens que le fermier près de la grange connaît"."""
    return " ".join([the(part.value, part.number, preposition), *map(_modifier, part.modifiers)])


def _modifier(modifier: Modifier) -> str:
    if modifier.kind in PREPOSITIONS:
        return noun_phrase(modifier.noun, PREPOSITIONS[modifier.kind])
    verb = verb_form(modifier.verb)
    other = noun_phrase(modifier.noun)
    return f"qui {verb} {other}" if modifier.kind == "who" else f"que {other} {verb}"


def verb_form(part: Part) -> str:
    return VERBS[part.value][part.number == "many"]


def _opening(frame: Frame) -> str:
    day = f"un jour de {TOPICS[frame.value('topic')]} {WEATHERS[frame.value('weather')][0]}"
    return {
        "it": f"c' est {day} au village .",
        "one": f"{day} , le village se réveille .",
        "once": f"il était une fois {day} : le vieux coq chante .",
        "on": f"par {day} , toutes les fenêtres s' ouvrent .",
        "good": f"bonjour ! c' est {day} .",
    }[frame.form]


def _echo(frame: Frame) -> str:
    masculine, _ = WEATHERS[frame.value("weather")]
    return {
        "what": f"quel matin {masculine} !",
        "such": f"quel temps {masculine} !",
        "how": f"comme le temps est {masculine} !",
        "outside": f"dehors , le temps est {masculine} .",
        "is": f"le temps est toujours {masculine} .",
        "stays": f"le temps reste {masculine} .",
    }[frame.form]


def _facts(frame: Frame) -> str:
    opener = {"this": "voici", "here": "voilà", "look": "regardez , voici"}[frame.form]
    owners = [part.value for part in frame.parts if part.role == "owner"]
    things = [part.value for part in frame.parts if part.role == "thing"]
    facts = [owned(owner, thing) for owner, thing in zip(owners, things, strict=True)]
    rest = " , ".join(facts[:-1]) + " et " + facts[-1] if len(facts) > 1 else facts[0]
    return f"{opener} {rest} ."


def _feeling(frame: Frame) -> str:
    who = "tout le monde est" if frame.form == "everyone" else "personne n' est"
    return f"{who} {FEELINGS[frame.value('feeling')]} ."


def _gesture(frame: Frame) -> str:
    words = f"{NAMES[frame.value('actor')]} {GESTURES[frame.form]}"
    if other := frame.value("other"):
        words += f" {'à' if frame.form == 'smiles' else 'avec'} {NAMES[other]}"
    if frame.get("manner"):
        words += " doucement"
    return f"{words} ."


def _deed(frame: Frame) -> str:
    place = frame.value("place")
    end = "?" if frame.form == "asks" else f"{PLACES[place]} ." if place else "."
    return f"{NAMES[frame.value('actor')]} {DEEDS[frame.form]} {thing_of(frame)} {end}"


def _state(frame: Frame) -> str:
    if frame.form == "place":
        what = PLACES[frame.value("place")]
    elif frame.form == "still":
        what = "toujours là"
    else:
        what = f"très {LOOKS[frame.value('quality')][NOUNS[frame.value('thing')][0] == 'f']}"
    return f"{thing_of(frame)} est {what} ."


def _being(frame: Frame) -> str:
    actor, action = frame.get("actor"), frame.get("action")
    words = f"{noun_phrase(actor)} {verb_form(action)}"
    if manner := frame.value("manner"):
        words += f" {ADVERBS.get(manner) or _alone(actor)}"
    return f"{words} ."


def _alone(actor: Part) -> str:
    return "seul" + "e" * (NOUNS[actor.value][0] == "f") + "s" * (actor.number == "many")


def _filler(frame: Frame) -> str:
    details = [part.value for part in frame.parts]
    if frame.form == "ding":
        return f"ding dong , la vieille horloge sonne {HOURS[details[0]]} heures ."
    if frame.form == "there":
        return f"il y a {DISHES[details[0]]} sur la table ."
    if frame.form == "all":
        moves = "s' ouvre" if details[0] == "opens" else "se ferme"
        return f"tout à coup , la porte de l' école {moves} ."
    if frame.form == "far":
        return f"au loin , {'un train siffle' if details[0] == 'train' else 'un coq chante'} ."
    if frame.form == "plop":
        return f"plouf , {'une grenouille' if details[0] == 'frog' else 'un canard'} saute dans l' étang ."
    window = details[2] == "window"
    before = {"small": ("petit", "petite"), "old": ("vieux", "vieille")}.get(details[1])
    after = {"white": ("blanc", "blanche"), "open": ("ouvert", "ouverte")}.get(details[1])
    words = ["une", "fenêtre"] if window else ["un", "portail"]
    if before:
        words.insert(1, before[window])
    if after:
        words.append(after[window])
    return f"quelque part , {' '.join(words)} grince ."


def _ending(frame: Frame) -> str:
    actor, thing = NAMES[frame.value("actor")], thing_of(frame)
    return {
        "at": f"la nuit , {actor} met {thing} sous le lit .",
        "in": f"le soir , {actor} emporte {thing} à la maison .",
        "when": f"quand la lune se lève , {actor} rapporte {thing} à la maison .",
        "last": f"enfin , {actor} trouve {thing} .",
    }[frame.form]


def _says(frame: Frame) -> str:
    masculine, feminine = WEATHERS[frame.value("weather")]
    what = f"quelle journée {feminine}" if frame.form == "what" else f"quel temps {masculine}"
    return f"tout le monde {GESTURES[frame.value('action')]} : {what} !"


def _closing(frame: Frame) -> str:
    return "bonne nuit !" if frame.form == "good" else "le village s' endort ."


_TEMPLATES = {
    "opening": _opening, "echo": _echo, "facts": _facts, "feeling": _feeling, "gesture": _gesture, "deed": _deed,
    "state": _state, "being": _being, "filler": _filler, "ending": _ending, "says": _says, "closing": _closing,
}  # fmt: skip


def words(frames: Sequence[Frame]) -> str:
    """The story in French, words divided by spaces."""
    return " ".join(_TEMPLATES[frame.kind](frame) for frame in frames)


def prose(words: str) -> str:
    """For people: capitals, nothing after an apostrophe, and the narrow spaces that French sets before ! ? and :"""
    pieces, begins = [], True
    for word in words.split():
        if word in ".,":
            pieces.append(word)
        elif word in "!?:":
            pieces.append(("\u00a0" if word == ":" else "\u202f") + word)
        else:
            glued = not pieces or pieces[-1].endswith("'")
            name = word in _SPOKEN_NAMES
            pieces.append(("" if glued else " ") + (word[0].upper() + word[1:] if begins or name else word))
        begins = word in ".!?"
    return "".join(pieces)


_SPOKEN_NAMES = frozenset(NAMES.values())
