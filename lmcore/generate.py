"""Writing with a model: one token at a time, from its distribution or from a part of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from lmcore.model import LanguageModel, check_tokens
from lmcore.runtime import check_seed

TOGETHER = 2**20  # log-probabilities are worked out for several tokens at once, when there are so many logits


class Generated(NamedTuple):
    """What `generate` wrote after the prompt.

    `tokens` (B, N): the new tokens; a row that stopped early repeats its stop token. `lengths` (B,): how many of them
    count, the stop token included. `log_probs` (B, N), float64: the model's own log-probability of each, in nats,
    before temperature and truncation; 0 past a row's length.
    """

    tokens: torch.Tensor
    lengths: torch.Tensor
    log_probs: torch.Tensor


def next_token_probabilities(
    logits: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> torch.Tensor:
    """The distribution to draw from: logits (…, V) -> probabilities (…, V), float64.

    First the temperature τ, p_i ∝ exp(logit_i / τ), where 0 means all mass on the largest; then only the `top_k` most
    probable tokens (Fan et al. 2018); then only the smallest set of tokens whose mass reaches `top_p` (the nucleus of
    Holtzman et al. 2020), renormalised. Ties are broken by the smaller id.

    Raises ValueError for a negative temperature, top_k below 1, or top_p outside (0, 1].
    """
    _check_rules(temperature, top_k, top_p)
    logits = logits.double()
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).double()
    probs = torch.softmax(logits / temperature, -1)
    if top_k is None and top_p is None:
        return probs
    ordered, order = probs.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ordered[..., top_k:] = 0
        ordered = ordered / ordered.sum(-1, keepdim=True)
    if top_p is not None:
        before = ordered.cumsum(-1) - ordered
        ordered = torch.where(before < top_p, ordered, 0.0)
    kept = torch.zeros_like(probs).scatter(-1, order, ordered)
    return kept / kept.sum(-1, keepdim=True)


@torch.no_grad()
def generate(
    model: LanguageModel,
    prompt: torch.Tensor,
    *,
    state: Any = None,
    max_tokens: int,
    stop: Sequence[int] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Generated:
    """Continue `prompt`, a (B, T) LongTensor with T ≥ 1, by at most `max_tokens` tokens a row.

    Row b draws from a random stream of its own, (seed, b), so what a row becomes does not depend on the others. A row
    ends after a token of `stop`. `state` is what the model read before the prompt.

    Raises TypeError or ValueError, before any work, for a prompt that is not ids of this model or is empty, a negative
    temperature, top_k below 1, top_p outside (0, 1], max_tokens below 1, or a stop id outside the vocabulary.
    """
    check_tokens(prompt, model.vocab_size, "prompt")
    B, T = prompt.shape
    if B == 0 or T == 0:
        raise ValueError("the prompt is empty; give at least one token, such as <s> or a line break.")
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}.")
    _check_rules(temperature, top_k, top_p)
    check_tokens(torch.tensor([list(stop)], dtype=torch.long), model.vocab_size, "stop")
    check_seed(seed)
    prompt = prompt.to(model.device)
    uniform = np.stack([np.random.default_rng((seed, b)).random(max_tokens) for b in range(B)])
    uniform = torch.from_numpy(uniform).to(prompt.device)

    was_training = model.training
    model.eval()
    try:
        stops = torch.tensor(list(stop), dtype=torch.long, device=prompt.device)
        running = torch.ones(B, 1, dtype=torch.bool, device=prompt.device)
        columns, rows, log_probs = [], [], []
        logits, state = model(prompt, state)
        last, write = logits[:, -1], model.writer(state, max_tokens)
        for n in range(max_tokens):
            if temperature == 0:
                chosen = last.argmax(-1, keepdim=True)
            else:
                chosen = draw(next_token_probabilities(last, temperature, top_k, top_p), uniform[:, n])[:, None]
            columns.append(chosen)
            rows.append(last)
            if stop:
                running = running & ~torch.isin(chosen, stops)
            done = n + 1 == max_tokens or (stop and not running.any())
            if done or len(rows) * last.numel() >= TOGETHER:
                of_all = F.log_softmax(torch.stack(rows, 1).double(), -1)  # (B, rows, V)
                log_probs.append(of_all.gather(-1, torch.stack(columns[-len(rows) :], 1))[..., 0])
                rows.clear()
            if done:
                break
            last = write(chosen)
    finally:
        model.train(was_training)
    tokens = torch.cat(columns, 1)
    stopped = torch.isin(tokens, stops)
    over = stopped.cumsum(1) > stopped  # past a row's first stop
    lengths = (~over).sum(1)
    tokens = torch.where(over, tokens.gather(1, lengths[:, None] - 1), tokens)
    return Generated(tokens, lengths, torch.cat(log_probs, 1).masked_fill(over, 0.0))


def draw(probs: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Turn numbers in [0, 1) into tokens: probs (B, V), uniform (B,) -> ids (B,).

    Walk along the cumulative probabilities and stop at the first that exceeds the number (inversion sampling).
    """
    cumulative = probs.cumsum(-1)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(-1)


def _check_rules(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 (always the likeliest token) or more, not {temperature}.")
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        raise ValueError(f"top_k must be a whole number of at least 1, not {top_k}; None keeps every token.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie above 0 and at most at 1, not {top_p}; None keeps every token.")
