"""Language models, from counting to attention: one interface, and every model of the book behind it.

logits, state = model(tokens, state)      tokens (B, T) -> logits (B, T, V)
"""

from lmcore.attentive import AttentiveLSTM, AttentiveLSTMConfig
from lmcore.corpora import first_available, load_corpus
from lmcore.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from lmcore.evaluate import evaluate, token_losses
from lmcore.generate import generate
from lmcore.gpt import GPT, GPTConfig
from lmcore.gru import GRU, GRUConfig
from lmcore.lstm import LSTM, LSTMConfig
from lmcore.model import LanguageModel, load, load_tokenizer, save
from lmcore.ngram import NGram, NGramConfig
from lmcore.probes import probe
from lmcore.rnn import RNN, RNNConfig
from lmcore.seq2seq import Seq2Seq, Seq2SeqConfig
from lmcore.tokenizer import CharTokenizer, WordTokenizer
from lmcore.train import TrainConfig, train
from lmcore.village import Village

__all__ = [
    "GPT",
    "GRU",
    "LSTM",
    "RNN",
    "AttentiveLSTM",
    "AttentiveLSTMConfig",
    "CharTokenizer",
    "EncoderDecoder",
    "EncoderDecoderConfig",
    "GPTConfig",
    "GRUConfig",
    "LSTMConfig",
    "LanguageModel",
    "NGram",
    "NGramConfig",
    "RNNConfig",
    "Seq2Seq",
    "Seq2SeqConfig",
    "TrainConfig",
    "Village",
    "WordTokenizer",
    "evaluate",
    "first_available",
    "generate",
    "load",
    "load_corpus",
    "load_tokenizer",
    "probe",
    "save",
    "token_losses",
    "train",
]
