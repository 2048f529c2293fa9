"""What an n-gram model is: its order, how it smooths, and what it takes for a text."""

from dataclasses import dataclass

SMOOTHINGS = ("add_k", "absolute_discounting", "kneser_ney", "modified_kneser_ney")
HIGHEST_ORDER = 8


@dataclass(frozen=True, kw_only=True)
class NGramConfig:
    """The configuration of an `NGram`.

    order        n: the model reads the last n-1 tokens; 1 to 8.
    vocab_size   number of token ids.
    smoothing    "add_k", or one of three interpolated methods: "absolute_discounting", "kneser_ney",
                 "modified_kneser_ney". ("arpa" marks a model that `NGram.from_arpa` read from a file.)
    k            what "add_k" adds to every count. k = 0 is maximum likelihood, the limit of k -> 0: a seen history
                 gives its relative frequencies, zeros included; a history never seen gives the uniform distribution.
    fallback     what to do where a discount cannot be estimated from the counts: "use" the constants 0.5, 1, 1.5
                 (0.5 where there is a single discount), or "refuse" (fit raises ValueError).
    mode         "stream": the text is one run of tokens. "sentence": it is `<s> w … </s> <s> w … </s> …`; no n-gram
                 crosses a sentence's border, and `<s>` itself is never predicted.
    start_id     the id of `<s>` (sentence mode only).
    end_id       the id of `</s>` (sentence mode only).
    separator_id a token that opens every document of a stream, such as the Village's `<s>` (stream mode only). What
                 stands before it says nothing of what follows, so Kneser-Ney counts the n-grams that begin with it as
                 often as they occur and not by their left neighbours, as sentence mode does with `<s>`.

    Raises ValueError for values outside these.
    """

    order: int
    vocab_size: int
    smoothing: str = "modified_kneser_ney"
    k: float = 1.0
    fallback: str = "use"
    mode: str = "stream"
    start_id: int | None = None
    end_id: int | None = None
    separator_id: int | None = None

    def __post_init__(self):
        for name in ("order", "vocab_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, not {value!r}.")
        if not 1 <= self.order <= HIGHEST_ORDER:
            raise ValueError(f"order must be 1 to {HIGHEST_ORDER}, not {self.order}: an n-gram has at least one token.")
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}.")
        if self.smoothing not in (*SMOOTHINGS, "arpa"):
            raise ValueError(f"smoothing must be one of {', '.join(SMOOTHINGS)}, not {self.smoothing!r}.")
        if not 0 <= self.k < float("inf"):
            raise ValueError(f"k must be a finite number of at least 0, not {self.k!r}.")
        if self.fallback not in ("use", "refuse"):
            raise ValueError(f'fallback must be "use" or "refuse", not {self.fallback!r}.')
        self._check_mode()

    def counts_neighbours(self, n: int) -> bool:
        """Whether order n counts distinct left neighbours instead of occurrences: Kneser–Ney, below the top order."""
        return self.smoothing in ("kneser_ney", "modified_kneser_ney") and n < self.order

    def _check_mode(self):
        ids = (self.start_id, self.end_id)
        if self.mode == "stream":
            if ids != (None, None):
                raise ValueError('start_id and end_id belong to mode="sentence"; a stream has neither.')
            if self.separator_id is not None and not 0 <= self.separator_id < self.vocab_size:
                raise ValueError(f"separator_id must be an id below {self.vocab_size}, not {self.separator_id}.")
        elif self.mode == "sentence":
            if self.separator_id is not None:
                raise ValueError('separator_id belongs to mode="stream"; sentences have start_id and end_id.')
            if None in ids or self.start_id == self.end_id or not all(0 <= i < self.vocab_size for i in ids):
                raise ValueError(
                    'mode="sentence" needs start_id and end_id, two different ids from 0 to '
                    f"{self.vocab_size - 1}; they are {self.start_id} and {self.end_id}."
                )
        else:
            raise ValueError(f'mode must be "stream" or "sentence", not {self.mode!r}.')
