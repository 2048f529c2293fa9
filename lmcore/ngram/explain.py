"""How the probability of one word is made: count, discount, back-off weight and share, order by order."""

from typing import NamedTuple

import torch

from lmcore.model import check_ids
from lmcore.tokenizer import Tokenizer


class OrderShare(NamedTuple):
    """What one order gives to p(word | history). Its share is

    (product of the back-off weights of all longer histories) * (count - discount) / history_count.

    Order 0 is the uniform distribution: there the product is multiplied by the uniform probability of the word.
    """

    order: int
    ngram: tuple[int, ...]  # the last order-1 tokens of the history, and the word
    kind: str  # what is counted: "raw" occurrences, "continuation" (distinct left neighbours), or "uniform"
    count: int  # of the n-gram
    history_count: int  # of its history: the sum of the counts over all words; 0 where it was never seen
    discount: float  # taken from the count
    backoff: float  # b(h): the part of the probability that this history hands on to the next shorter one
    share: float  # of the probability


class Explanation(NamedTuple):
    """p(word | history), and the shares that add up to it: the highest order first, the uniform distribution last."""

    history: tuple[int, ...]  # the tokens that the model looked at, n-1 at most
    word: int
    probability: float
    orders: tuple[OrderShare, ...]

    def text(self, tokenizer: Tokenizer | None = None) -> str:
        """A table for people; with a tokenizer its n-grams are words, without one ids."""

        def name(ids: tuple[int, ...]) -> str:
            tokens = [tokenizer.tokens[i] if tokenizer else str(i) for i in ids]
            return " ".join(token if token.isprintable() and token.strip() else repr(token) for token in tokens)

        head = ("order", "n-gram", "kind", "count", "of", "discount", "back-off", "share")
        rows = [
            (
                *(f"{o.order}", name(o.ngram), o.kind, f"{o.count}", f"{o.history_count}"),
                *(f"{o.discount:.4f}", f"{o.backoff:.4f}", f"{o.share:.6f}"),
            )
            for o in self.orders
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
        title = f"p({name((self.word,))} | {name(self.history) or 'nothing'}) = {self.probability:.6f}"
        return "\n".join([title, *lines])

    def __str__(self) -> str:
        return self.text()


def explain_probability(model, history: torch.Tensor, word: int) -> Explanation:
    """The `Explanation` of p(word | history); history (T,) is a 1-D tensor of ids or a list of them, T >= 0.

    The shares are computed from the counts, not read from the model's probabilities; their sum is the probability that
    `score` gives. Raises TypeError or ValueError for ids outside the vocabulary, RuntimeError before `fit`, ValueError
    for a model read from an ARPA file, which has no counts.
    """
    config = model.config
    if config.smoothing == "arpa":
        raise ValueError("an ARPA file holds no counts, so there is nothing to explain: use a model that was fitted.")
    if not len(model.log_base):
        raise RuntimeError("this NGram has counted nothing yet: call fit(tokens) first.")
    history, word = torch.as_tensor(history), int(word)
    if history.numel() and history.dtype != torch.long:
        raise TypeError(f"history must be whole-number ids (torch.long), not {history.dtype}.")
    if history.dim() != 1:
        raise ValueError(f"history must be one row of ids, of the shape (T,), not {tuple(history.shape)}.")
    check_ids(history, config.vocab_size, "history")
    check_ids(torch.tensor(word), config.vocab_size, "word")
    history = _usable(history.tolist(), config)

    shares, weight = [], 1.0
    for m in [len(history)] if config.smoothing == "add_k" else range(len(history), -1, -1):
        share = _order_share(model, history[len(history) - m :], word, weight)
        shares.append(share)
        weight *= share.backoff
    uniform = model.log_base[word].exp().item()
    shares.append(OrderShare(0, (word,), "uniform", 0, 0, 0.0, 0.0, weight * uniform))
    return Explanation(history, word, sum(share.share for share in shares), tuple(shares))


def _usable(history: list[int], config) -> tuple[int, ...]:
    """The last n-1 tokens, and in sentence mode none before the last `<s>`."""
    if config.mode == "sentence" and config.start_id in history:
        history = history[len(history) - 1 - history[::-1].index(config.start_id) :]
    return tuple(history[max(0, len(history) - config.order + 1) :])


def _order_share(model, history: tuple[int, ...], word: int, weight: float) -> OrderShare:
    """What the order len(history) + 1 gives, where `weight` is all that the longer histories handed on."""
    config, n, ngram = model.config, len(history) + 1, (*history, word)
    opener = config.start_id if config.mode == "sentence" else config.separator_id if n > 1 else None
    opens = ngram[0] == opener  # it keeps its raw count: see method_counts
    kind = "continuation" if config.counts_neighbours(n) and not opens else "raw"

    row = torch.zeros(1, dtype=torch.long, device=model.log_base.device)
    for m, token in enumerate(history, start=1):
        row = model.find(m, row, token)
    backoff = model.log_backoff(n - 1, row).exp().item()
    _, rows = model.continuations(n, row)
    counts = model.table("counts", n)
    history_count = int(counts[rows].sum())
    if history_count == 0:
        return OrderShare(n, ngram, kind, 0, 0, 0.0, backoff, 0.0)
    found = int(model.find(n, row, word))
    count = int(counts[found]) if found >= 0 else 0
    discount = model.discounts[n - 1, min(count, 3) - 1].item() if count else 0.0
    added = config.k * int((model.log_base > -torch.inf).sum()) if config.smoothing == "add_k" else 0.0
    share = weight * (count - discount) / (history_count + added)
    return OrderShare(n, ngram, kind, count, history_count, discount, backoff, share)
