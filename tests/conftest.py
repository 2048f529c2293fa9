"""What the tests share: every model of the book, small, and one thread so that two processes do not fight."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from lmcore import (
    GPT,
    GRU,
    LSTM,
    RNN,
    AttentiveLSTM,
    AttentiveLSTMConfig,
    EncoderDecoder,
    EncoderDecoderConfig,
    GPTConfig,
    GRUConfig,
    LSTMConfig,
    NGram,
    NGramConfig,
    RNNConfig,
    Seq2Seq,
    Seq2SeqConfig,
    Village,
)
from lmcore.source import PADDING, SourceModel

torch.set_num_threads(1)


def make_stream_ngram() -> NGram:
    generator = torch.Generator().manual_seed(5)
    return NGram(NGramConfig(order=4, vocab_size=7, separator_id=2)).fit(torch.randint(7, (600,), generator=generator))


def make_sentence_ngram() -> NGram:
    generator = torch.Generator().manual_seed(6)
    sentences = [[0, *torch.randint(2, 9, (5,), generator=generator).tolist(), 1] for _ in range(40)]
    config = NGramConfig(order=3, vocab_size=9, mode="sentence", start_id=0, end_id=1)
    return NGram(config).fit(torch.tensor(sentences).flatten())


def make_gpt(**settings) -> GPT:
    """Small enough that the texts of the contract reach far past twice its context."""
    return GPT(GPTConfig(vocab_size=11, context_length=7, d_model=24, n_head=4, **settings), seed=4).double()


def make_seq2seq(attention: str) -> Seq2Seq:
    sizes = {"vocab_size": 11, "source_vocab_size": 13, "embedding_size": 5, "hidden_size": 7}
    return Seq2Seq(Seq2SeqConfig(attention=attention, **sizes), seed=5).double()


def make_encoder_decoder(**settings) -> EncoderDecoder:
    sizes = {"vocab_size": 11, "source_vocab_size": 13, "context_length": 8, "d_model": 12, "n_head": 3}
    return EncoderDecoder(EncoderDecoderConfig(**sizes, **settings), seed=6).double()


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
    "AttentiveLSTM": lambda: AttentiveLSTM(
        AttentiveLSTMConfig(vocab_size=11, embedding_size=5, hidden_size=8, context_length=7, n_head=2), seed=3
    ).double(),
    "GPT, ALiBi": lambda: make_gpt(path="readable", dropout=0.1),
    "GPT, rotary, grouped": lambda: make_gpt(positions="rotary", n_kv_head=2, qk_norm=True, n_layer=3),
    "GPT, sinusoidal, post": lambda: make_gpt(positions="sinusoidal", norm_place="post", norm="layernorm", bias=True),
    "GPT, none": lambda: make_gpt(positions="none", activation="swiglu"),
    "GPT, learned": lambda: GPT(
        GPTConfig(vocab_size=11, context_length=64, d_model=24, positions="learned", tie_embeddings=True), seed=4
    ).double(),
    "Seq2Seq": lambda: make_seq2seq("none"),
    "Seq2Seq, dot": lambda: make_seq2seq("dot"),
    "Seq2Seq, additive": lambda: make_seq2seq("additive"),
    "EncoderDecoder": lambda: make_encoder_decoder(bias=True, norm="layernorm", norm_place="post"),
    "EncoderDecoder, rotary": lambda: make_encoder_decoder(positions="rotary", n_kv_head=1, path="readable"),
}

WITH_SOURCE = [name for name in MODELS if name.startswith(("Seq2Seq", "EncoderDecoder"))]


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]().eval()


def first(model, B: int, seed: int = 0):
    """The state in which a model begins B rows: None, or what it has read of B sources of different lengths."""
    if not isinstance(model, SourceModel):
        return None
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(model.config.source_vocab_size, (B, 9), generator=generator)
    lengths = torch.tensor([4, 9, 1])[torch.arange(B) % 3]
    return model.read(source.masked_fill(torch.arange(9) >= lengths[:, None], PADDING))


def texts(model, B: int, T: int, seed: int = 0) -> torch.Tensor:
    """B rows of T ids that are a likely thing to read: what the model itself writes, (B, T)."""
    from lmcore import generate

    start = torch.zeros(B, 1, dtype=torch.long)
    written = generate(model, start, state=first(model, B), max_tokens=T - 1, seed=seed).tokens
    return torch.cat([start, written], dim=1)
