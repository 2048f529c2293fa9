"""Counting every n-gram of a text with whole-array operations.

The n-grams of one order stand in a table, sorted; a **row** is a place in that table. An n-gram is kept as one whole
number, its key:

    key = (row of its first n-1 tokens, in the table of order n-1) * vocab_size + its last token

Rows are numbered afresh at every order, so a key stays below (length of the text) * vocab_size and fits 64 bits, while
the plain alternative, vocab_size ** n, would not: 50,000 words to the 8th have 125 bits. The tables form a trie: the
n-grams that continue one history stand side by side, since they share the first part of the key.
"""

from typing import NamedTuple

import torch


class Table(NamedTuple):
    """The M distinct n-grams of one order, sorted by key; all tensors (M,). Order 1 has one row for every id."""

    keys: torch.Tensor
    counts: torch.Tensor  # how often the n-gram occurs
    suffixes: torch.Tensor  # row of its last n-1 tokens in the table of order n-1
    at_edge: torch.Tensor  # bool: some occurrence has no left neighbour (it opens a sentence, or the stream)


def reach(tokens: torch.Tensor, first: torch.Tensor, start_id: int | None) -> torch.Tensor:
    """How many tokens an n-gram that ends at each place may have. tokens (B, T), first (B,) -> (B, T).

    Row b's text begins at column first[b], and begins again at every `start_id`. Columns before it get 0 or less.
    """
    place = torch.arange(tokens.shape[1], device=tokens.device)
    begin = first.unsqueeze(1).expand_as(tokens)
    if start_id is not None and tokens.numel():
        last_start = torch.where(tokens == start_id, place, -1).cummax(dim=1).values
        begin = torch.maximum(begin, last_start)
    return place - begin + 1


def count_ngrams(tokens: torch.Tensor, order: int, vocab_size: int, start_id: int | None = None) -> list[Table]:
    """The tables of orders 1 … `order` of a text (T,). Example, tokens 0 1 0 1 of a vocabulary of 2:

    order 1: counts 2 2; order 2: keys 1 (= 0, 1) and 2 (= 1, 0), counts 2 1.
    """
    depth = reach(tokens.unsqueeze(0), torch.zeros(1, dtype=torch.long), start_id).squeeze(0)
    rows_at = tokens  # the row of the n-gram that ends at each place
    tables = []
    for n in range(1, order + 1):
        if n == 1:
            ends = torch.arange(len(tokens))
            rows, keys = tokens, torch.arange(vocab_size)
            counts, suffixes = torch.bincount(tokens, minlength=vocab_size), torch.zeros_like(keys)
        else:
            ends = (depth >= n).nonzero().squeeze(1)
            keys_at = rows_at[ends - 1] * vocab_size + tokens[ends]
            keys, rows, counts = torch.unique(keys_at, return_inverse=True, return_counts=True)
            suffixes = torch.empty_like(keys)
            suffixes[rows] = rows_at[ends]  # all occurrences of an n-gram have the same suffix
            rows_at = torch.full_like(tokens, -1)
            rows_at[ends] = rows
        at_edge = torch.zeros(len(keys), dtype=torch.bool)
        at_edge[rows_at[depth == n]] = True
        tables.append(Table(keys, counts, suffixes, at_edge))
    return tables


def check_text(tokens: torch.Tensor, order: int, start_id: int | None, end_id: int | None) -> None:
    """Raise TypeError or ValueError unless `tokens` is a text from which n-grams of `order` can be counted."""
    if not isinstance(tokens, torch.Tensor):
        raise TypeError(f"fit takes a 1-D tensor of token ids, not {type(tokens).__name__}: tokenizer.encode(text).")
    if tokens.dtype != torch.long:
        raise TypeError(f"fit takes whole-number ids (torch.long), not {tokens.dtype}.")
    if tokens.dim() != 1:
        raise ValueError(f"fit takes one text, a tensor of shape (T,), not {tuple(tokens.shape)}.")
    if len(tokens) == 0:
        raise ValueError("the text is empty: there is nothing to count.")
    if start_id is not None:
        starts, ends = tokens == start_id, tokens == end_id
        if not (starts[0] and ends[-1] and torch.equal(starts[1:], ends[:-1])):
            raise ValueError(
                f"sentence mode takes a text of the form <s> … </s> <s> … </s>: each sentence begins with the id "
                f"{start_id} and ends with the id {end_id}, and neither occurs elsewhere."
            )
    longest = int(reach(tokens.unsqueeze(0), torch.zeros(1, dtype=torch.long), start_id).max())
    if longest < order:
        what = "the text has" if start_id is None else "the longest sentence has, with <s> and </s>,"
        raise ValueError(f"{what} {longest} tokens, fewer than the order {order}: give more text or a lower order.")
