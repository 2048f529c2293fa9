"""Training batches: where rows begin, how lanes run through a document, and that a batch depends on its step alone."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lmcore import Village
from lmcore.data import Batch, Rows, Stream, TrainingData, digest

WORDS = torch.tensor([0, 5, 6, 0, 7, 0, 8, 9, 10, 11, 0, 5, 7, 0, 6, 6, 6, 0])  # 0 divides; stories begin at 6 places


def starts(batch: Batch) -> list[int]:
    """Where the rows of a batch begin, in a document that is arange(N)."""
    return batch.inputs[:, 0].tolist()


def is_a_piece_of(tokens: torch.Tensor, batch: Batch, rows: int, length: int) -> bool:
    """For a document that is arange(N): rows are runs of successors, targets are one further, all inside."""
    inside = batch.inputs.min() >= 0 and batch.targets.max() < len(tokens)
    runs = torch.equal(batch.inputs[:, :1] + torch.arange(length), batch.inputs)
    shapes = {part.shape for part in batch[:3]} == {(rows, length)}
    return bool(inside and runs and shapes and torch.equal(batch.targets, batch.inputs + 1) and batch.mask.all())


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([Rows, Stream]),
    N=st.integers(2, 200),
    rows=st.integers(1, 9),
    length=st.integers(1, 40),
    step=st.integers(0, 500),
    seed=st.integers(0, 3),
)
def test_every_batch_that_check_allows_is_cut_from_the_document(kind, N, rows, length, step, seed):
    tokens = torch.arange(N)
    data = kind(tokens)
    try:
        data.check(rows, length)
    except ValueError:
        assume(False)
    assert is_a_piece_of(tokens, data.batch(step, rows, length, seed), rows, length)


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from([Rows, Stream]), rows=st.integers(1, 9), length=st.integers(1, 40))
def test_check_refuses_what_does_not_fit_and_nothing_else(kind, rows, length):
    """Rows need a place for each of them, a stream needs them one after the other; one token more must do."""
    enough = length + rows if kind is Rows else length * rows + 1
    kind(torch.arange(enough)).check(rows, length)
    if enough > 2:
        with pytest.raises(ValueError, match="Take fewer or shorter rows, or more text"):
            kind(torch.arange(enough - 1)).check(rows, length)


@pytest.mark.parametrize("data", [Rows(torch.arange(211)), Stream(torch.arange(211)), Rows(WORDS, separator=0)])
def test_a_batch_depends_on_its_arguments_alone(data):
    """So a run that is taken up at any step reads what it would have read."""
    asked = [(step, 2, 3, seed) for step in range(90) for seed in (0, 1)]
    forwards = [data.batch(*arguments) for arguments in asked]
    backwards = [data.batch(*arguments) for arguments in reversed(asked)][::-1]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(forwards, backwards, strict=True))
    assert not all(torch.equal(a.inputs, b.inputs) for a, b in zip(forwards[::2], forwards[1::2], strict=True))


def test_rows_use_each_place_once_before_one_comes_again_and_never_carry():
    N, rows, length = 53, 4, 7
    data = Rows(torch.arange(N))
    places = N - length  # a row of 7 tokens and the one that follows
    per_epoch = places // rows
    epochs = []
    for epoch in range(3):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        used = [place for step in steps for place in starts(data.batch(step, rows, length, seed=0))]
        assert len(set(used)) == len(used) == per_epoch * rows and set(used) <= set(range(places))
        epochs.append(used)
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0] != sorted(epochs[0])
    assert not any(data.carries(step, rows, length) for step in range(3 * per_epoch))


def test_rows_with_a_separator_begin_there_and_run_on_into_what_follows():
    data = Rows(WORDS, separator=0)
    seen = set()
    for step in range(20):
        batch = data.batch(step, 2, 5, seed=0)
        assert batch.inputs[:, 0].eq(0).all()
        seen |= {(*row, end) for row, end in zip(batch.inputs.tolist(), batch.targets[:, -1].tolist(), strict=True)}
    places = [0, 3, 5, 10]  # the two last begin too near the end for 5 tokens and the one that follows
    assert seen == {tuple(WORDS[place : place + 6].tolist()) for place in places}
    with pytest.raises(ValueError, match="has 4 places where a row of 5 tokens can begin, but a batch needs 6"):
        data.check(6, 5)


def test_stories_of_the_village_begin_whole():
    village = Village()
    tokens = village.tokenizer.encode(village.write(40, seed=1), allow_special=True)
    batch = Rows(tokens, separator=0).batch(0, 8, 30, seed=0)
    openings = {tuple(row[:3].tolist()) for row in village.rows(40, seed=1).inputs}
    assert all(tuple(row[:3].tolist()) in openings for row in batch.inputs)


def test_a_streams_lanes_go_on_from_batch_to_batch_and_begin_anew_with_each_pass():
    N, rows, length = 211, 3, 8
    data = Stream(torch.arange(N))
    lane = (N - 1) // rows
    carried = [data.carries(step, rows, length) for step in range(100)]
    per_pass = carried.index(False, 1)
    assert per_pass == 8 and carried == [step % per_pass > 0 for step in range(100)]
    offsets = []
    for turn in range(100 // per_pass):
        batches = [data.batch(turn * per_pass + step, rows, length, seed=0) for step in range(per_pass)]
        whole = torch.cat([batch.inputs for batch in batches], 1)  # (rows, length of a pass)
        assert is_a_piece_of(torch.arange(N), Batch(whole, whole + 1, whole >= 0), rows, per_pass * length)
        offsets.append(int(whole[0, 0]))
        assert torch.equal(whole[:, 0], torch.arange(rows) * lane + offsets[-1])
    assert len(set(offsets)) > 1 and min(offsets) == 0 and max(offsets) == lane - per_pass * length


@pytest.mark.parametrize(("N", "rows", "length"), [(211, 3, 8), (97, 4, 24), (50, 7, 3), (101, 1, 100), (400, 2, 31)])
def test_a_streams_lanes_cover_the_document(N, rows, length):
    """Each pass reads all but less than 1.5 rows a lane, and the passes together read everything."""
    data, lane, read = Stream(torch.arange(N)), (N - 1) // rows, set()
    per_pass = next(step for step in range(1, N) if not data.carries(step, rows, length))
    for turn in range(60):
        batches = [data.batch(turn * per_pass + step, rows, length, seed=0).inputs for step in range(per_pass)]
        now = torch.cat(batches).flatten().tolist()
        assert len(set(now)) == len(now) > rows * (lane - 1.5 * length)
        read |= set(now)
    assert read == set(range(rows * lane))


def test_a_stream_that_does_not_carry_reads_the_same_and_forgets():
    tokens = torch.arange(211)
    carried, dropped = Stream(tokens), Stream(tokens, carry=False)
    assert not any(dropped.carries(step, 3, 8) for step in range(50))
    for step in range(50):
        assert torch.equal(carried.batch(step, 3, 8, 0).inputs, dropped.batch(step, 3, 8, 0).inputs)


def test_a_fingerprint_changes_with_the_text_and_with_how_it_is_read():
    other = WORDS.clone()
    other[7] += 1
    kinds = [
        Rows(WORDS),
        Rows(WORDS, separator=0),
        Rows(WORDS, separator=5),
        Rows(other),
        Stream(WORDS),
        Stream(WORDS, carry=False),
    ]
    assert len({data.fingerprint() for data in kinds}) == len(kinds)
    used = Rows(WORDS.clone(), separator=0)
    used.batch(3, 2, 5, seed=0)
    assert used.fingerprint() == Rows(WORDS, separator=0).fingerprint()
    assert digest(WORDS.view(2, 9)) != digest(WORDS.view(9, 2)) != digest(WORDS)


@pytest.mark.parametrize("kind", [TrainingData, Rows, Stream])
@pytest.mark.parametrize(
    ("tokens", "error", "says"),
    [
        ("text", TypeError, "a 1-D tensor of token ids"),
        ([1, 2, 3], TypeError, "a 1-D tensor of token ids"),
        (torch.zeros(3, 4, dtype=torch.long), TypeError, r"not torch.int64, \(3, 4\)"),
        (torch.zeros(5), TypeError, "not torch.float32"),
        (torch.zeros(0, dtype=torch.long), ValueError, "training data of 0 tokens have nothing to predict"),
        (torch.zeros(1, dtype=torch.long), ValueError, "training data of 1 tokens have nothing to predict"),
    ],
)
def test_what_is_no_document_is_refused(kind, tokens, error, says):
    with pytest.raises(error, match=says):
        kind(tokens)
