"""Models that read a source first: recurrent and Transformer encoder–decoders, padding, and what is refused."""

import pytest
import torch
from conftest import MODELS

from lmcore import evaluate
from lmcore.data import rows_of
from lmcore.model import Batch
from lmcore.source import PADDING, pad_sources

B, T = 3, 6
SOURCES = [torch.tensor(row) for row in ([4, 1, 12, 7], [3, 3, 9, 0, 11, 2, 5, 8, 10], [6])]
NAMES = [name for name in MODELS if name.startswith(("Seq2Seq", "EncoderDecoder"))]


@pytest.fixture(params=NAMES)
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
