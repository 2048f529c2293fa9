"""The author is exact: it reads with what it writes with, its distributions are whole, and it keeps a state's laws."""

import math

import pytest
import torch

from lmcore import LanguageModel, Village, evaluate
from lmcore.model import select
from lmcore.village import VILLAGE_VERSION, Author, AuthorConfig
from lmcore.village.telling import following, read

VILLAGE = Village()
AUTHOR = VILLAGE.author()
INFINITE = float("inf")


def words_of(story):
    return [*story.words, "<s>"]


def encode(text):
    return VILLAGE.tokenizer.encode(text, allow_special=True)


def test_the_same_seed_gives_the_same_story_on_every_run_and_platform():
    assert VILLAGE_VERSION == "1"
    assert VILLAGE.story(seed=1).text == (
        "it is a cloudy hide-and-seek day in the village . what a cloudy morning ! this is tom's bell , this "
        "is mia's kite , this is eva's cake and this is max's flute . everyone is grumpy . it is still cloudy "
        ". eva's cake is under the bridge . the cats beside the gardens dance . tom's bell is on the hill . "
        "how cloudy it is ! there is pie and cream on the table . at night max puts eva's cake under the bed "
        ". everyone yawns : what a cloudy day ! the village sleeps ."
    )


def test_every_distribution_of_500_stories_sums_to_one():
    totals = {}  # most distributions are kept and come again
    for story in VILLAGE.stories(500, seed=2):
        for chance in following(story.words):
            if chance.__class__.__name__ == "Split":
                total = math.fsum(math.exp(log_prob) for _, log_prob in chance.items())
            else:
                total = totals.get(chance)
                if total is None:
                    total = totals[chance] = math.fsum(map(math.exp, chance.log_probs.values()))
            assert abs(total - 1) < 1e-12


def test_the_table_of_logits_is_that_same_distribution():
    batch = VILLAGE.rows(7, seed=3)
    logits, _ = AUTHOR(batch.inputs)
    assert logits.dtype == torch.float64
    assert (logits.exp().sum(-1) - 1).abs().max() < 1e-12
    for b, story in enumerate(VILLAGE.stories(7, seed=3)):
        for t, chance in enumerate(following(story.words)):
            possible = {VILLAGE.tokenizer.ids[word]: log_prob for word, log_prob in chance.items()}
            assert set(torch.isfinite(logits[b, t]).nonzero().flatten().tolist()) == set(possible)
            assert all(logits[b, t, i].item() == log_prob for i, log_prob in possible.items())


def test_reading_gives_exactly_what_writing_gave():
    for story in VILLAGE.stories(400, seed=4):
        _, log_probs = read(words_of(story))
        assert tuple(log_probs) == story.log_probs and len(log_probs) == len(story.words) + 1
        again = VILLAGE.read(story.text)
        assert again.words == story.words and again.log_probs == story.log_probs
        assert again.tags == story.tags and again.frames == story.frames
        assert (again.mood, again.topic, again.french) == (story.mood, story.topic, story.french)


def test_write_rows_story_and_stories_are_the_same_stories():
    stories = VILLAGE.stories(5, seed=6)
    assert VILLAGE.write(5, seed=6) == "<s> " + "".join(f"{story.text} <s> " for story in stories).strip()
    assert VILLAGE.story(6).text == stories[0].text and VILLAGE.stories(2, seed=6)[1].text == stories[1].text
    batch = VILLAGE.rows(5, seed=6)
    longest = max(len(story.words) for story in stories)
    assert batch.inputs.shape == batch.targets.shape == batch.mask.shape == (5, longest + 1)
    for b, story in enumerate(stories):
        n = len(story.words) + 1
        assert VILLAGE.tokenizer.decode(batch.inputs[b, :n]) == f"<s> {story.text}"
        assert VILLAGE.tokenizer.decode(batch.targets[b, :n]) == f"{story.text} <s>"
        assert batch.mask[b].tolist() == [True] * n + [False] * (longest + 1 - n)
    assert len({story.text for story in stories} | {VILLAGE.story(7).text}) == 6


def test_the_floor_is_the_mean_of_the_stories_own_log_probs_and_two_seeds_agree():
    floors = []
    for seed in (8, 9):
        result = evaluate(AUTHOR, VILLAGE.rows(1000, seed))
        own = [-sum(story.log_probs) for story in VILLAGE.stories(1000, seed)]
        assert result.impossible == [] and result.nats_per_token == pytest.approx(sum(own) / result.tokens, rel=1e-12)
        counts = result.mask.sum(1).double()
        residuals = result.losses.sum(1) - result.nats_per_token * counts
        error = residuals.square().sum().sqrt().item() / result.tokens  # of a ratio of sums, by story
        floors.append((result.nats_per_token, error))
    (one, error_one), (two, error_two) = floors
    assert abs(one - two) < 3 * math.hypot(error_one, error_two)


def test_a_word_is_as_frequent_as_the_author_says():
    seen = {}
    for story in VILLAGE.stories(6000, seed=10):
        for n in range(4):
            counts = seen.setdefault(story.words[:n], {})
            counts[story.words[n]] = counts.get(story.words[n], 0) + 1
    tried = 0
    for prefix, counts in seen.items():
        total = sum(counts.values())
        if total < 400:
            continue
        chance = dict(following(prefix)[-1].items())
        assert counts.keys() <= chance.keys()
        for word, log_prob in chance.items():
            p = math.exp(log_prob)
            assert abs(counts.get(word, 0) - total * p) <= 5 * math.sqrt(total * p * (1 - p)) + 1e-9, (prefix, word)
            tried += 1
    assert tried > 30


def test_surprise_equals_entropy_over_whole_stories():
    """-log p less the entropy of its distribution is zero in the mean wherever the program stands."""
    differences = []
    for story in VILLAGE.stories(400, seed=11):
        entropy = 0.0
        for chance in following(story.words):
            entropy -= math.fsum(math.exp(log_prob) * log_prob for _, log_prob in chance.items())
        differences.append(-sum(story.log_probs) - entropy)
    mean = sum(differences) / len(differences)
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / (len(differences) - 1) / len(differences))
    assert spread > 0 and abs(mean) < 4 * spread


def test_after_an_impossible_word_only_the_separator_is_possible():
    story = VILLAGE.story(12)
    good = encode(f"<s> {story.text} <s>")
    bad = good.clone()
    bad[9] = VILLAGE.tokenizer.ids["moon"]
    two = torch.cat([bad, good[1:]])[None]
    losses = evaluate(AUTHOR, two[0]).losses
    n = len(story.words)
    assert losses[8] == INFINITE and losses[9 : n].eq(INFINITE).all()
    assert losses[n] == 0  # the separator that ends the given-up story
    assert losses[n + 1 :].tolist() == [-log_prob for log_prob in story.log_probs]
    assert losses[:8].tolist() == [-log_prob for log_prob in story.log_probs[:8]]
    logits, _ = AUTHOR(two)
    assert logits[0, 9].tolist() == [0.0] + [-INFINITE] * (AUTHOR.vocab_size - 1)
    told = VILLAGE.read(VILLAGE.tokenizer.decode(bad[1:-1]))
    assert told.log_probs[:8] == story.log_probs[:8] and told.log_probs[8] == -INFINITE
    assert evaluate(AUTHOR, two[0]).impossible[0] == (8,)


def test_nothing_is_expected_before_the_first_separator():
    inputs = encode("mia hides <s> it")[None]
    logits, _ = AUTHOR(inputs)
    for t in (0, 1):
        assert logits[0, t].exp().tolist() == [1.0] + [0.0] * (AUTHOR.vocab_size - 1)
    assert torch.equal(logits[0, 2:], AUTHOR(encode("<s> it")[None])[0][0])


def ragged():
    """Three rows: within a story, across two of them, and given up."""
    text = encode(VILLAGE.write(2, seed=13))
    first_end = (text[1:] == 0).nonzero()[0].item() + 1
    wrong = text[:40].clone()
    wrong[17] = VILLAGE.tokenizer.ids["pond"]
    return torch.stack([text[:40], text[first_end - 19 : first_end + 21], wrong])


def test_score_is_a_lookup_in_the_logits_for_any_targets():
    inputs = ragged()
    generator = torch.Generator().manual_seed(14)
    wanted = torch.randint(AUTHOR.vocab_size, inputs.shape, generator=generator)
    half = torch.where(torch.arange(40) % 3 == 0, wanted, inputs.roll(-1, 1))
    for targets in (wanted, half, inputs.roll(-1, 1)):
        for cut in (0, 1, 20, 39, 40):
            before, state = AUTHOR.score(inputs[:, :cut], targets[:, :cut])
            after, end = AUTHOR.score(inputs[:, cut:], targets[:, cut:], state)
            logits, other = AUTHOR(inputs)
            expected = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
            assert torch.equal(torch.cat([before, after], 1), expected)
            assert torch.equal(end.tokens, other.tokens) and torch.equal(end.lengths, other.lengths)


@pytest.mark.parametrize("cuts", [(0,), (1,), (0, 0, 1, 2, 3), (20, 21), tuple(range(1, 40)), (40,)])
def test_reading_in_pieces_equals_reading_at_once(cuts):
    tokens = ragged()
    whole, end = AUTHOR(tokens)
    state, pieces = None, []
    for start, stop in zip((0, *cuts), (*cuts, 40), strict=True):
        logits, state = AUTHOR(tokens[:, start:stop], state)
        pieces.append(logits)
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.equal(state.tokens, end.tokens) and torch.equal(state.lengths, end.lengths)
    assert state.lengths.tolist() == [40, 21, 40]


def test_a_state_can_be_reordered_and_is_not_changed():
    tokens = ragged()
    _, state = AUTHOR(tokens[:, :25])
    kept = [tensor.clone() for tensor in state]
    order = torch.tensor([2, 0, 1, 1])
    expected, _ = AUTHOR(tokens[:, 25:], state)
    assert torch.equal(AUTHOR(tokens[order, 25:], select(state, order))[0], expected[order])
    assert all(torch.equal(a, b) for a, b in zip(state, kept, strict=True))


def test_the_author_is_a_language_model_of_the_villages_vocabulary():
    assert isinstance(AUTHOR, LanguageModel) and AUTHOR.vocab_size == VILLAGE.tokenizer.vocab_size
    assert VILLAGE.tokenizer.decode([0]) == "<s>" and Author(AuthorConfig()).config == AUTHOR.config
    with pytest.raises(ValueError, match="version 1"):
        AuthorConfig(version="0")
    with pytest.raises(ValueError, match="vocab_size"):
        AuthorConfig(vocab_size=7)
    with pytest.raises(TypeError, match="whole-number"):
        AUTHOR(torch.zeros(3, 5))
    with pytest.raises(ValueError, match="one shape"):
        AUTHOR.score(torch.zeros(3, 5, dtype=torch.long), torch.zeros(3, 4, dtype=torch.long))
    _, state = AUTHOR(torch.zeros(3, 1, dtype=torch.long))
    with pytest.raises(ValueError, match=r"with \(3, 1\), \(3,\), and here it must be AuthorState with \(2, any\)"):
        AUTHOR(torch.zeros(2, 1, dtype=torch.long), state)


@pytest.mark.parametrize("call", [VILLAGE.write, VILLAGE.stories, VILLAGE.rows])
def test_bad_arguments_are_refused_with_a_reason(call):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        call(0, 1)
    with pytest.raises(TypeError, match="number of stories must be a whole number, not"):
        call(2.0, 1)
    with pytest.raises(TypeError, match="seed must be a whole number, not '1'"):
        call(2, "1")
    with pytest.raises(TypeError, match="not True"):
        call(2, True)
    with pytest.raises(ValueError, match="seed must be at least 0, not -1"):
        call(2, -1)
    with pytest.raises(ValueError, match="wizard"):
        VILLAGE.read("mia hides leo's wizard .")
