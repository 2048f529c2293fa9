"""The French of 2,000 stories, checked against a lexicon and a grammar written here, apart from the renderer's."""

import re
from itertools import pairwise

import pytest

from lmcore import Village

STORIES = Village().stories(2000, seed=31)
MASCULINE = (
    "cerf-volant tambour livre bateau chapeau gâteau chien chat oiseau enfant fermier boulanger renard arbre jardin "
    "mur jour matin temps coq village portail train canard parc marché moulin toit pont chêne lit étang soir pain "
    "beurre thé miel riz monde"
).split()
FEMININE = (
    "balle lampe cloche flûte carte corde chèvre maison grange charrette journée fenêtre horloge porte école table "
    "grenouille place cuisine colline nuit lune soupe tarte crème"
).split()
PLURALS = {
    "chiens": "chien", "chats": "chat", "oiseaux": "oiseau", "chèvres": "chèvre", "enfants": "enfant",
    "fermiers": "fermier", "boulangers": "boulanger", "renards": "renard", "maisons": "maison", "arbres": "arbre",
    "jardins": "jardin", "murs": "mur", "granges": "grange", "charrettes": "charrette", "fenêtres": "fenêtre",
}  # fmt: skip
NOUNS = {**dict.fromkeys(MASCULINE, "m"), **dict.fromkeys(FEMININE, "f")}
SINGULAR_VERBS = "dort attend joue court danse saute repose chante voit entend aime connaît suit poursuit".split()
PLURAL_VERBS = (
    "dorment attendent jouent courent dansent sautent reposent chantent voient entendent aiment connaissent suivent "
    "poursuivent"
).split()
WEATHER_M = {"ensoleillé", "pluvieux", "venteux", "neigeux", "brumeux", "nuageux"}
WEATHER_F = {"ensoleillée", "pluvieuse", "venteuse", "neigeuse", "brumeuse", "nuageuse"}
ADJECTIVES = {
    "m": {"petit", "grand", "beau", "vieux", "blanc", "ouvert", "seul", "seuls"} | WEATHER_M,
    "f": {"petite", "grande", "belle", "vieille", "blanche", "ouverte", "seule", "seules"} | WEATHER_F,
}
VOWELS = set("aeiouyâàéèêëîïôûœ")
NAMES = {"mia", "léo", "ada", "tom", "éva", "max", "zoé", "ben"}


def sentences():
    for story in STORIES:
        yield from re.findall(r"[^.!?]+[.!?]", story.french_words)


def test_every_noun_has_an_article_of_its_gender_and_number():
    seen = set()
    for sentence in sentences():
        words = sentence.split()
        for i, word in enumerate(words):
            noun = PLURALS.get(word, word)
            if noun not in NOUNS or i == 0 or (word == "porte" and words[i - 1] in NAMES):  # "tom porte": a verb
                continue
            at = i - 1
            while words[at] in ADJECTIVES["m"] | ADJECTIVES["f"]:
                assert words[at] in ADJECTIVES[NOUNS[noun]], sentence
                at -= 1
            article = words[at]
            if word in PLURALS:
                assert article in {"les", "des"}, sentence
            elif article == "l'":
                assert noun[0] in VOWELS, sentence
            elif article in {"quel", "quelle", "bonne", "tout"}:
                assert article in ({"quel", "tout"} if NOUNS[noun] == "m" else {"quelle", "bonne"}), sentence
            elif article != "de":  # "jour de marché"
                wanted = {"m": {"le", "un", "du", "au"}, "f": {"la", "une"}}[NOUNS[noun]]
                assert article in wanted, sentence
                assert noun[0] not in VOWELS or article in {"un", "une"}, sentence
            else:
                assert words[at - 1] == "jour", sentence
            seen.add(word)
    assert seen >= {*PLURALS} and len(seen) > 60


def test_elision_before_vowels_and_only_there():
    elided = 0
    for sentence in sentences():
        words = sentence.split()
        for word, following in pairwise(words):
            if word in {"le", "la", "de", "que", "ne", "se", "ce", "je"}:
                assert following[0] not in VOWELS, sentence
            if word.endswith("'"):
                assert following[0] in VOWELS, sentence
                elided += 1
            assert "'" not in word[:-1]
        text = f" {sentence} "
        assert " de le " not in text and " de les " not in text and " à le " not in text and " à les " not in text
    assert elided > 2000


def number(word):
    """1 for a plural noun or verb, 0 for a singular one."""
    return int(word in PLURALS or word in PLURAL_VERBS)


def descend(words, i):
    """Checks the verbs inside the noun phrase that begins at `i`; returns the head noun and the place after it."""
    if words[i] in {"le", "la", "les", "l'", "du", "des"}:
        i += 1
    head, i = words[i], i + 1
    assert PLURALS.get(head, head) in NOUNS, words
    while True:
        if words[i : i + 2] in (["tout", "près"], ["à", "côté"]):
            i += 2
        elif words[i] == "près":
            i += 1
        elif words[i] == "qui":
            i = agreeing(words, i + 1, head)
            _, i = descend(words, i)
            continue
        elif words[i] == "que":
            inner, i = descend(words, i + 1)
            i = agreeing(words, i, inner)
            continue
        elif words[i] != "derrière":
            return head, i
        i += words[i] in {"de", "derrière"}
        _, i = descend(words, i)


def agreeing(words, i, subject):
    """The place after the verb at `i`, which must agree with `subject`."""
    i += words[i] == "se"
    assert words[i] in SINGULAR_VERBS + PLURAL_VERBS, words
    assert number(words[i]) == number(subject), words
    return i + 1


def test_verbs_and_adjectives_agree_with_their_subject():
    seen = 0
    for story in STORIES:
        told = re.findall(r"[^.!?]+[.!?]", story.french_words)
        for sentence in told:
            words = sentence.split()
            if words[0] in {"le", "la", "les", "l'"} and any(w in SINGULAR_VERBS + PLURAL_VERBS for w in words):
                head, i = descend(words, 0)
                i = agreeing(words, i, head)
                if words[i].startswith("seul"):
                    gender = NOUNS[PLURALS.get(head, head)]
                    assert words[i] == "seul" + "e" * (gender == "f") + "s" * number(head), sentence
                seen += 1
            if "très" in words or " temps " in f" {sentence} ":
                look = words[words.index("très") + 1] if "très" in words else words[-2]
                noun = next(word for word in words if word in NOUNS)
                assert look in ADJECTIVES[NOUNS[noun]] or words[-2] == "est", sentence
    assert seen > 3000


def test_weather_words_agree_with_day_morning_and_weather():
    for sentence in sentences():
        words = sentence.split()
        for word in words:
            if word in WEATHER_F:
                assert "journée" in words
            if word in WEATHER_M:
                assert "journée" not in words and {"jour", "matin", "temps"} & set(words)


def test_each_sentence_is_translated_in_order():
    for story in STORIES:
        ends = [word for word in story.words if word in {".", "!", "?"}]
        french = [word for word in story.french_words.split() if word in {".", "!", "?"}]
        assert french == ends, story.french
        owners = [word.removesuffix("'s") for word in story.words if word.endswith("'s")]
        spoken = [word.replace("é", "e") for word in re.findall(r"\bd(?:e|') (\w+)", story.french_words)]
        assert [word for word in spoken if word in {name.replace("é", "e") for name in NAMES}] == owners


def test_prose_has_capitals_and_french_spaces():
    for story in STORIES[:300]:
        assert story.french[0].isupper() and "  " not in story.french
        assert not re.search(r"(?<!\u202f)[!?]|(?<!\u00a0):|\s[.,]|' ", story.french)
        assert all(re.search(rf"\b{name}\b", story.french) is None for name in NAMES)
        assert all(match[1].isupper() for match in re.finditer(r"[.!?] (\w)", story.french))
        plain = story.french.lower().replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
        assert plain == story.french_words.replace(" ", "")


def test_a_story_in_french():
    village = Village()
    text = (
        "once upon a snowy washing day the old rooster crows . this is ada's lamp and this is zoe's kite . "
        "nobody is happy . the goats near the trees that the bird chases sleep alone ."
    )
    assert not village.read(text).french.count("chasse")
    text = text.replace("chases", "follows")
    assert village.read(text).french == (
        "Il était une fois un jour de lessive neigeux\u00a0: le vieux coq chante. Voici la lampe d'Ada et le "
        "cerf-volant de Zoé. Personne n'est heureux. Les chèvres près des arbres que l'oiseau suit dorment seules."
    )


def test_sentences_side_by_side_are_the_whole_story_in_both_languages():
    for story in STORIES[:200]:
        for language, whole in (("french", story.french_words), ("chinese", story.chinese_words)):
            english, other = zip(*story.sentences(language), strict=True)
            assert " ".join(english) == story.text and " ".join(other) == whole
    with pytest.raises(ValueError, match="speaks english and french and chinese, not 'german'"):
        STORIES[0].sentences("german")
