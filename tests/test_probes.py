"""Probes: the author is right where the text decides, an n-gram blind beyond its order, bad input refused."""

import pytest
import torch
from conftest import make_stream_ngram

from lmcore import NGram, NGramConfig, Village, probe

VILLAGE = Village()
STORIES = VILLAGE.stories(60, seed=3)


@pytest.mark.parametrize("phenomenon", ["agreement", "memory", "recall"])
def test_the_author_has_no_excess_and_is_right_where_the_text_decides(phenomenon):
    found = probe(VILLAGE.author(), STORIES, phenomenon)
    assert len(found.distance) == sum(tag.phenomenon == phenomenon for story in STORIES for tag in story.tags)
    assert found.excess.abs().max() < 1e-9
    if phenomenon != "recall":  # whose thing comes next may be open, but number and weather are decided
        assert found.accuracy == 1.0
    assert sum(found.counts_by_distance.values()) == len(found.distance)
    assert found.about.all()


def test_a_unigram_answers_every_question_alike():
    tokens = VILLAGE.tokenizer.encode(VILLAGE.write(stories=300, seed=1), allow_special=True)
    unigram = NGram(NGramConfig(order=1, vocab_size=VILLAGE.tokenizer.vocab_size)).fit(tokens)
    counts = torch.bincount(tokens, minlength=VILLAGE.tokenizer.vocab_size)
    found = probe(unigram, STORIES, "memory")
    tags = [(story, tag) for story in STORIES for tag in story.tags if tag.phenomenon == "memory"]
    favourite = max(tags[0][1].contrast, key=lambda word: counts[VILLAGE.tokenizer.ids[word]])
    assert found.correct.tolist() == [story.words[tag.position] == favourite for story, tag in tags]
    assert found.distance.tolist() == [tag.distance for _, tag in tags]
    assert (found.excess > 0).all()


def test_groups_of_distances_weigh_to_the_whole():
    found = probe(VILLAGE.author(), STORIES, "recall", edges=(1, 30, 1000))
    counts, accuracy = found.counts_by_distance, found.accuracy_by_distance
    assert list(counts) == [1, 30]
    assert sum(counts[low] * accuracy[low] for low in counts) / sum(counts.values()) == pytest.approx(found.accuracy)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="phenomenon must be one of"):
        probe(VILLAGE.author(), STORIES, "rhyme")
    with pytest.raises(ValueError, match="this model has 7"):
        probe(make_stream_ngram(), STORIES, "memory")
    with pytest.raises(ValueError, match="none of the stories"):
        probe(VILLAGE.author(), [], "memory")
