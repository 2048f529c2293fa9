"""N-grams: a language model that counts. `config` says what it is, `counts` counts, `smoothing` turns counts into
probabilities, `model` looks them up, `explain` shows how one was made, `arpa` writes and reads the common file."""

from lmcore.ngram.config import NGramConfig
from lmcore.ngram.model import NGram, NGramState

__all__ = ["NGram", "NGramConfig", "NGramState"]
