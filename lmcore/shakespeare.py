"""Recipes for plain text by the character, found on Tiny Shakespeare: seconds for the chapters, and the long runs.

    text, held_text = split(load_corpus("tinyshakespeare"))  # the last tenth is never read in training
    tokenizer = CharTokenizer.fit(text)
    model, history = RECIPES["LSTM"].train(tokenizer.encode(text), tokenizer.vocab_size)
    evaluate(model, tokenizer.encode(held_text)).nats_per_token

The text is read in order, as a `Stream`, and the memory is carried from batch to batch: a recurrent network's vector,
and a GPT's keys and values, so that a row of 32 characters looks back further than its own beginning (Dai et al. 2019).
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from lmcore.data import Stream
from lmcore.gpt import GPT, GPTConfig
from lmcore.gru import GRU, GRUConfig
from lmcore.lstm import LSTM, LSTMConfig
from lmcore.model import LanguageModel
from lmcore.recurrent import RecurrentConfig
from lmcore.rnn import RNN, RNNConfig
from lmcore.train import History, TrainConfig, train

__all__ = ["GPU", "LONG", "RECIPES", "Recipe"]

V = 65  # different characters in Tiny Shakespeare


@dataclass(frozen=True)
class Recipe:
    """One network for text: its class, its configuration and how it is trained."""

    model: type[LanguageModel]
    config: RecurrentConfig | GPTConfig
    training: TrainConfig

    def train(
        self, tokens: torch.Tensor, vocab_size: int = V, seed: int = 0, **options: Any
    ) -> tuple[LanguageModel, History]:
        """A new model that has learned from `tokens`, a 1-D tensor of ids below `vocab_size`, and what happened.

        `seed` draws the weights, the batches' offsets and dropout; `options` go to `lmcore.train.train` (held_out,
        checkpoint, progress, …). Raises as that.
        """
        model = self.model(replace(self.config, vocab_size=vocab_size), seed=seed)
        return model, train(model, Stream(tokens), replace(self.training, seed=seed), **options)


def _short(steps: int, muon: float, rate: float) -> TrainConfig:
    """Many small steps, and rates so high that they must fall for most of the run; Muon learns most in few steps."""
    settings = {"rows": 32, "length": 32, "optimizer": "muon", "warmup": 20, "decay": 0.7, "evaluate_every": 37}
    return TrainConfig(steps=steps, muon_learning_rate=muon, learning_rate=rate, **settings)


_gated = {"vocab_size": V, "embedding_size": 32, "hidden_size": 96, "gate_init": "one"}
_modern = {"vocab_size": V, "positions": "rotary", "qk_norm": True, "activation": "relu2"}
RECIPES = {
    "RNN": Recipe(RNN, RNNConfig(vocab_size=V, embedding_size=32, hidden_size=128), _short(460, muon=0.03, rate=0.01)),
    "LSTM": Recipe(LSTM, LSTMConfig(**_gated), _short(370, muon=0.06, rate=0.02)),
    "GRU": Recipe(GRU, GRUConfig(**_gated), _short(370, muon=0.04, rate=0.02)),
    "GPT": Recipe(GPT, GPTConfig(**_modern, context_length=32), _short(407, muon=0.03, rate=0.03)),
}



def _long(steps: int, length: int, muon: float, rate: float, evaluate_every: int) -> TrainConfig:
    """Large batches, many passes, and weights kept small."""
    settings = {"rows": 64, "optimizer": "muon", "weight_decay": 0.1, "decay": 0.8, "evaluate_every": evaluate_every}
    return TrainConfig(steps=steps, length=length, muon_learning_rate=muon, learning_rate=rate, **settings)


LONG = {
    # half an hour of one core in bfloat16 (LMCORE_PRECISION=bfloat16)
    "LSTM": Recipe(
        LSTM,
        LSTMConfig(vocab_size=V, embedding_size=128, hidden_size=384, n_layer=2, dropout=0.3, gate_init="one"),
        _long(3700, 64, muon=0.03, rate=0.01, evaluate_every=400),
    ),
    # three quarters of an hour of one core in float32
    "GPT": Recipe(
        GPT,
        GPTConfig(**_modern, n_layer=4, n_head=5, d_model=160, context_length=128, dropout=0.1),
        _long(2000, 64, muon=0.02, rate=0.01, evaluate_every=250),
    ),
}

# For a card: as deep and wide as in nanoGPT's recipe for one, looking back as far, and read as the others are.
GPU = Recipe(
    GPT,
    GPTConfig(**_modern, n_layer=6, n_head=6, d_model=384, context_length=256, dropout=0.2),
    _long(2000, 256, muon=0.02, rate=0.003, evaluate_every=250),
)
