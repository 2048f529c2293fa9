"""What a story is made of: tags that point to their evidence, sentences that never come twice, frames, tasks."""

import statistics

from lmcore import Village

VILLAGE = Village()
STORIES = VILLAGE.stories(2000, seed=21)
NAMES = {"mia", "leo", "ada", "tom", "eva", "max", "zoe", "ben"}
THINGS = {"kite", "drum", "ball", "book", "boat", "lamp", "hat", "bell", "flute", "cake", "map", "rope"}
WEATHERS = {"sunny", "rainy", "windy", "snowy", "foggy", "cloudy"}
BEINGS = {"dog", "cat", "bird", "goat", "child", "farmer", "baker", "fox"}
SPOTS = {"house", "tree", "garden", "wall", "barn", "cart"}
MANY = {"children": "child", "foxes": "fox"} | {f"{noun}s": noun for noun in (BEINGS | SPOTS) - {"child", "fox"}}
DOES = {"sleep", "wait", "play", "run", "dance", "jump", "rest", "sing"}
SEES = {"see", "hear", "like", "know", "follow", "chase"}


def sentences(words):
    found, start = [], 0
    for i, word in enumerate(words):
        if word in {".", "!", "?"}:
            found.append((start, words[start : i + 1]))
            start = i + 1
    return found


def plural(noun):
    return noun in MANY


def verb_number(verb):
    """(dictionary form, is it plural)"""
    return (verb, True) if verb in DOES | SEES else (verb.removesuffix("s"), False)


def test_the_lengths_and_counts_that_the_models_learn_from():
    lengths = sorted(len(story.words) for story in STORIES)
    assert lengths[0] >= 60 and lengths[-1] <= 140 and 85 <= statistics.mean(lengths) <= 100
    # phenomenon: words a story, median distance, 95 %
    expected = (("agreement", 2.65, 4, 11), ("memory", 2.65, 25, 80), ("recall", 3.5, 26, 61))
    for phenomenon, count, median, far in expected:
        distances = sorted(t.distance for story in STORIES for t in story.tags if t.phenomenon == phenomenon)
        n = len(distances)
        assert abs(n / len(STORIES) / count - 1) < 0.1
        assert abs(distances[n // 2] / median - 1) < 0.1 and abs(distances[int(0.95 * n)] / far - 1) < 0.1


def test_memory_tags_are_the_repeated_weather_and_point_to_its_last_naming():
    for story in STORIES:
        places = [i for i, word in enumerate(story.words) if word in WEATHERS]
        tags = [tag for tag in story.tags if tag.phenomenon == "memory"]
        assert [(tag.position, tag.evidence) for tag in tags] == list(zip(places[1:], places, strict=False))
        assert len({story.words[i] for i in places}) == 1
        assert all(set(tag.contrast) == WEATHERS and tag.distance == tag.position - tag.evidence for tag in tags)


def test_recall_tags_are_every_later_thing_and_point_to_where_it_stood_with_its_owner():
    for story in STORIES:
        last, expected = {}, []
        told = story.frames[1 if story.frames[1].kind == "facts" else 2]
        for i, word in enumerate(story.words):
            if word.endswith("'s"):
                if i >= told.end:
                    expected.append((i + 1, last[word][0]))
                    assert story.words[i + 1] == last[word][1]
                last[word] = (i + 1, story.words[i + 1])
        tags = [tag for tag in story.tags if tag.phenomenon == "recall"]
        assert [(tag.position, tag.evidence) for tag in tags] == expected
        things = {thing for _, thing in last.values()}
        assert len(things) == len(last)
        assert all(set(tag.contrast) == THINGS and set(tag.about) >= things for tag in tags)


def agreements(words, i):
    """The (verb, noun) places of a phrase that begins at `i` with its article, found by descent; and where it ends."""
    assert words[i] == "the"
    head, found, i = i + 1, [], i + 2
    while words[i] in {"near", "behind", "beside", "by", "that"}:
        if words[i] == "that" and words[i + 1] != "the":
            found.append((i + 1, head))
            inner, _, i = agreements(words, i + 2)
            found += inner
        elif words[i] == "that":
            inner, subject, i = agreements(words, i + 1)
            found += [*inner, (i, subject)]
            i += 1
        else:
            inner, _, i = agreements(words, i + 1)
            found += inner
    return found, head, i


def test_agreement_tags_point_to_the_noun_that_the_verb_agrees_with():
    seen = 0
    for story in STORIES:
        expected = []
        for start, sentence in sentences(story.words):
            if sentence[0] == "the" and sentence[1] != "village":
                found, head, end = agreements(sentence, 0)
                expected += [(start + verb, start + noun) for verb, noun in [*found, (end, head)]]
                nouns = [MANY.get(word, word) for word in sentence if MANY.get(word, word) in BEINGS | SPOTS]
                assert len(set(nouns)) == len(nouns)
                small = [word for word in sentence if word in {"near", "behind", "beside", "by"}]
                assert len(set(small)) == len(small)
        tags = [tag for tag in story.tags if tag.phenomenon == "agreement"]
        assert [(tag.position, tag.evidence) for tag in tags] == sorted(expected)
        for tag in tags:
            verb, noun = story.words[tag.position], story.words[tag.evidence]
            assert verb_number(verb)[1] == plural(noun)
            assert verb in tag.contrast and len({verb_number(form)[0] for form in tag.contrast}) == 1
            assert [verb_number(form)[1] for form in tag.contrast] == [False, True]
            seen += 1
    assert seen > 5000


def test_numbers_are_even_and_the_nearest_noun_tells_nothing():
    pairs = []
    for story in STORIES:
        for tag in story.tags:
            if tag.phenomenon == "agreement" and tag.distance > 3:
                between = story.words[tag.evidence + 1 : tag.position]
                near = [word for word in between if MANY.get(word, word) in BEINGS | SPOTS]
                pairs.append((plural(story.words[tag.evidence]), plural(near[-1])))
    n = len(pairs)
    assert n > 2000
    for event in (sum(a for a, _ in pairs), sum(b for _, b in pairs), sum(a == b for a, b in pairs)):
        assert abs(event / n - 0.5) < 4 * 0.5 / n**0.5


def test_no_sentence_comes_twice_and_events_make_sense():
    for story in STORIES:
        told = [sentence for _, sentence in sentences(story.words)]
        assert len(set(told)) == len(told), story.prose
        hidden = {}  # thing -> who has hidden it
        for sentence in told:
            if sentence[0] in NAMES or sentence[0] in {"at", "in", "when"}:
                thing = next((w for w in sentence if w.endswith("'s")), None)
                if "hides" in sentence:
                    assert thing not in hidden
                    hidden[thing] = sentence[0]
                elif "finds" in sentence:
                    assert hidden.pop(thing) not in sentence
                elif "asks" in sentence:
                    assert hidden[thing] not in sentence
                elif thing:
                    assert thing not in hidden
                    assert not sentence[0].startswith(thing[:3])  # nobody does it with their own


def test_stories_vary():
    told = [story.frames for story in STORIES]
    assert len({story.text for story in STORIES}) == len(STORIES)
    for kind, least in (("opening", 5), ("echo", 6), ("facts", 3), ("filler", 6), ("ending", 4), ("says", 2)):
        assert len({frame.form for frames in told for frame in frames if frame.kind == kind}) == least


def test_frames_cover_the_story_and_their_parts_stand_where_they_say():
    for story in STORIES[:500]:
        assert [frame.start for frame in story.frames] == [0, *[frame.end for frame in story.frames[:-1]]]
        assert story.frames[-1].end == len(story.words)
        for frame in story.frames:
            for part in frame.parts:
                words = story.words[part.start : part.end]
                assert frame.start <= part.start < part.end <= frame.end
                if part.role == "owner":
                    assert words == (f"{part.value}'s",)
                elif part.role == "place":
                    assert words[-1] == part.value.split()[-1] and (words[0] == "to") == (frame.form == "carries")
                elif part.number is None:
                    assert " ".join(words).removeprefix("very ") == part.value
                elif part.role == "actor":
                    assert words[0] == "the" and MANY.get(words[1], words[1]) == part.value
                    assert (part.number == "many") == plural(words[1])
                    check_modifiers(story.words, part)


def check_modifiers(words, part):
    at = part.start + 2
    for modifier in part.modifiers:
        noun = modifier.noun
        assert MANY.get(words[noun.start + 1], words[noun.start + 1]) == noun.value
        if modifier.verb is None:
            assert words[at] == modifier.kind and noun.start == at + 1
        else:
            assert words[at] == "that" and verb_number(words[modifier.verb.start])[0] == modifier.verb.value
            assert (modifier.verb.start > noun.start) == (modifier.kind == "whom")
        check_modifiers(words, noun)
        at = max(noun.end, modifier.verb.end if modifier.verb else 0)
    assert at == part.end


def test_mood_and_topic_are_what_the_text_says():
    for story in STORIES:
        quantifier, feeling = next((s[0], s[2]) for _, s in sentences(story.words) if s[0] in {"everyone", "nobody"})
        assert story.mood == (feeling if quantifier == "everyone" else {"happy": "grumpy", "grumpy": "happy"}[feeling])
        assert story.topic == story.words[next(i for i, w in enumerate(story.words) if w in WEATHERS) + 1]
    share = sum(story.mood == "happy" for story in STORIES) / len(STORIES)
    assert abs(share - 0.5) < 0.05
    gestures = [(s.mood, f.form) for s in STORIES for f in s.frames if f.kind == "gesture"]
    cheerful = [form in {"smiles", "laughs"} for mood, form in gestures if mood == "happy"]
    assert sum(cheerful) / len(cheerful) > 0.8


def test_questions_are_answered_by_the_text():
    kinds = set()
    for story in STORIES[:500]:
        asked = [question.question for question in story.questions]
        assert len(set(asked)) == len(asked)
        for question in story.questions:
            kinds.add(question.kind)
            frame = story.frames[question.evidence]
            sentence = story.words[frame.start : frame.end]
            words = question.question.split()
            if question.kind == "where":
                later = [s for at, s in sentences(story.words) if at > frame.start and words[2] in s]
                assert not {"hides", "carries", "finds", "puts", "takes", "brings"} & {w for s in later for w in s}
                assert question.answer.split(" ", 1)[-1] in " ".join(sentence) and words[2] in sentence
            elif question.kind == "who":
                assert f"{question.answer} {' '.join(words[1:-1])}" in " ".join(sentence)
            elif question.kind == "whose":
                assert f"{question.answer}'s {words[3]}" in " ".join(sentence)
            else:
                assert question.answer in sentence and question.answer in WEATHERS
    assert kinds == {"where", "who", "whose", "weather"}


def test_the_summary_is_one_sentence_in_words_of_the_village_that_the_story_says():
    for story in STORIES[:500]:
        words = story.summary.split()
        VILLAGE.tokenizer.encode(story.summary)
        assert words[-1] == "." and words.count(".") == 1 and words[:2] == ["on", "a"] and words[4] == "day"
        assert " ".join(words[5:-1]) in story.text and words[2] in WEATHERS and words[3] == story.topic


def test_roles_are_spans_of_words_and_their_tags_agree():
    story = next(story for story in STORIES if any(len(f.parts) == 5 and f.kind == "deed" for f in story.frames))
    index, frame = next((i, f) for i, f in enumerate(story.frames) if len(f.parts) == 5 and f.kind == "deed")
    roles = story.roles[index]
    assert [role for role, _, _ in roles] == ["actor", "action", "owner", "thing", "place"]
    assert [end - start for _, start, end in roles] == [1, 1, 1, 1, 3]
    tags = story.role_tags[frame.start : frame.end]
    assert tags == ("B-actor", "B-action", "B-owner", "B-thing", "B-place", "I-place", "I-place", "O")
    for story in STORIES[:300]:
        assert len(story.roles) == len(story.frames) and len(story.role_tags) == len(story.words)
        begun = sum(tag.startswith("B-") for tag in story.role_tags)
        assert begun == sum(map(len, story.roles))


def test_prose_is_for_people():
    story = VILLAGE.read("one rainy market day the village wakes up . this is mia's kite . nobody is grumpy .")
    assert story.prose == "One rainy market day the village wakes up. This is Mia's kite. Nobody is grumpy."
    assert story.mood == "happy" and story.topic == "market" and story.summary == ""
    assert story.log_probs[-1] == -float("inf")  # it is no whole story
    for story in STORIES[:200]:
        assert story.prose.replace(" ", "").lower() == story.text.replace(" ", "")


def test_what_is_carried_to_the_bridge_is_at_the_bridge():
    story = VILLAGE.read(
        "one rainy market day the village wakes up . this is mia's kite and this is leo's drum . nobody is grumpy . "
        "tom carries mia's kite to the bridge . ada hides leo's drum under the bridge ."
    )
    answers = {question.question: question.answer for question in story.questions if question.kind == "where"}
    assert answers == {"where is mia's kite ?": "at the bridge", "where is leo's drum ?": "under the bridge"}
    assert "Tom porte le cerf-volant de Mia jusqu'au pont. Ada cache le tambour de Léo sous le pont." in story.french
    assert "汤姆把米娅的风筝拿到桥边。艾达把雷欧的鼓藏在桥下。" in story.chinese
