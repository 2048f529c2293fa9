"""The training loop: what it reads, what it computes, what it keeps, and what it leaves alone."""

import io
import math
import random
import re
import sys
import types
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from lmcore import GRU, LSTM, RNN, GRUConfig, LSTMConfig, RNNConfig, TrainConfig, evaluate, train
from lmcore.data import Batch, Rows, Stream, rows_of
from lmcore.model import LanguageModel
from lmcore.muon import Muon
from lmcore.train import History, TrainingDiverged

B, V, E, H = 3, 11, 5, 7
MODELS = {"RNN": (RNN, RNNConfig), "LSTM": (LSTM, LSTMConfig), "GRU": (GRU, GRUConfig)}
EACH_KIND = pytest.mark.parametrize("kind", MODELS)
PLAIN = TrainConfig(steps=12, rows=B, length=6, learning_rate=0.01, warmup=4, decay=0.5)


def make(kind="LSTM", seed=0, **settings):
    model_class, config_class = MODELS[kind]
    return model_class(config_class(**({"vocab_size": V, "embedding_size": E, "hidden_size": H} | settings)), seed=seed)


def text(length, seed=0):
    """A text with a rule: nine times in ten an id's successor is 3 id + 1, and otherwise any, mod V."""
    generator = np.random.default_rng(seed)
    tokens = [1]
    while len(tokens) < length:
        tokens.append((3 * tokens[-1] + 1) % V if generator.random() < 0.9 else int(generator.integers(V)))
    return torch.tensor(tokens)


def dice(length, seed=0):
    """Ids that know nothing of each other, the low ones more frequent: there is little to learn, and much by heart."""
    return torch.from_numpy(np.random.default_rng(seed).integers(V, size=(2, length)).min(0))


def fit(model, data, config, **options):
    return train(model, data, config, progress=False, **options)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@dataclass(frozen=True, kw_only=True)
class BigramConfig:
    vocab_size: int = V


class Bigram(LanguageModel):
    """No model of the book: one table of logits. Its state counts what was read, and it writes down all it is given."""

    config_class = BigramConfig

    def __init__(self):
        super().__init__(BigramConfig())
        self.table = torch.nn.Parameter(torch.zeros(V, V))
        self.seen, self.remembered, self.threads, self.fails_at = [], [], set(), None

    def forward(self, tokens, state=None):
        if self.training:
            self.threads.add(torch.get_num_threads())
            self.seen.append(tokens)
            self.remembered.append(None if state is None else state[:, 0].tolist())
        counted = (torch.zeros(len(tokens), 1) if state is None else state) + tokens.shape[1]
        fails = self.training and len(self.seen) - 1 == self.fails_at
        return self.table[tokens] * (math.nan if fails else 1.0), counted


# What is read


@pytest.mark.parametrize("data", [Rows(text(200)), Stream(text(200)), Rows(text(200), separator=0)])
def test_each_step_reads_the_datas_batch_of_its_phase(data):
    model, phases = Bigram(), ((4, 3, 5), (6, 2, 7))
    history = fit(model, data, TrainConfig(phases=phases, seed=3))
    expected = [data.batch(step, rows, length, 3).inputs for steps, rows, length in phases for step in range(steps)]
    assert len(model.seen) == len(expected) == 10
    assert all(torch.equal(ours, wanted) for ours, wanted in zip(model.seen, expected, strict=True))
    assert history.tokens == 4 * 3 * 5 + 6 * 2 * 7


def test_memory_is_carried_as_the_data_say_and_begins_anew_with_each_pass_and_phase():
    tokens, phases = text(100), ((9, B, 8), (3, 2, 6))  # 33 tokens a lane: 3 steps of 8 a pass

    def remembered(data):
        model = Bigram()
        fit(model, data, TrainConfig(phases=phases))
        return model.remembered

    assert remembered(Stream(tokens)) == [None, [8] * B, [16] * B] * 3 + [None, [6] * 2, [12] * 2]
    assert remembered(Stream(tokens, carry=False)) == [None] * 12
    assert remembered(Rows(tokens)) == [None] * 12


def test_what_the_mask_leaves_out_and_a_source_are_the_datas_business():
    """Data of the test's own: one target in three is masked, and the first state comes from a source."""

    class Translated(Rows):
        def batch(self, step, rows, length, seed):
            batch = super().batch(step, rows, length, seed)
            mask = torch.arange(length).expand(rows, length) % 3 > 0
            return Batch(batch.inputs, torch.where(mask, batch.targets, 0), mask, source=batch.inputs[:, :2] + 1)

    class Reader(Bigram):
        def read(self, source):
            return source.sum(1, keepdim=True).float()

    model, data = Reader(), Translated(text(80) % (V - 1))
    history = fit(model, data, replace(PLAIN, steps=2))
    for step in range(2):
        assert model.remembered[step] == (data.batch(step, B, 6, 0).source).sum(1).tolist()
    assert history.tokens == 2 * B * 4 and history.losses[0] == pytest.approx(math.log(V))
    assert model.table.grad[:, 0].sum() != 0  # 0 is also a target that counts, not only padding


# What is computed


def by_hand(model, data, config):
    """The same training in plain torch, one optimiser for each kind of weights; returns losses and gradient norms."""
    hidden = [w for name, w in model.named_parameters() if re.match(r"cells\.\d\.weight_", name)]
    others = [w for name, w in model.named_parameters() if not re.match(r"cells\.\d\.weight_", name)]
    if config.optimizer == "muon":
        makers = [(Muon(hidden, weight_decay=0.01), 5e-3)]
    else:
        makers, others = [], hidden + others
    makers.append((torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=0.01), config.learning_rate))
    losses, norms, state, steps = [], [], None, config.steps
    for step in range(steps):
        batch = data.batch(step, config.rows, config.length, config.seed)
        if not data.carries(step, config.rows, config.length):
            state = None
        logits, state = model(batch.inputs, state)
        state = type(state)(*(part.detach() for part in state))
        loss = F.cross_entropy(logits.reshape(-1, V), batch.targets.reshape(-1))
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
        for weight, gradient in zip(model.parameters(), gradients, strict=True):
            weight.grad = gradient * min(1.0, config.clip / norm)
        rate = min(1, (step + 1) / config.warmup) * min(1, (steps - step) / (config.decay * steps))
        for optimizer, full in makers:
            optimizer.param_groups[0]["lr"] = full * rate
            optimizer.step()
        losses.append(loss.item())
        norms.append(norm)
    return losses, norms


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("data", [Rows(text(200)), Stream(text(200)), Stream(text(200), carry=False)])
@pytest.mark.parametrize("tie", [False, True])
@EACH_KIND
def test_it_computes_what_a_plain_loop_does(kind, tie, data, optimizer):
    clip = 0.1
    config = replace(PLAIN, optimizer=optimizer, clip=clip)
    ours, plain = (make(kind, n_layer=2, embedding_size=H, tie_embeddings=tie).double() for _ in range(2))
    history = fit(ours, data, config)
    losses, norms = by_hand(plain, data, config)
    assert history.losses == pytest.approx(losses, abs=1e-6)
    assert history.gradient_norms == pytest.approx(norms, abs=1e-5)  # of the whole gradient, before the cut
    assert max(norms) > clip
    for name, weight in plain.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], weight, atol=1e-4), name


def test_the_carried_memory_makes_a_difference():
    one, other = make(), make()
    fit(one, Stream(text(200)), PLAIN)
    fit(other, Stream(text(200), carry=False), PLAIN)
    assert not same(weights(one), weights(other))


@pytest.fixture
def steps_taken():
    """(optimiser, its rate, its weights, the norm of their gradient) of each optimiser step while the test runs."""
    taken = []

    def note(optimizer, *_):
        (group,) = optimizer.param_groups
        norm = math.sqrt(sum(float(w.grad.double().square().sum()) for w in group["params"]))
        taken.append((type(optimizer).__name__, group["lr"], group["params"], norm))

    hook = register_optimizer_step_pre_hook(note)
    yield taken
    hook.remove()


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@EACH_KIND
def test_each_weight_is_updated_once_a_step(kind, optimizer, tie, steps_taken):
    model = make(kind, n_layer=2, embedding_size=H, tie_embeddings=tie)
    before = weights(model)
    fit(model, Rows(text(200)), replace(PLAIN, steps=2, optimizer=optimizer))
    names = ["Muon", "AdamW"] if optimizer == "muon" else ["AdamW"]
    assert [name for name, *_ in steps_taken] == names * 2
    for step in range(2):
        updated = [w for _, _, group, _ in steps_taken[step * len(names) : (step + 1) * len(names)] for w in group]
        assert sorted(map(id, updated)) == sorted(map(id, model.parameters()))
    if optimizer == "muon":
        muons = {id(weight) for weight in steps_taken[0][2]}
        assert muons == {id(w) for cell in model.cells for w in (cell.weight_ih, cell.weight_hh)}
    assert not any(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_rates_rise_stay_and_fall(steps_taken):
    config = TrainConfig(steps=10, rows=B, length=5, warmup=4, decay=0.5, optimizer="muon", learning_rate=0.02)
    shares = [0.25, 0.5, 0.75, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    assert [config.rate(step) for step in range(10)] == pytest.approx(shares)
    fit(make(), Rows(text(200)), config)
    used = {name: [rate for kind, rate, *_ in steps_taken if kind == name] for name in ("AdamW", "Muon")}
    assert used["AdamW"] == pytest.approx([0.02 * share for share in shares])
    assert used["Muon"] == pytest.approx([0.005 * share for share in shares])
    constant = replace(config, warmup=0, decay=0)
    assert [constant.rate(step) for step in range(10)] == [1.0] * 10
    assert replace(constant, decay=1).rate(5) == 0.5 and replace(constant, warmup=20).rate(9) == 0.5
    phases = replace(config, steps=0, phases=((6, B, 5), (4, 2, 7)))
    assert [phases.rate(step) for step in range(10)] == pytest.approx(shares)  # over all phases together


def test_the_gradient_is_cut_to_the_clip_and_its_whole_norm_reported(steps_taken):
    data = Rows(text(200))
    cut, whole = (fit(make(), data, replace(PLAIN, clip=clip)).gradient_norms for clip in (0.1, math.inf))
    lengths = [norm for *_, norm in steps_taken]
    assert min(cut) > 0.1 and lengths[:12] == pytest.approx([0.1] * 12, rel=1e-3)
    assert lengths[12:] == pytest.approx(whole, rel=1e-5)
    assert cut[0] == whole[0]


@pytest.mark.parametrize("tie", [False, True])
@EACH_KIND
def test_the_first_loss_is_near_that_of_a_guess(kind, tie):
    """An untrained model spreads its probability over the V ids, so a token costs about ln V nats."""
    size = 226
    model = make(kind, vocab_size=size, embedding_size=64, hidden_size=64, tie_embeddings=tie)
    tokens = torch.randint(size, (2000,), generator=torch.Generator().manual_seed(0))
    history = fit(model, Rows(tokens), TrainConfig(steps=1, rows=8, length=40))
    assert history.losses[0] == pytest.approx(math.log(size), abs=0.15)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@EACH_KIND
def test_training_lowers_the_held_out_loss(kind, optimizer):
    model, held_out = make(kind, hidden_size=24), text(600, seed=1)
    before = evaluate(model, held_out).nats_per_token
    config = TrainConfig(steps=60, rows=16, length=12, learning_rate=0.02, muon_learning_rate=0.02, optimizer=optimizer)
    history = fit(model, Rows(text(4000)), config, held_out=held_out)
    assert before == pytest.approx(math.log(V), abs=0.15)
    assert evaluate(model, held_out).nats_per_token == history.held_out[-1].nats < before - 0.7


# What is kept


@pytest.mark.parametrize("kind_of_data", ["document", "rows"])
def test_the_held_out_loss_is_that_of_the_whole_split(kind_of_data, monkeypatch):
    monkeypatch.setattr(LanguageModel, "piece", 20)  # so that the split takes several pieces
    held_out = text(90, seed=1) if kind_of_data == "document" else rows_of([text(n, seed=n) for n in (40, 9, 25)])
    model, config = make(dropout=0.3), replace(PLAIN, evaluate_every=5, decay=0, learning_rate=1e-4)
    history = fit(model, Rows(text(200)), config, held_out=held_out)
    assert [entry.step for entry in history.held_out] == [5, 10, 12]
    for entry in history.held_out:
        stopped = make(dropout=0.3)
        fit(stopped, Rows(text(200)), replace(config, steps=entry.step))
        assert evaluate(stopped, held_out).nats_per_token == entry.nats
    assert history.best_step == min(history.held_out, key=lambda entry: entry.nats).step


def test_it_stops_early_and_ends_with_the_best_weights():
    """Sixty tokens are soon known by heart, after which others drawn alike cost more and more."""
    config = TrainConfig(steps=300, rows=4, length=12, learning_rate=0.03, evaluate_every=4, patience=3)
    data, held_out = Rows(dice(60)), dice(300, seed=1)
    model = make(hidden_size=24)
    history = fit(model, data, config, held_out=held_out)
    nats = [entry.nats for entry in history.held_out]
    best = nats.index(min(nats))
    assert history.best_step == history.held_out[best].step == 4 * (best + 1)
    assert len(history.losses) == history.best_step + 3 * 4 < 300
    assert nats[-1] > nats[best] + 0.05
    assert evaluate(model, held_out).nats_per_token == nats[best]
    on = fit(make(hidden_size=24), data, replace(config, patience=0), held_out=held_out)
    assert len(on.losses) == 300 and on.held_out[: len(nats)][best].nats == nats[best] and on.best_step == best * 4 + 4


def test_the_history_says_what_happened():
    model = make()
    history = fit(model, Rows(text(200)), PLAIN)
    assert len(history.losses) == len(history.gradient_norms) == 12
    assert history.tokens == 12 * B * 6 and history.seconds > 0
    assert history.held_out == () and history.best_step == 0
    assert str(history) == f"12 steps: {sum(history.losses) / 12:.2f} nats a token in training"
    assert not model.training and isinstance(history, History)
    history = fit(make(), Rows(text(200)), replace(PLAIN, evaluate_every=5), held_out=text(50, seed=1))
    seconds = [entry.seconds for entry in history.held_out]
    assert 0 < seconds[0] <= seconds[1] <= seconds[2] == history.seconds
    best = min(entry.nats for entry in history.held_out)
    assert str(history).endswith(f"nats a token in training, {best:.2f} held out")


# What is repeated, and what is left alone


@EACH_KIND
def test_the_same_command_gives_the_same_bits_dropout_too(kind):
    def trained(seed=0, before=0, dropout=0.3):
        torch.manual_seed(before)
        model = make(kind, n_layer=2, dropout=dropout)
        return weights(model), fit(model, Stream(text(200)), replace(PLAIN, seed=seed)), weights(model)

    (start, one, first), (_, two, second) = trained(before=0), trained(before=1)
    assert same(first, second) and one.losses == two.losses and one.gradient_norms == two.gradient_norms
    assert not same(first, trained(seed=1)[2]) and not same(first, trained(dropout=0.0)[2])
    assert not same(first, start)


def test_dropout_zeroes_something_else_at_each_step():
    """With one batch for all steps and a rate next to 0, losses differ by what dropout zeroes alone."""
    config = replace(PLAIN, learning_rate=1e-30, weight_decay=0.0, steps=4)
    data = Stream(text(4 * B), carry=False)
    config = replace(config, length=3)
    assert torch.equal(data.batch(0, B, 3, 0).inputs, data.batch(3, B, 3, 0).inputs)
    assert len(set(fit(make(), data, config).losses)) == 1
    assert len(set(fit(make(dropout=0.5), data, config).losses)) == 4


def test_other_random_states_the_threads_and_the_data_are_left_alone(monkeypatch):
    monkeypatch.setenv("LMCORE_THREADS", "2")
    tokens, model = text(200), Bigram()
    kept, threads = tokens.clone(), torch.get_num_threads()

    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    fit(model, Rows(tokens), PLAIN, held_out=tokens)
    assert model.threads == {2} and torch.get_num_threads() == threads != 2
    model.fails_at = len(model.seen) + 1
    with pytest.raises(TrainingDiverged):
        fit(model, Rows(tokens), PLAIN)
    assert torch.get_num_threads() == threads and not model.training
    assert states() == before and torch.equal(tokens, kept)


def test_bfloat16_is_the_runtimes_choice(monkeypatch):
    whole, half = make("GRU", path="readable"), make("GRU", path="readable")
    fit(whole, Rows(text(200)), PLAIN)
    monkeypatch.setenv("LMCORE_PRECISION", "bfloat16")
    history = fit(half, Rows(text(200)), PLAIN)
    assert all(weight.dtype == torch.float32 for weight in half.parameters()) and history.losses[-1] < history.losses[0]
    assert not same(weights(whole), weights(half))
    assert torch.allclose(whole.head.weight, half.head.weight, atol=0.05)


# What stops it


def test_control_c_leaves_the_last_checkpoint_whole_and_the_run_goes_on_from_it(tmp_path, monkeypatch):
    path, data, held_out = tmp_path / "run", Stream(text(200)), text(60, seed=1)
    config = replace(PLAIN, evaluate_every=3)
    expected = make(dropout=0.3)
    history = fit(expected, data, config, held_out=held_out)

    batch = Stream.batch

    def interrupted(self, step, *arguments):
        if step == 7:
            raise KeyboardInterrupt
        return batch(self, step, *arguments)

    monkeypatch.setattr(Stream, "batch", interrupted)
    model = make(dropout=0.3)
    with pytest.raises(KeyboardInterrupt):
        fit(model, data, config, held_out=held_out, checkpoint=path, checkpoint_every=5)
    assert not model.training
    assert [file.name for file in tmp_path.iterdir()] == ["run"]

    read = []
    monkeypatch.setattr(Stream, "batch", lambda self, step, *rest: read.append(step) or batch(self, step, *rest))
    again = make(dropout=0.3, seed=5)  # other weights, which the checkpoint's replace
    resumed = fit(again, data, config, held_out=held_out, checkpoint=path)
    assert read == [5, 6, 7, 8, 9, 10, 11]
    assert same(weights(again), weights(expected)) and resumed.losses == history.losses


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_loss_that_is_no_number_says_at_which_step_and_what_to_try(optimizer, tmp_path):
    config = replace(PLAIN, decay=0.0, learning_rate=1e30, warmup=0, clip=1.0, optimizer=optimizer)
    model, path = make("RNN"), tmp_path / "run"
    with pytest.raises(TrainingDiverged, match="step ") as caught:
        fit(model, Rows(text(200)), config, checkpoint=path, checkpoint_every=1)
    says = str(caught.value)
    step = int(re.match(r"step (\d+): the loss is \S+ and the gradient's norm (inf|nan)", says)[1])
    assert 0 < step < 12 and not model.training
    for hint in (
        "the weights are those before this step",
        "lower learning rate (now 1e+30)",
        "more warm-up steps (now 0)",
    ):
        assert hint in says
    assert "smaller clip (now 1)" in says
    until = make("RNN")
    fit(until, Rows(text(200)), replace(config, steps=step))
    assert same(weights(model), weights(until))
    kept = path.read_bytes()
    with pytest.raises(TrainingDiverged, match=re.escape(says)):  # the checkpoint is the last whole one
        fit(make("RNN"), Rows(text(200)), config, checkpoint=path, checkpoint_every=1)
    assert path.read_bytes() == kept


def test_a_loss_that_is_no_number_leaves_the_weights_of_the_step_before():
    model, until = Bigram(), Bigram()
    model.fails_at = 6
    with pytest.raises(TrainingDiverged, match="step 6: the loss is nan"):
        fit(model, Rows(text(200)), replace(PLAIN, decay=0.0))
    fit(until, Rows(text(200)), replace(PLAIN, steps=6, decay=0.0))
    assert torch.equal(model.table, until.table) and model.table.isfinite().all()


# What is shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_that_is_cleared(monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    train(make(), Rows(text(200)), replace(PLAIN, steps=400), progress=True)
    bar = shown.getvalue()
    assert re.search(r"\d+/400 \[.*loss \d\.\d{3}, [\d,]+ tokens/s", bar)
    assert re.search(r"\d\d:\d\d<\d\d:\d\d", bar)  # time gone and time left
    assert bar.rpartition("\r")[0].rpartition("\r")[2].strip() == "" == bar.rpartition("\r")[2]
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    train(make(), Rows(text(200)), PLAIN, progress=False)
    assert shown.getvalue() == ""


def test_a_file_in_place_of_a_terminal_gets_nothing(capsys):
    train(make(), Rows(text(200)), PLAIN, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_one_line_and_keeps_what_has_no_times(monkeypatch, capsys):
    IPython = pytest.importorskip("IPython")
    lines = []

    class Handle:
        def update(self, data, raw):
            lines.append(data["text/plain"])

    def display(data, raw, display_id):
        lines.append(data["text/plain"])
        return Handle()

    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", display)
    ticks = iter(range(10_000))
    monkeypatch.setattr("lmcore.progress.time.monotonic", lambda: float(next(ticks)))
    history = train(make(), Rows(text(200)), PLAIN, progress=True)
    assert len(lines) > 3 and re.search(r"loss \d\.\d{3}, [\d,]+ tokens/s", lines[-2])
    assert lines[-1] == str(history)
    lines.clear()
    train(make(), Rows(text(200)), PLAIN, progress=False)
    assert lines == [] and capsys.readouterr() == ("", "")


def test_tensorboard_gets_each_step_once_also_of_a_run_that_was_stopped(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config, held_out = replace(PLAIN, evaluate_every=5), text(60, seed=1)
    options = {"held_out": held_out, "checkpoint": tmp_path / "run", "checkpoint_every": 5, "log_dir": tmp_path / "log"}
    model = make()
    batch = Rows.batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "batch", lambda self, step, *rest: batch(self, step, *rest) if step < 8 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit(model, Rows(text(200)), config, **options)
    history = fit(model, Rows(text(200)), config, **options)

    events = accumulator.EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["gradient norm", "held-out loss", "loss", "rate"]
    written = {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert [step for step, _ in written["loss"]] == list(range(1, 13))
    assert [value for _, value in written["loss"]] == pytest.approx(history.losses)
    assert [value for _, value in written["gradient norm"]] == pytest.approx(history.gradient_norms)
    assert [value for _, value in written["rate"]] == pytest.approx([config.rate(step) for step in range(12)])
    assert written["held-out loss"] == [(entry.step, pytest.approx(entry.nats)) for entry in history.held_out]


@settings(max_examples=100, deadline=None)
@given(steps=st.integers(1, 50), warmup=st.integers(0, 60), decay=st.floats(0, 1))
def test_a_rate_is_a_share_and_never_0(steps, warmup, decay):
    config = TrainConfig(steps=steps, warmup=warmup, decay=decay)
    assert all(0 < config.rate(step) <= 1 for step in range(steps))
