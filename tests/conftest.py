"""What the tests share: every model of the book, small, and one thread so that two processes do not fight."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from lmcore import GRU, LSTM, RNN, GRUConfig, LSTMConfig, NGram, NGramConfig, RNNConfig, Village

torch.set_num_threads(1)


def make_stream_ngram() -> NGram:
    generator = torch.Generator().manual_seed(5)
    return NGram(NGramConfig(order=4, vocab_size=7, separator_id=2)).fit(torch.randint(7, (600,), generator=generator))


def make_sentence_ngram() -> NGram:
    generator = torch.Generator().manual_seed(6)
    sentences = [[0, *torch.randint(2, 9, (5,), generator=generator).tolist(), 1] for _ in range(40)]
    config = NGramConfig(order=3, vocab_size=9, mode="sentence", start_id=0, end_id=1)
    return NGram(config).fit(torch.tensor(sentences).flatten())


# The contract is tested for each of these; a new model enters it by one line.
MODELS = {
    "NGram, stream": make_stream_ngram,
    "NGram, sentence": make_sentence_ngram,
    "author": lambda: Village().author(),
    "RNN": lambda: RNN(RNNConfig(vocab_size=11, embedding_size=5, hidden_size=7, dropout=0.1), seed=1).double(),
    "LSTM": lambda: LSTM(LSTMConfig(vocab_size=11, embedding_size=5, hidden_size=7, n_layer=2), seed=2).double(),
    "LSTM, readable, tied": lambda: LSTM(
        LSTMConfig(vocab_size=11, embedding_size=7, hidden_size=7, tie_embeddings=True, path="readable"), seed=2
    ).double(),
    "GRU, after": lambda: GRU(GRUConfig(vocab_size=11, embedding_size=5, hidden_size=7, n_layer=3), seed=3).double(),
    "GRU, before": lambda: GRU(
        GRUConfig(vocab_size=11, embedding_size=5, hidden_size=7, reset="before"), seed=3
    ).double(),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]().eval()


def texts(model, B: int, T: int, seed: int = 0) -> torch.Tensor:
    """B rows of T ids that are a likely thing to read: what the model itself writes, (B, T)."""
    from lmcore import generate

    first = torch.zeros(B, 1, dtype=torch.long)
    return torch.cat([first, generate(model, first, max_tokens=T - 1, seed=seed).tokens], dim=1)
