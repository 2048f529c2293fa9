"""Models that read a source first: recurrent and Transformer encoder–decoders, padding, and what is refused."""

import pytest
import torch
from conftest import MODELS, WITH_SOURCE

from lmcore import evaluate
from lmcore.data import Pairs, Rows, rows_of
from lmcore.model import Batch
from lmcore.source import PADDING, pad_sources
from lmcore.train import TrainConfig, train

B, T = 3, 6
SOURCES = [torch.tensor(row) for row in ([4, 1, 12, 7], [3, 3, 9, 0, 11, 2, 5, 8, 10], [6])]


@pytest.fixture(params=WITH_SOURCE)
def model(request):
    return MODELS[request.param]().eval()


@pytest.fixture
def tokens(model):
    return torch.randint(model.vocab_size, (B, T), generator=torch.Generator().manual_seed(0))


def test_padding_changes_nothing_whatever_the_lengths(model, tokens):
    together = model(tokens, model.read(pad_sources(SOURCES)))[0]
    for b, source in enumerate(SOURCES):
        for padding in (0, 4):
            padded = torch.cat([source, torch.full((padding,), PADDING)])[None]
            assert torch.allclose(model(tokens[b : b + 1], model.read(padded))[0][0], together[b], atol=1e-10)


def test_changing_the_source_changes_what_is_written(model, tokens):
    """The decoder reads the source (a decoder without this is a widespread mistake), and only its own row's."""
    source = pad_sources(SOURCES)
    changed = source.clone()
    changed[1, 3] = 1
    before, after = (model(tokens, model.read(text))[0] for text in (source, changed))
    moved = (before - after).abs().flatten(1).amax(1)
    assert moved[1] > 1e-6 and moved[0] == moved[2] == 0


def test_the_order_of_the_source_matters(model, tokens):
    turned = [SOURCES[0].flip(0), *SOURCES[1:]]
    a, b = (model(tokens, model.read(pad_sources(rows)))[0] for rows in (SOURCES, turned))
    assert (a[0] - b[0]).abs().max() > 1e-9 and torch.allclose(a[1:], b[1:])


def test_evaluate_reads_each_rows_source(model, tokens):
    batch = rows_of([tokens[0], tokens[1, :3], tokens[2, :5]])._replace(source=pad_sources(SOURCES))
    together = evaluate(model, batch)
    assert together.tokens == 5 + 2 + 4
    for b in range(B):
        alone = evaluate(model, Batch(*(part[b : b + 1] for part in batch)))
        assert torch.allclose(alone.losses[0], together.losses[b], atol=1e-10)
    model.piece = 1
    assert torch.allclose(evaluate(model, batch).losses, together.losses, atol=1e-10)


def test_weights_are_read_out_and_lie_on_the_source(model, tokens):
    if getattr(model.config, "attention", "") == "none":
        with pytest.raises(ValueError, match="no attention to show"):
            model.read_out(pad_sources(SOURCES), tokens)
        return
    cross = model.read_out(pad_sources(SOURCES), tokens)["cross"]
    assert cross.shape[-2:] == (T, 9) and torch.allclose(cross.sum(-1), torch.ones(cross.shape[:-1]).double())
    assert cross[0, ..., 4:].eq(0).all() and cross[2, ..., 1:].eq(0).all()


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        (torch.empty(3, 0, dtype=torch.long), ValueError, "row 0 of the source is empty"),
        (torch.tensor([[1, 2], [PADDING, PADDING]]), ValueError, "row 1 of the source is empty"),
        (torch.tensor([[1, PADDING, 2]]), ValueError, "padding before its end"),
        (torch.tensor([[1, 13]]), ValueError, "contains the id 13"),
        (torch.tensor([[1, -2]]), ValueError, "contains the id -2"),
        (torch.tensor([1, 2]), TypeError, r"must be a \(B, S\) tensor"),
        (torch.zeros(3, 4), TypeError, "token ids"),
        ("le chien", TypeError, "not str"),
    ],
)
def test_bad_sources_are_refused(model, source, error, says):
    with pytest.raises(error, match=says):
        model.read(source)


def test_without_a_source_there_is_a_message(model, tokens):
    with pytest.raises(ValueError, match=r"begin with state = model.read\(source\)"):
        model(tokens)


def copied(count, seed=0):
    """Pairs in which the target is the source after a token 0: lengths 1 to 6."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (count,), generator=generator)
    sources = [torch.randint(1, 11, (int(n),), generator=generator) for n in lengths]
    return sources, [torch.cat([torch.tensor([0]), source, torch.tensor([0])]) for source in sources]


def test_every_pair_is_used_once_an_epoch_and_keeps_its_source():
    sources, targets = copied(100)
    data = Pairs(sources, targets)
    seen = []
    for step in range(12):
        batch = data.batch(step, 8, 99, seed=3)
        assert len(batch.inputs) == len(batch.source) == 8
        for row in range(8):
            source = batch.source[row][batch.source[row] != PADDING]
            assert torch.equal(batch.targets[row][batch.mask[row]][:-1], source) and batch.inputs[row, 0] == 0
            seen.append(tuple(source.tolist()))
    expected = [tuple(source.tolist()) for source in sources]
    assert len(seen) == 96 and all(seen.count(row) <= expected.count(row) for row in seen)
    again = Pairs(sources, targets).batch(5, 8, 99, seed=3)
    assert torch.equal(again.inputs, data.batch(5, 8, 99, seed=3).inputs)
    assert not torch.equal(data.batch(12, 8, 99, seed=3).targets, data.batch(0, 8, 99, seed=3).targets)
    padded = sum(int((~data.batch(step, 8, 99, seed=3).mask).sum()) for step in range(12))
    assert padded < 100


def test_training_on_pairs_lowers_the_loss(model):
    data = Pairs(*copied(300))
    sources, targets = copied(40, seed=1)
    held_out = rows_of(targets)._replace(source=pad_sources(sources))
    before = evaluate(model, held_out).nats_per_token
    config = TrainConfig(steps=60, rows=16, length=8, learning_rate=1e-2, warmup=5)
    history = train(model, data, config, held_out=held_out, progress=False)
    assert history.held_out[-1].nats < before - 0.2


def test_what_does_not_fit_is_refused_before_any_work(model, tokens):
    config = TrainConfig(steps=2, rows=4, length=8)
    sources, targets = copied(10)
    with pytest.raises(TypeError, match="train it on Pairs"):
        train(model, Rows(tokens.flatten()), config, progress=False)
    with pytest.raises(TypeError, match="RNN reads no source"):
        train(MODELS["RNN"](), Pairs(sources, targets), config, progress=False)
    with pytest.raises(ValueError, match="the sources contains the id 13"):
        train(model, Pairs([torch.tensor([13]), *sources[1:]], targets), config, progress=False)
    with pytest.raises(ValueError, match="10 pairs, but a batch needs 11"):
        train(model, Pairs(sources, targets), TrainConfig(steps=2, rows=11, length=8), progress=False)
    with pytest.raises(ValueError, match="set length to 7"):
        train(model, Pairs(sources, targets), TrainConfig(steps=2, rows=4, length=6), progress=False)
    with pytest.raises(ValueError, match="needs a source, and the batch has none"):
        train(model, Pairs(sources, targets), config, held_out=rows_of(targets), progress=False)
    with pytest.raises(TypeError, match="give a Batch of rows with its source"):
        evaluate(model, tokens[0])
    with pytest.raises(ValueError, match="9 sources and 10 targets"):
        Pairs(sources[1:], targets)
    with pytest.raises(ValueError, match="a target two"):
        Pairs(sources, [*targets[:9], torch.tensor([0])])
