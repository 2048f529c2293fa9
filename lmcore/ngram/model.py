"""The n-gram model: tables of log-probabilities and back-off weights, looked up by the last n-1 tokens."""

import os
from typing import NamedTuple

import torch

from lmcore.model import LanguageModel, check_ids, check_tokens
from lmcore.ngram.arpa import read_arpa, write_arpa
from lmcore.ngram.config import NGramConfig
from lmcore.ngram.counts import check_text, count_ngrams, reach
from lmcore.ngram.explain import Explanation, explain_probability
from lmcore.ngram.smoothing import smooth
from lmcore.state import check_state
from lmcore.tokenizer import Tokenizer


class NGramState(NamedTuple):
    """The memory of an n-gram: its last n-1 tokens (B, n-1), newest last, and how many of them were read (B,)."""

    tokens: torch.Tensor
    lengths: torch.Tensor


class NGram(LanguageModel):
    """A next-token distribution from counts. Learns by `fit`, one pass over a text; logits are log-probabilities.

    Everything it knows stands in float64 and integer buffers, by order n (the tables of `counts.py`):

    keys_n           (M_n,) the n-grams, sorted
    counts_n         (M_n,) their counts, raw or continuation, as the smoothing uses them (empty if read from ARPA)
    log_probs_n      (M_n,) log p(last token | tokens before it), in nats
    log_backoffs_m   (M_m,) log b(h) of the histories of m = 0 … n-1 tokens
    log_base         (V,) the uniform distribution under the unigrams
    discounts        (n, 3) by order, for counts of 1, 2, and 3 and more; fell_back (n,) where they are constants

    One recursion gives every probability:  p(w | h) = the listed one, or else b(h) p(w | h without its first token).
    Add-k does not shorten the history: from the longest it falls to the uniform distribution at once.
    """

    config_class = NGramConfig
    piece = 2**18  # scoring makes no (T, V) table, and long pieces make its searches cheap
    config: NGramConfig

    def __init__(self, config: NGramConfig):
        super().__init__(config)
        for n in range(1, config.order + 1):
            self.register_buffer(f"keys_{n}", torch.empty(0, dtype=torch.long))
            self.register_buffer(f"counts_{n}", torch.empty(0, dtype=torch.long))
            self.register_buffer(f"log_probs_{n}", torch.empty(0, dtype=torch.float64))
            self.register_buffer(f"log_backoffs_{n - 1}", torch.empty(0, dtype=torch.float64))
        self.register_buffer("log_base", torch.empty(0, dtype=torch.float64))
        self.register_buffer("discounts", torch.empty(0, 3, dtype=torch.float64))
        self.register_buffer("fell_back", torch.empty(0, dtype=torch.bool))

    def fit(self, tokens: torch.Tensor) -> "NGram":
        """Count a text, tokens (T,), and smooth; returns the model itself. What it had learned before is replaced.

        Raises TypeError or ValueError for a text that cannot be counted (empty, shorter than the order, float, an id
        out of range, in sentence mode not of the form `<s> … </s>`), and where a discount is refused.
        """
        config = self.config
        if config.smoothing == "arpa":
            raise ValueError('smoothing "arpa" marks a model read from a file; choose another to count a text.')
        check_text(tokens, config.order, config.start_id, config.end_id)
        check_ids(tokens, config.vocab_size)
        tables = count_ngrams(tokens.cpu(), config.order, config.vocab_size, config.start_id)
        base, orders = smooth(tables, config)
        self.log_base = base.log()
        self.discounts = torch.stack([smoothed.discounts for smoothed in orders])
        self.fell_back = torch.tensor([smoothed.fell_back for smoothed in orders])
        for n, (table, smoothed) in enumerate(zip(tables, orders, strict=True), start=1):
            setattr(self, f"keys_{n}", table.keys)
            setattr(self, f"counts_{n}", smoothed.counts)
            setattr(self, f"log_probs_{n}", smoothed.probs.log())
            setattr(self, f"log_backoffs_{n - 1}", smoothed.backoffs.log())
        return self

    def table(self, name: str, n: int) -> torch.Tensor:
        """The buffer `name` of order n: table("log_probs", 2) is `log_probs_2`."""
        return getattr(self, f"{name}_{n}")

    def find(self, n: int, histories: torch.Tensor, words: torch.Tensor | int) -> torch.Tensor:
        """Rows, in the table of order n, of the n-grams made of a history's row and a word; -1 where there is none.

        `histories` are rows of order n-1, and -1 again where there is none: the key is then negative, found nowhere.
        """
        keys = self.table("keys", n)
        wanted = histories * self.vocab_size + words
        rows = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
        return torch.where(keys[rows] == wanted, rows, -1)

    def forward(self, tokens: torch.Tensor, state: NGramState | None = None) -> tuple[torch.Tensor, NGramState]:
        """tokens (B, T) -> log p(next token | what was read) in nats (B, T, V), and the state.

        Raises TypeError or ValueError for tokens that are no (B, T) ids, RuntimeError before `fit`.
        """
        histories, state = self._read(tokens, state)
        B, T = tokens.shape
        first = histories[0].reshape(B * T, 1)
        logits = torch.where(first >= 0, self.log_probs_1, self.log_base)  # (B T, V)
        for m in range(1, self.config.order):
            history = histories[m].reshape(B * T)
            logits += self.log_backoff(m, history).unsqueeze(1)
            place, rows = self.continuations(m + 1, history)
            words = self.table("keys", m + 1)[rows] % self.vocab_size
            logits[place, words] = self.table("log_probs", m + 1)[rows]
        return logits.reshape(B, T, self.vocab_size), state

    def score(
        self, inputs: torch.Tensor, targets: torch.Tensor, state: NGramState | None = None
    ) -> tuple[torch.Tensor, NGramState]:
        """log p(targets[:, t] | inputs[:, :t+1], state) in nats (B, T), and the state: one search for each order."""
        check_tokens(targets, self.vocab_size, "targets")
        if targets.shape != inputs.shape:
            raise ValueError(f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)} must have one shape.")
        histories, state = self._read(inputs, state)
        log_probs = torch.where(histories[0] >= 0, self.log_probs_1[targets], self.log_base[targets])
        for m in range(1, self.config.order):
            rows = self.find(m + 1, histories[m], targets)
            shorter = log_probs + self.log_backoff(m, histories[m])
            log_probs = torch.where(rows >= 0, self.table("log_probs", m + 1)[rows.clamp(min=0)], shorter)
        return log_probs, state

    def explain(self, history: torch.Tensor | list[int], word: int) -> Explanation:
        """How p(word | history) is made, order by order; see `lmcore.ngram.explain`. history (T,), T >= 0; word an id.

        Raises TypeError or ValueError for ids outside the vocabulary, RuntimeError before `fit`, ValueError for a model
        read from an ARPA file, which has no counts.
        """
        return explain_probability(self, history, word)

    def to_arpa(self, path: str | os.PathLike, tokenizer: Tokenizer) -> None:
        """Write the model as an ARPA file; see `lmcore.ngram.arpa.write_arpa`."""
        write_arpa(self, path, tokenizer)

    @classmethod
    def from_arpa(cls, path: str | os.PathLike, tokenizer: Tokenizer | None = None) -> tuple["NGram", Tokenizer]:
        """The model in an ARPA file, and its tokenizer; see `lmcore.ngram.arpa.read_arpa`."""
        return read_arpa(cls, path, tokenizer)

    def extra_repr(self) -> str:
        if not len(self.log_base):
            return f"{self.config}, not fitted"
        sizes = [len(self.table("keys", n)) for n in range(1, self.config.order + 1)]
        fell_back = [n for n, constant in enumerate(self.fell_back.tolist(), start=1) if constant]
        return f"{self.config}, n-grams by order: {sizes}, orders with constant discounts: {fell_back}"

    def _read(self, tokens: torch.Tensor, state: NGramState | None) -> tuple[list[torch.Tensor], NGramState]:
        """After each token, the rows of the histories of 0 … n-1 tokens, each (B, T), and the state after the last.

        A row is -1 where fewer tokens were read or the history was never seen. The history of m tokens that ends at
        a place is the history of m-1 that ends one place before, and the token.
        """
        check_tokens(tokens, self.vocab_size)
        if not len(self.log_base):
            raise RuntimeError("this NGram has counted nothing yet: call fit(tokens) first.")
        (B, T), memory = tokens.shape, self.config.order - 1
        state = check_state(state, NGramState(tokens.new_zeros(B, memory), tokens.new_zeros(B)))
        if state.tokens.shape != (B, memory):
            raise ValueError(f"the state has the shape {tuple(state.tokens.shape)}; these rows need {(B, memory)}.")
        text = torch.cat([state.tokens, tokens], dim=1)  # (B, memory + T)
        usable = reach(text, memory - state.lengths, self.config.start_id)
        histories = [torch.zeros_like(text)]  # the empty history has row 0
        for m in range(1, memory + 1):
            before = torch.roll(histories[-1], 1, dims=1)  # column 0 holds what rolled round: never usable for m > 1
            histories.append(torch.where(usable >= m, self.find(m, before, text), -1))
        if self.config.smoothing == "add_k":  # the longest history alone counts
            longest = usable.clamp(max=memory)
            histories = [torch.where(longest == m, rows, -1) for m, rows in enumerate(histories)]
        state = NGramState(text[:, T:].clone(), (state.lengths + T).clamp(max=memory))
        return [rows[:, memory:] for rows in histories], state

    def log_backoff(self, m: int, rows: torch.Tensor) -> torch.Tensor:
        """log b of histories of m tokens, in the shape of `rows`; 0 where the history was never seen."""
        return torch.where(rows >= 0, self.table("log_backoffs", m)[rows.clamp(min=0)], 0.0)

    def continuations(self, n: int, histories: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Every row of order n that continues one of the `histories` (P,), and the place 0 … P-1 of that history."""
        keys = self.table("keys", n)
        first = torch.searchsorted(keys, histories * self.vocab_size)
        number = torch.searchsorted(keys, (histories + 1) * self.vocab_size) - first
        place = torch.repeat_interleave(torch.arange(len(histories), device=keys.device), number)
        skipped = number.cumsum(0) - number  # how many rows stand before this history's in the answer
        return place, torch.arange(len(place), device=keys.device) + (first - skipped)[place]
