"""What training refuses: a message before any work, the weights untouched and nothing written."""

import hashlib
import io
import math
import os
import re
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_train import Bigram, H, V, make, same, text, weights

from lmcore import LSTM, LSTMConfig, NGram, NGramConfig, TrainConfig, save, train
from lmcore.data import Batch, Rows, Stream, rows_of

CONFIG = TrainConfig(steps=5, rows=3, length=6)
DATA, HELD_OUT = Rows(text(200)), text(50, seed=1)


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Call train with one thing changed; it must raise before a batch is asked for, change nothing, write nothing."""

    def attempt(error, says, *, model=None, data=DATA, config=CONFIG, **options):
        model = make() if model is None else model
        for kind in (Rows, Stream):
            monkeypatch.setattr(kind, "batch", lambda *_: pytest.fail("a batch was asked for"))
        options = {"checkpoint": tmp_path / "run", "log_dir": tmp_path / "log", "held_out": HELD_OUT} | options
        files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        before = weights(model) if hasattr(model, "state_dict") else {}
        with pytest.raises(error, match=re.escape(says)) as caught:
            train(model, data, config, progress=False, **options)
        assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files
        assert not (tmp_path / "log").exists()
        assert same(before, weights(model) if hasattr(model, "state_dict") else {})
        return str(caught.value)

    return attempt


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"model": "LSTM"}, TypeError, "model must be a LanguageModel, not str"),
        ({"model": torch.nn.Linear(2, 3)}, TypeError, "model must be a LanguageModel, not Linear"),
        (
            {"model": NGram(NGramConfig(order=2, vocab_size=V)).fit(text(50))},
            TypeError,
            "NGram has no weights to train; a model that counts learns by model.fit(tokens)",
        ),
        ({"data": text(200)}, TypeError, "data must be training data such as Rows(tokens) or Stream(tokens)"),
        ({"data": rows_of([text(9)])}, TypeError, "data must be training data"),
        ({"config": {"steps": 5}}, TypeError, "config must be a TrainConfig, not dict"),
        (
            {"model": Bigram(), "config": replace(CONFIG, optimizer="muon")},
            ValueError,
            "Bigram has no hidden matrices for Muon; use optimizer='adamw'",
        ),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1, not 0"),
    ],
)
def test_what_is_not_what_train_takes(refused, changed, error, says):
    refused(error, says, **changed)


@pytest.mark.parametrize(
    ("data", "config", "says"),
    [
        (Rows(text(20)), replace(CONFIG, rows=15), "20 tokens has 14 places where a row of 6 tokens can begin"),
        (
            Rows(text(20), separator=V + 1),
            CONFIG,
            "has 0 places where a row of 6 tokens can begin, but a batch needs 3",
        ),
        (Rows(text(6)), CONFIG, "Take fewer or shorter rows, or more text."),
        (Stream(text(18)), CONFIG, "gives 3 rows of at most 5 tokens, not 6. Take fewer or shorter rows, or more text"),
        (DATA, replace(CONFIG, steps=0, phases=((5, 3, 6), (1, 3, 200))), "has 0 places where a row of 200 tokens"),
    ],
)
def test_a_batch_larger_than_the_data(refused, data, config, says):
    refused(ValueError, says, data=data, config=config)


@pytest.mark.parametrize("kind", ["Rows", "Stream", "last phase"])
def test_a_sequence_longer_than_memory_allows(refused, kind, monkeypatch):
    tokens = torch.zeros(3_000_001, dtype=torch.long)
    if kind == "Stream":  # it never takes more than the document, so the machine must be small
        monkeypatch.setattr("lmcore.runtime.memory", lambda: 2**30)
        refused(ValueError, "more than this machine's 1.", data=Stream(tokens), config=replace(CONFIG, length=10**6))
        return
    config = replace(CONFIG, rows=10**6, length=2_000_000)
    if kind == "last phase":
        config = replace(CONFIG, steps=0, phases=((5, 3, 6), (1, 10**6, 2_000_000)))
    says = f"a batch of 1,000,000 × 2,000,000 tokens over {V} ids needs about "
    refused(ValueError, says, data=Rows(tokens), config=config)


def test_memory_for_the_table_of_logits_and_its_gradient_is_asked_for_and_little_more(monkeypatch):
    size, rows, length = 1000, 4, 30
    table = 2 * 4 * rows * length * size
    data, config = Rows(torch.arange(500)), replace(CONFIG, steps=1, rows=rows, length=length)
    monkeypatch.setattr("lmcore.runtime.memory", lambda: table)
    with pytest.raises(ValueError, match="Take fewer or shorter rows"):
        train(make(vocab_size=size), data, config, progress=False)
    monkeypatch.setattr("lmcore.runtime.memory", lambda: 3 * table)
    assert len(train(make(vocab_size=size), data, config, progress=False).losses) == 1


@pytest.mark.parametrize("kind", [Rows, Stream])
def test_empty_data(kind):
    for length in (0, 1):
        with pytest.raises(ValueError, match=f"training data of {length} tokens have nothing to predict"):
            kind(text(200)[:length])


LARGE = torch.tensor([0, 3, V, 2])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"data": Rows(torch.cat([text(50), LARGE]))}, f"the training data contains the id {V}; this vocabulary has"),
        (
            {"data": Stream(text(50) - 1)},
            f"the training data contains the id -1; this vocabulary has the ids 0 to {V - 1}",
        ),
        ({"held_out": LARGE}, f"the held-out data contains the id {V}"),
        ({"held_out": rows_of([text(5), LARGE])}, f"the held-out data: inputs contains the id {V}"),
        (
            {"held_out": rows_of([text(2), torch.tensor([1, 2, V + 2])])},
            f"the held-out data: targets contains the id {V + 2}",
        ),
    ],
)
def test_a_vocabulary_that_is_not_the_models(refused, changed, says):
    refused(ValueError, says, **changed)


NOTHING = Batch(*(part[:, :0] for part in rows_of([text(5)])[:3]))


@pytest.mark.parametrize(
    ("held_out", "error", "says"),
    [
        (text(5)[:0], ValueError, "the held-out data"),
        (text(5)[:1], ValueError, "the held-out data"),
        (NOTHING, ValueError, "the held-out data: the batch has no token to score"),
        (text(6).view(2, 3), TypeError, "the held-out data"),
        (text(6).float(), TypeError, "the held-out data"),
        ("a text", TypeError, "the held-out data"),
    ],
)
def test_held_out_data_that_cannot_be_scored(refused, held_out, error, says):
    refused(error, says, held_out=held_out)


@pytest.mark.parametrize(("name", "says"), [("LMCORE_THREADS", "'many'"), ("LMCORE_PRECISION", "'many'")])
def test_settings_of_the_runtime_that_mean_nothing(refused, monkeypatch, name, says):
    monkeypatch.setenv(name, "many")
    refused(ValueError, f"{name} is {says}; set it to")


def test_tensorboard_that_is_not_there(refused, monkeypatch):
    for name in list(sys.modules):
        if name.startswith("torch.utils.tensorboard"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    refused(ImportError, "log_dir needs TensorBoard: pip install tensorboard, or leave log_dir out.")


def test_a_checkpoint_that_cannot_be_written(refused, tmp_path):
    refused(OSError, "Choose a folder that exists and is writable", checkpoint=tmp_path / "missing" / "run")
    (tmp_path / "folder").mkdir()
    refused(OSError, "it is a folder. Give the name of a file", checkpoint=tmp_path / "folder")


# Settings


@given(rate=st.one_of(st.floats(max_value=0), st.just(math.nan), st.just(math.inf)))
@pytest.mark.parametrize("name", ["learning_rate", "muon_learning_rate"])
def test_a_learning_rate_that_is_0_negative_or_no_number(name, rate):
    says = "a learning rate must be finite" if rate == math.inf else f"{name} must be above 0, not {rate}"
    with pytest.raises(ValueError, match=re.escape(says)):
        TrainConfig(steps=5, **{name: rate})


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"optimizer": "sgd"}, ValueError, 'optimizer must be "adamw" or "muon", not \'sgd\''),
        ({"optimizer": None}, ValueError, 'optimizer must be "adamw" or "muon", not None'),
        ({"steps": 0}, ValueError, "give either steps or phases"),
        ({"phases": ((5, 3, 6),)}, ValueError, "give either steps or phases"),
        ({"steps": -5}, ValueError, "a phase is three whole numbers of at least 1, (steps, rows, length), not (-5, 32"),
        ({"steps": 2.5}, ValueError, "a phase is three whole numbers of at least 1"),
        ({"rows": 0}, ValueError, "a phase is three whole numbers of at least 1"),
        ({"length": 0}, ValueError, "a phase is three whole numbers of at least 1"),
        ({"steps": 0, "phases": ((5, 3),)}, ValueError, "a phase is three whole numbers of at least 1"),
        ({"steps": 0, "phases": ((5, 3, 0),)}, ValueError, "a phase is three whole numbers of at least 1"),
        ({"clip": 0.0}, ValueError, "clip must be above 0, not 0.0"),
        ({"clip": math.nan}, ValueError, "clip must be above 0, not nan"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be two numbers of at least 0 and below 1"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"decay": 1.5}, ValueError, "decay is a share of the steps, 0 to 1, not 1.5"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay must be at least 0, not -0.1"),
        ({"warmup": -1}, ValueError, "warmup must be at least 0, not -1"),
        ({"evaluate_every": -1}, ValueError, "evaluate_every must be at least 0"),
        ({"patience": -1}, ValueError, "patience must be at least 0"),
        ({"seed": -1}, ValueError, "seed must be 0 or more, not -1"),
        ({"seed": 0.5}, TypeError, "seed must be a whole number"),
    ],
)
def test_settings_that_mean_nothing(values, error, says):
    with pytest.raises(error, match=re.escape(says)):
        TrainConfig(**({"steps": 5} | values))


# Checkpoints


@pytest.fixture
def checkpoint(tmp_path):
    """That of a whole run of an LSTM with CONFIG, DATA and HELD_OUT."""
    train(make(), DATA, CONFIG, held_out=HELD_OUT, checkpoint=tmp_path / "run", progress=False)
    return tmp_path / "run"


def twice_as_wide():
    return LSTM(LSTMConfig(vocab_size=V, embedding_size=5, hidden_size=2 * H))


@pytest.mark.parametrize(
    ("changed", "part", "theirs", "this"),
    [
        ({"config": replace(CONFIG, steps=6)}, "config", "TrainConfig(steps=5", "TrainConfig(steps=6"),
        ({"config": replace(CONFIG, seed=1)}, "config", "seed=0", "seed=1"),
        ({"data": Rows(text(200, seed=2))}, "data", "Rows", "Rows"),
        ({"data": Rows(text(200), separator=0)}, "data", "'separator': None", "'separator': 0"),
        ({"data": Stream(text(200))}, "data", "Rows", "Stream"),
        ({"held_out": None}, "held-out data", "", ""),
        ({"held_out": text(50, seed=2)}, "held-out data", "", ""),
        ({"model": twice_as_wide()}, "model", f"hidden_size={H}", f"hidden_size={2 * H}"),
        ({"model": make("GRU")}, "model", "LSTM of LSTMConfig(", "GRU of GRUConfig("),
        ({"model": make("RNN")}, "model", "LSTM of LSTMConfig(", "RNN of RNNConfig("),
    ],
)
def test_the_checkpoint_of_another_run(refused, checkpoint, changed, part, theirs, this):
    message = refused(ValueError, f"{checkpoint} is the checkpoint of another run: its {part} is ", **changed)
    its, own = message.split(f"its {part} is ")[1].split(", this run's is ")
    assert theirs in its and this in own
    assert own.endswith(". Use another file, or remove this one to begin anew.")


def test_the_checkpoint_of_another_precision(refused, checkpoint, monkeypatch):
    monkeypatch.setenv("LMCORE_PRECISION", "bfloat16")
    refused(ValueError, "its precision is torch.float32, this run's is torch.bfloat16")


def test_a_file_that_is_no_whole_checkpoint(refused, checkpoint):
    whole = checkpoint.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    broken = [b"", b"\0", b"a letter to a friend, kept under a wrong name", whole[:-1], whole[: len(whole) // 3]]
    for content in [*broken, whole[1:], whole + b"\0", bytes(changed), bytes([whole[0] ^ 1]) + whole[1:]]:
        checkpoint.write_bytes(content)
        refused(ValueError, f"{checkpoint} is no checkpoint of lmcore, or is damaged. Remove it to begin anew.")


def test_a_model_file_is_no_checkpoint(refused, tmp_path):
    save(make(), tmp_path / "run")
    refused(ValueError, "is no checkpoint of lmcore")


def test_a_checkpoint_of_another_version(refused, checkpoint):
    saved = torch.load(io.BytesIO(checkpoint.read_bytes()[32:]), weights_only=True)
    data = io.BytesIO()
    torch.save(saved | {"version": saved["version"] + 1}, data)
    checkpoint.write_bytes(hashlib.sha256(data.getvalue()).digest() + data.getvalue())
    refused(ValueError, "has checkpoint version 2, not 1. Remove it to begin anew.")


def test_a_pickle_that_would_run_code_is_not_run(refused, checkpoint, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trap"),)

    data = io.BytesIO()
    torch.save({"version": Trap()}, data)
    checkpoint.write_bytes(hashlib.sha256(data.getvalue()).digest() + data.getvalue())
    refused(ValueError, f"{checkpoint} is no checkpoint of lmcore, or is damaged")
    assert not (tmp_path / "trap").exists()


def test_whole_checkpoints_are_taken_up(checkpoint):
    """The same call as the fixture's finds its run at its end: no step is left; weights and history come."""
    model = make(seed=3)
    history = train(model, DATA, CONFIG, held_out=HELD_OUT, checkpoint=checkpoint, progress=False)
    again = make()
    expected = train(again, DATA, CONFIG, held_out=HELD_OUT, progress=False)
    assert same(weights(model), weights(again)) and history.losses == expected.losses
