"""The author as a language model: it does not learn, it is the truth, and its loss is the entropy floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch

from lmcore.model import LanguageModel, check_tokens
from lmcore.state import check_state
from lmcore.village.lexicon import SEPARATOR, VILLAGE_VERSION, VOCABULARY
from lmcore.village.telling import IMPOSSIBLE, ONLY_SEPARATOR, first_word, following, read


@dataclass(frozen=True, kw_only=True)
class AuthorConfig:
    """`vocab_size` is the Village's; `version` is the grammar's, so that a saved author is refused by another one."""

    vocab_size: int = len(VOCABULARY)
    version: str = VILLAGE_VERSION

    def __post_init__(self):
        if self.version != VILLAGE_VERSION:
            raise ValueError(f"this lmcore has version {VILLAGE_VERSION} of the Village, not {self.version!r}.")
        if self.vocab_size != len(VOCABULARY):
            raise ValueError(f"the Village has {len(VOCABULARY)} words, so vocab_size cannot be {self.vocab_size}.")


class AuthorState(NamedTuple):
    """What was read since the last separator, that one included: `tokens` (B, L), padded, and `lengths` (B,)."""

    tokens: torch.Tensor
    lengths: torch.Tensor


class Author(LanguageModel):
    """The true distribution of the Village's stories. `<s>` divides them.

    Logits are log-probabilities in float64. After a word that cannot follow, the author gives up the story and expects
    `<s>` alone until it comes; the same holds for words before the first `<s>`. A state holds the words since the last
    `<s>`, and a call reads them again, so that it changes nothing of the state it was given.
    """

    config_class = AuthorConfig

    def __init__(self, config: AuthorConfig | None = None):
        super().__init__(AuthorConfig() if config is None else config)

    def forward(self, tokens: torch.Tensor, state: AuthorState | None = None) -> tuple[torch.Tensor, AuthorState]:
        """tokens (B, T) -> log-probabilities (B, T, V) in float64, and the state.

        Raises TypeError or ValueError for tokens that are not a (B, T) LongTensor of ids of the Village.
        """
        check_tokens(tokens, self.vocab_size)
        B, T = tokens.shape
        rows = self._rows(tokens, state)
        logits = torch.full((B, T, self.vocab_size), IMPOSSIBLE, dtype=torch.float64)
        places, ids, values = [], [], []
        for b, row in enumerate(rows):
            for t, chance in enumerate(self._chances(row)[len(row) - T :], b * T):
                items = chance.items()
                places += [t] * len(items)
                for word, log_prob in items:
                    ids.append(_ID[word])
                    values.append(log_prob)
        logits.view(-1, self.vocab_size)[places, ids] = torch.tensor(values, dtype=torch.float64)
        return logits.to(tokens.device), self._state(rows, tokens.device)

    def score(
        self, inputs: torch.Tensor, targets: torch.Tensor, state: AuthorState | None = None
    ) -> tuple[torch.Tensor, AuthorState]:
        """log p(targets[:, t] | inputs[:, :t+1], state) in nats, (B, T) in float64, by lookup."""
        check_tokens(inputs, self.vocab_size, "inputs")
        check_tokens(targets, self.vocab_size, "targets")
        if inputs.shape != targets.shape:
            raise ValueError(f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)} must have one shape.")
        T = inputs.shape[1]
        rows, log_probs = self._rows(inputs, state), []
        for row, wanted in zip(rows, targets.tolist(), strict=True):
            log_probs.append(self._row_log_probs(row, wanted)[len(row) - T :] if T else [])
        log_probs = torch.tensor(log_probs, dtype=torch.float64, device=inputs.device).view(inputs.shape)
        return log_probs, self._state(rows, inputs.device)

    def _rows(self, tokens: torch.Tensor, state: AuthorState | None) -> list[list[str]]:
        """For each row the words read since the last separator of the state, then the new ones."""
        rows = [[VOCABULARY[i] for i in row] for row in tokens.tolist()]
        if state is None:
            return rows
        check_state(state, AuthorState(tokens.new_empty(len(rows), 0), tokens.new_empty(len(rows))))
        past = zip(state.tokens.tolist(), state.lengths.tolist(), strict=True)
        return [[VOCABULARY[i] for i in old[:n]] + new for (old, n), new in zip(past, rows, strict=True)]

    def _state(self, rows: list[list[str]], device: torch.device) -> AuthorState:
        kept = [row[_last_separator(row) :] for row in rows]
        L = max(map(len, kept), default=0)
        tokens = [[_ID[word] for word in row] + [0] * (L - len(row)) for row in kept]
        lengths = torch.tensor([len(row) for row in kept], dtype=torch.long, device=device)
        return AuthorState(torch.tensor(tokens, dtype=torch.long, device=device).view(len(rows), L), lengths)

    def _chances(self, row: Sequence[str]) -> list:
        """The distribution after each word of `row`."""
        chances = []
        for start, end in _stories(row):
            chances += following(row[start + 1 : end]) if row[start] == SEPARATOR else [ONLY_SEPARATOR] * (end - start)
        return chances

    def _row_log_probs(self, row: Sequence[str], wanted: Sequence[int]) -> list[float]:
        """log p of the word wanted after each word of `row`; `wanted` is as long as the row or shorter (its end)."""
        skipped = len(row) - len(wanted)
        log_probs: list[float] = []
        for start, end in _stories(row):
            targets = [VOCABULARY[i] for i in wanted[max(start - skipped, 0) : max(end - skipped, 0)]]
            text = row[start + 1 : end]
            known = min(len(targets), len(text) + 1)  # the rest was scored when it was read
            if row[start] != SEPARATOR:
                log_probs += [0.0 if word == SEPARATOR else IMPOSSIBLE for word in ["", *text][: end - start - known]]
                log_probs += [0.0 if word == SEPARATOR else IMPOSSIBLE for word in targets]
            elif not text and targets:
                log_probs.append(_first(targets[0]))
            elif not known or targets[:-1] == text[len(text) + 1 - known :]:
                log_probs += read([*text, targets[-1] if targets else SEPARATOR])[1]
            else:
                chances = following(text)
                log_probs += [0.0] * (end - start - known)
                for chance, word in zip(chances[end - start - known :], targets, strict=True):
                    log_prob = chance.get(word)
                    log_probs.append(IMPOSSIBLE if log_prob is None else log_prob)
        return log_probs


_ID = {word: i for i, word in enumerate(VOCABULARY)}


def _last_separator(row: Sequence[str]) -> int:
    return len(row) - 1 - row[::-1].index(SEPARATOR) if SEPARATOR in row else 0


def _stories(row: Sequence[str]) -> list[tuple[int, int]]:
    """The slices of `row` that begin with a separator (the first may not)."""
    starts = [i for i, word in enumerate(row) if word == SEPARATOR or i == 0]
    return list(pairwise([*starts, len(row)]))


def _first(word: str) -> float:
    log_prob = first_word().get(word)
    return IMPOSSIBLE if log_prob is None else log_prob
