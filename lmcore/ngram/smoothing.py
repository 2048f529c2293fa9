"""From counts to probabilities: add-k, absolute discounting, Kneser–Ney and modified Kneser–Ney.

All four have one form. With c the count, D the discount, h a history and h' the history without its first token,

    p(w | h) = (c(h w) - D) / C(h)  +  b(h) p(w | h')        C(h) = sum over w of c(h w)

where the back-off weight b(h) = (sum of the discounts taken) / C(h) makes the sum over w equal 1. A history that was
never seen has b = 1 and adds nothing. Below order 1 stands the uniform distribution.

Sources: add-k, Lidstone 1920; absolute discounting, Ney, Essen & Kneser 1994; continuation counts, Kneser & Ney 1995;
the interpolated form and three discounts, Chen & Goodman 1998, section 3.
"""

from typing import NamedTuple

import torch

from lmcore.ngram.config import NGramConfig
from lmcore.ngram.counts import Table

FALLBACK = {1: (0.5, 0.5, 0.5), 3: (0.5, 1.0, 1.5)}  # by the number of discounts


class Smoothed(NamedTuple):
    """One order n: M n-grams and the H histories of n-1 tokens before them (H rows of the table of order n-1)."""

    counts: torch.Tensor  # (M,) raw or continuation counts, as the method uses them
    probs: torch.Tensor  # (M,) p(last token | the tokens before it)
    backoffs: torch.Tensor  # (H,) b(h)
    discounts: torch.Tensor  # (3,) for counts of 1, of 2, and of 3 and more
    fell_back: bool  # the discounts are constants, not estimates


def method_counts(tables: list[Table], n: int, config: NGramConfig) -> torch.Tensor:
    """The counts (M,) of order n that the method works with.

    Kneser–Ney counts, below the top order, the distinct tokens seen to the left of the n-gram. At the left edge of the
    text there is none. Sentence mode keeps the raw count of every n-gram that begins with `<s>`, as Heafield et al.
    2013 do: such an n-gram never has a left neighbour. A stream's opening n-gram may also occur inside it, so there
    the edge counts as one more neighbour; and n-grams of two tokens and more that begin with the stream's separator
    keep their raw count.
    """
    counts, at_edge = tables[n - 1].counts, tables[n - 1].at_edge
    if config.counts_neighbours(n):
        neighbours = torch.bincount(tables[n].suffixes, minlength=len(counts))
        counts = torch.where(at_edge, counts, neighbours) if config.mode == "sentence" else neighbours + at_edge
        if config.separator_id is not None and n > 1:
            opens = first_tokens(tables, n, config.vocab_size) == config.separator_id
            counts = torch.where(opens, tables[n - 1].counts, counts)
    if n == 1 and config.mode == "sentence":
        counts = counts.clone()
        counts[config.start_id] = 0  # `<s>` is given, never predicted
    return counts


def first_tokens(tables: list[Table], n: int, vocab_size: int) -> torch.Tensor:
    """The first token of each n-gram of order n, (M,): up the trie, from a row to the row of its first n-1 tokens."""
    rows = torch.arange(len(tables[n - 1].keys))
    for m in range(n, 1, -1):
        rows = tables[m - 1].keys[rows] // vocab_size
    return rows


def estimate_discounts(counts: torch.Tensor, n_discounts: int) -> tuple[torch.Tensor, bool]:
    """D for counts of 1, 2, and 3 and more, (3,), and whether they fell back to constants.

    With n_j the number of n-grams counted j times and Y = n_1 / (n_1 + 2 n_2): one discount is D = Y (Ney, Essen &
    Kneser 1994); three are D_j = j - (j+1) Y n_{j+1} / n_j (Chen & Goodman 1998, section 3). They are out of range
    where an n_j is 0 or a D_j is not in (0, j]: a discount of 0 would leave nothing for what was not seen.
    """
    n1, n2, n3, n4 = torch.bincount(counts.clamp(max=5), minlength=6)[1:5].tolist()
    needed = (n1, n2) if n_discounts == 1 else (n1, n2, n3, n4)
    if 0 not in needed:
        y = n1 / (n1 + 2 * n2)
        found = (y, y, y) if n_discounts == 1 else (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if all(0 < d <= j for j, d in enumerate(found, start=1)):
            return torch.tensor(found, dtype=torch.float64), False
    return torch.tensor(FALLBACK[n_discounts], dtype=torch.float64), True


def uniform_base(counts: torch.Tensor, config: NGramConfig) -> torch.Tensor:
    """Order 0: the uniform distribution under the unigrams, (V,). `<s>` has 0 in sentence mode.

    Add-k gives every id the same. The other methods give each id of the training text one part, and one part, that of
    `<unk>`, to all ids that occur nowhere together: they share it.
    """
    predicted = torch.ones(config.vocab_size, dtype=torch.bool)
    if config.mode == "sentence":
        predicted[config.start_id] = False
    seen = predicted if config.smoothing == "add_k" else counts > 0
    unseen = predicted & ~seen
    parts = seen.double() + unseen.double() / unseen.sum().clamp(min=1)
    return parts / parts.sum()


def smooth(tables: list[Table], config: NGramConfig) -> tuple[torch.Tensor, list[Smoothed]]:
    """The base distribution (V,) and the smoothed orders 1 … n.

    Raises ValueError where a discount cannot be estimated and `config.fallback` is "refuse".
    """
    base = uniform_base(method_counts(tables, 1, config), config)
    orders = []
    for n, table in enumerate(tables, start=1):
        counts = method_counts(tables, n, config)
        history = table.keys // config.vocab_size if n > 1 else torch.zeros_like(table.keys)
        n_histories = len(tables[n - 2].keys) if n > 1 else 1
        totals = torch.bincount(history, weights=counts.double(), minlength=n_histories)
        if config.smoothing == "add_k":
            discounts, fell_back = torch.zeros(3, dtype=torch.float64), False
            discount = torch.zeros(len(counts), dtype=torch.float64)
            given = torch.full_like(totals, config.k * int((base > 0).sum()))  # k for each id that can follow
            totals = totals + given
            lower = base[table.keys % config.vocab_size]
        else:
            discounts, fell_back = estimate_discounts(counts, 3 if config.smoothing == "modified_kneser_ney" else 1)
            if fell_back and config.fallback == "refuse":
                raise ValueError(
                    f"the discounts of order {n} cannot be estimated from this text: too few n-grams occur once, twice "
                    'and so on. Give more text, or NGramConfig(fallback="use") for the constants 0.5, 1 and 1.5.'
                )
            discount = torch.where(counts > 0, discounts[counts.clamp(1, 3) - 1], 0.0)
            given = torch.bincount(history, weights=discount, minlength=n_histories)
            lower = orders[-1].probs[table.suffixes] if n > 1 else base
        backoffs = torch.where(totals > 0, given / totals, 1.0)
        kept = torch.where(counts > 0, (counts - discount) / totals[history], 0.0)
        orders.append(Smoothed(counts, kept + backoffs[history] * lower, backoffs, discounts, fell_back))
    return base, orders
