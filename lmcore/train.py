"""The one training loop: any model that has weights, any data that say what a batch is.

It knows no concrete model. What a batch is and whether the memory is carried is the data's business (`lmcore.data`),
which weights Muon may update is the model's (`parameter_groups`), device, precision and threads are the runtime's.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lmcore import runtime
from lmcore.checkpoint import Run, read_checkpoint, write_checkpoint
from lmcore.data import TrainingData, digest
from lmcore.evaluate import check_data, evaluate
from lmcore.model import Batch, LanguageModel, map_tensors
from lmcore.muon import Muon
from lmcore.progress import Progress
from lmcore.train_config import HeldOut, History, TrainConfig

__all__ = ["HeldOut", "History", "TrainConfig", "TrainingDiverged", "train"]


class TrainingDiverged(ArithmeticError):
    """The loss or the gradient is no longer a finite number. The weights are those before that step."""


def train(
    model: LanguageModel,
    data: TrainingData,
    config: TrainConfig,
    *,
    held_out: torch.Tensor | Batch | None = None,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int = 100,
    log_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place, on the device that `runtime` chooses, and leave it in evaluation mode.

    held_out     what `evaluate` takes; its whole loss is computed every `evaluate_every` steps and at the end, and the
                 model ends with the weights of the best evaluation
    checkpoint   a file that is written every `checkpoint_every` steps and at the end. If it is there already, the run
                 goes on from it and ends with the same bits as one that was never stopped
    log_dir      a folder for TensorBoard
    progress     a bar with loss, speed and time left on a terminal or in a notebook; a notebook keeps one last line

    Raises TypeError or ValueError before any work for data, settings or a checkpoint that do not fit, OSError if a
    checkpoint cannot be written (the previous one is then whole), TrainingDiverged if the loss is no longer finite.
    """
    _check(model, data, config, held_out, checkpoint_every)
    writer = None if log_dir is None else _summary_writer()
    if checkpoint is not None:
        runtime.check_writable(checkpoint)
    held = held_out if isinstance(held_out, Batch) else [held_out]
    about = {"model": f"{type(model).__name__} of {model.config!r}", "config": repr(config), "data": data.fingerprint()}
    about["held-out data"] = digest(*(part for part in held if isinstance(part, torch.Tensor)))
    about["precision"] = str(runtime.precision())
    model.to(runtime.device())
    optimizers = _optimizers(model, config)
    run = Run()
    if checkpoint is not None and os.path.exists(checkpoint):
        run = read_checkpoint(checkpoint, about, model, optimizers)
    log = writer(str(log_dir), purge_step=run.step + 1) if writer else None
    with Progress(config.total_steps, run.step, shown=progress) as bar, _settings(config):
        try:
            while run.step < config.total_steps and not run.stopped:
                began = time.process_time()
                loss, norm, tokens = _one_step(model, data, config, optimizers, run)
                run.seconds += time.process_time() - began
                bar.update(loss, tokens)
                if log:
                    for name, value in (("loss", loss), ("gradient norm", norm), ("rate", config.rate(run.step - 1))):
                        log.add_scalar(name, value, run.step)
                last = run.step == config.total_steps
                if held_out is not None and (last or config.evaluates_after(run.step)):
                    nats = _evaluate(model, config, held_out, run)
                    if log:
                        log.add_scalar("held-out loss", nats, run.step)
                if checkpoint is not None and (last or run.stopped or run.step % checkpoint_every == 0):
                    write_checkpoint(checkpoint, about, model, optimizers, run)
            if run.best:
                model.load_state_dict(run.best)
            held = tuple(HeldOut(*entry) for entry in run.held_out)
            history = History(tuple(run.losses), tuple(run.norms), held, run.best_step, run.tokens, run.seconds)
            bar.finish(str(history))
        finally:
            model.eval()
            if log:
                log.close()
    return history


def _one_step(
    model: LanguageModel, data: TrainingData, config: TrainConfig, optimizers: list, run: Run
) -> tuple[float, float, int]:
    """Read one batch, update the weights once; returns the loss, the gradient's norm and the tokens read."""
    step, rows, length = config.phase_of(run.step)
    batch = data.batch(step, rows, length, config.seed)
    inputs, targets, mask = (part.to(model.device) for part in batch[:3])
    if batch.source is not None:
        state = model.read(batch.source.to(model.device))
    else:
        state = run.state if data.carries(step, rows, length) else None
    model.train()
    torch.manual_seed(int(np.random.SeedSequence((config.seed, run.step)).generate_state(1)[0]))
    dtype = runtime.precision()
    with torch.autocast(model.device.type, dtype=dtype, enabled=dtype != torch.float32):
        log_probs, state = model.score(inputs, targets, state)
    tokens = int(mask.sum())
    loss = -torch.where(mask, log_probs.float() if dtype != torch.float32 else log_probs, 0.0).sum() / tokens
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    value, size = loss.item(), norm.item()
    if not math.isfinite(value + size):
        raise TrainingDiverged(
            f"step {run.step}: the loss is {value:.4g} and the gradient's norm {size:.4g}; the weights are those "
            f"before this step. Try a lower learning rate (now {config.learning_rate:g}), more warm-up steps (now "
            f"{config.warmup}) or a smaller clip (now {config.clip:g})."
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full_rate"] * config.rate(run.step)
        optimizer.step()
    run.state = map_tensors(lambda tensor: tensor.detach().clone(), state)
    run.step += 1
    run.losses.append(value)
    run.norms.append(size)
    run.tokens += tokens
    return value, size, tokens


def _evaluate(model: LanguageModel, config: TrainConfig, held_out: torch.Tensor | Batch, run: Run) -> float:
    """Note the held-out loss; keep the weights if it is the best so far, and stop if there was none for too long."""
    nats = evaluate(model, held_out).nats_per_token
    if not run.held_out or nats < min(entry[2] for entry in run.held_out):
        run.best_step = run.step
        run.best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    run.held_out.append((run.step, run.seconds, nats))
    since = sum(entry[0] > run.best_step for entry in run.held_out)
    run.stopped = bool(config.patience) and since >= config.patience
    return nats


def _optimizers(model: LanguageModel, config: TrainConfig) -> list[torch.optim.Optimizer]:
    groups = model.parameter_groups()
    hidden, stacked, rest = groups["matrices"], groups["stacked"], groups["rest"]
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "muon":
        optimizers.append(Muon(hidden, stacked, lr=config.muon_learning_rate, weight_decay=config.weight_decay))
    else:
        rest = hidden + stacked + rest
    if rest:
        adamw = {"lr": config.learning_rate, "betas": config.betas, "weight_decay": config.weight_decay}
        optimizers.append(torch.optim.AdamW(rest, **adamw))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full_rate"] = group["lr"]
    return optimizers


def _check(model: LanguageModel, data: Any, config: Any, held_out: Any, checkpoint_every: int) -> None:
    """Everything that can be wrong, before any work."""
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model must be a LanguageModel, not {type(model).__name__}.")
    if not isinstance(config, TrainConfig):
        raise TypeError(f"config must be a TrainConfig, not {type(config).__name__}.")
    if not isinstance(data, TrainingData):
        raise TypeError(
            f"data must be training data such as Rows(tokens) or Stream(tokens), not {type(data).__name__}."
        )
    if not any(weight.requires_grad for weight in model.parameters()):
        raise TypeError(
            f"{type(model).__name__} has no weights to train; a model that counts learns by model.fit(tokens)."
        )
    groups = model.parameter_groups()
    if config.optimizer == "muon" and not groups["matrices"] + groups["stacked"]:
        raise ValueError(f"{type(model).__name__} has no hidden matrices for Muon; use optimizer='adamw'.")
    if checkpoint_every < 1:
        raise ValueError(f"checkpoint_every must be at least 1, not {checkpoint_every}.")
    data.check_model(model)
    if held_out is not None:
        check_data(held_out, model, "the held-out data")
    runtime.threads(), runtime.precision()  # which refuse what they cannot understand
    room = runtime.memory()
    # float32, for each token: what every weight matrix makes of it, and the gradient of that
    per_token = 2 * 4 * sum(len(weight) for weight in model.parameters() if weight.dim() == 2)
    for _, rows, length in config.schedule:
        data.check(rows, length)
        needed = rows * length * per_token
        if needed > room:
            raise ValueError(
                f"a batch of {rows:,} × {length:,} tokens over {model.vocab_size:,} ids needs about "
                f"{needed / 2**30:,.0f} GiB, more than this machine's {room / 2**30:,.0f}. Take fewer or shorter rows."
            )


@contextmanager
def _settings(config: TrainConfig) -> Iterator[None]:
    """The runtime's threads, and a random state of its own, for as long as the training runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(runtime.threads())
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)


def _summary_writer() -> type:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("log_dir needs TensorBoard: pip install tensorboard, or leave log_dir out.") from error
    return SummaryWriter
