"""Killed, interrupted, out of room: a training run goes on from its checkpoint and ends with the same bits.

    python tests/test_checkpoint.py FILE [write | BYTES]

trains as every test here does, in a process of its own, and prints the number of each step when it begins. With
`write` it says so and waits inside its third write of the checkpoint; with a number no file may grow beyond that, and
it trains a second time, to FILE.new.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from lmcore import LSTM, LSTMConfig, TrainConfig, train
from lmcore.data import Stream

V, EVERY = 13, 4
MODEL = LSTMConfig(vocab_size=V, embedding_size=48, hidden_size=48, n_layer=2, dropout=0.3, tie_embeddings=True)
CONFIG = TrainConfig(phases=((70, 16, 24), (50, 12, 32)), optimizer="muon", learning_rate=0.01, evaluate_every=15)


class Watched(Stream):
    """A stream that notes the steps it is asked for, tells them if wanted, and can stop the run at one of them."""

    steps: list[int] = []  # noqa: RUF012
    aloud, stops_at = False, None

    def batch(self, step, rows, length, seed):
        number = step + (70 if rows == 12 else 0)
        if number == self.stops_at:
            raise KeyboardInterrupt
        self.steps.append(number)
        if self.aloud:
            print(number, flush=True)
        return super().batch(step, rows, length, seed)


def document(length, seed):
    return torch.randint(V, (2, length), generator=torch.Generator().manual_seed(seed)).amin(0)


def run(checkpoint=None):
    """Train, from the checkpoint if it is there; returns the weights, and the whole history without its seconds."""
    Watched.steps.clear()
    model, held_out = LSTM(MODEL, seed=1), document(500, seed=1)
    history = train(
        model,
        Watched(document(9000, seed=0)),
        CONFIG,
        held_out=held_out,
        checkpoint=checkpoint,
        checkpoint_every=EVERY,
        progress=False,
    )
    evaluations = [(entry.step, entry.nats) for entry in history.held_out]
    told = history.losses, history.gradient_norms, evaluations, history.best_step, history.tokens
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}, told


def run_to(path, step):
    """A run that was interrupted at a step."""
    Watched.stops_at = step
    try:
        with pytest.raises(KeyboardInterrupt):
            run(path)
    finally:
        Watched.stops_at = None


def equal(one, other):
    weights = one[0].keys() == other[0].keys() and all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    return weights and one[1] == other[1]


def child(path, *mode):
    """The same training in a process of its own; its output is read line by line."""
    command = [sys.executable, __file__, str(path), *map(str, mode)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def parts(folder):
    return list(folder.glob(".*.part"))


@pytest.fixture(scope="module")
def uninterrupted():
    whole = run()
    losses, _, evaluations, *_ = whole[1]
    assert Watched.steps == list(range(120)) and len(losses) == 120
    assert [step for step, _ in evaluations] == [15, 30, 45, 60, 75, 90, 105, 120]
    return whole


def test_killed_at_ten_moments_it_always_ends_with_the_same_bits(uninterrupted, tmp_path):
    """Each kill hits the run that was taken up after the one before; a copy of what it left is taken to the end."""
    draw = random.Random(0)
    moments = [(step, draw.uniform(0, 0.01)) for step in sorted(draw.sample(range(80), 10))]
    path, copy, left = tmp_path / "run", tmp_path / "copies" / "run", 0
    copy.parent.mkdir()
    for number, (step, delay) in enumerate(moments):
        inside = number == 5
        process = child(path, *["write"] * inside)
        heard = []
        for line in process.stdout:
            heard.append(line.strip())
            if heard[-1] == "writing" if inside else heard[-1].isdigit() and int(heard[-1]) >= step:
                break
        if inside:
            before = path.read_bytes()
            assert [part.stat().st_size > 0 for part in parts(tmp_path)] == [True]
        else:
            time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        heard += process.stdout.read().split()
        assert process.wait() == -signal.SIGKILL, f"it ended before it could be killed: {heard}"
        if inside:
            assert len(parts(tmp_path)) == 1 and path.read_bytes() == before
        steps = [int(word) for word in heard if word.isdigit()]

        if path.exists():
            copy.write_bytes(path.read_bytes())
        for part in parts(tmp_path):
            (copy.parent / part.name).write_bytes(part.read_bytes())
        assert equal(run(copy), uninterrupted), f"after the kill in step {steps[-1]}"
        assert Watched.steps[0] % EVERY == 0 and steps[-1] - EVERY <= Watched.steps[0] <= steps[-1] + 1
        assert left <= Watched.steps[0]  # never back behind what was written before
        left = Watched.steps[0]
        assert [file.name for file in copy.parent.iterdir()] == ["run"]
        copy.unlink()
    assert left > 60
    assert equal(run(path), uninterrupted) and parts(tmp_path) == []
    assert equal(run(path), uninterrupted) and Watched.steps == []  # a run at its end has nothing left to do


def test_a_file_that_may_not_grow_leaves_the_previous_checkpoint_whole(uninterrupted, tmp_path):
    path = tmp_path / "run"
    run_to(path, 30)
    before = path.read_bytes()
    process = child(path, len(before) // 2)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 3, output
    assert f"cannot write {path}: File too large; the previous file is whole. Make room or choose another" in output
    assert f"cannot write {path}.new: File too large; nothing was written. Make room or choose another" in output
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["run"]
    assert equal(run(path), uninterrupted) and Watched.steps[0] == 28


def test_a_full_disk_leaves_the_previous_checkpoint_whole(uninterrupted, tmp_path):
    """A file system of its own with room for one checkpoint and a half; whoever may not mount has the test above."""
    path, disk = tmp_path / "run", tmp_path / "disk"
    run_to(path, 30)
    before = path.read_bytes()
    disk.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or not mount(f"size={len(before) * 3 // 2}"):
        pytest.skip("only who may mount a file system can fill a small one")
    try:
        path = disk / "run"
        path.write_bytes(before)
        with pytest.raises(OSError, match="No space left on device; the previous file is whole"):
            run(path)
        assert Watched.steps == [28, 29, 30, 31]
        assert path.read_bytes() == before and [file.name for file in disk.iterdir()] == ["run"]
        assert mount(f"remount,size={len(before) * 3}")
        assert equal(run(path), uninterrupted)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_checkpoint_holds_what_evaluations_found_best_and_that_it_stopped(tmp_path):
    """A run that stopped early is at its end when it is taken up again, and has its best weights."""
    config = replace(CONFIG, learning_rate=1.0, warmup=0, evaluate_every=2, patience=2)
    data, held_out = Watched(document(9000, seed=0)), document(500, seed=1)
    models = [LSTM(MODEL, seed=seed) for seed in (1, 2)]
    one, other = (
        train(model, data, config, held_out=held_out, checkpoint=tmp_path / "run", progress=False) for model in models
    )
    assert one == other and len(one.losses) < 120 and one.best_step == len(one.losses) - 4
    for name, tensor in models[0].state_dict().items():
        assert torch.equal(tensor, models[1].state_dict()[name])


def main(path, mode=""):
    torch.set_num_threads(1)
    Watched.aloud = True
    written = []

    def wait(handle):
        written.append(handle)
        if len(written) == 3:
            print("writing", flush=True)
            time.sleep(600)

    if mode == "write":
        os.fsync = wait
    elif mode:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(mode), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    failed = False
    for file in [path, f"{path}.new"] if mode.isdigit() else [path]:
        try:
            run(file)
        except OSError as error:
            failed = True
            print(error)
    sys.exit(3 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
