"""The ladder: the models that the book climbs, and how each is trained on the Village.

One recipe a rung, used by the chapters, the ladder's page and the benchmarks. `RUNGS["LSTM"].train(seed)` trains one,
in at most a minute of one core; `trained("LSTM")` is the same model, trained before and kept with the package.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from lmcore.attentive import AttentiveLSTM, AttentiveLSTMConfig
from lmcore.data import Rows
from lmcore.gpt import GPT, GPTConfig
from lmcore.gru import GRU, GRUConfig
from lmcore.lstm import LSTM, LSTMConfig
from lmcore.model import LanguageModel, load
from lmcore.rnn import RNN, RNNConfig
from lmcore.train import History, TrainConfig, train
from lmcore.village import Village

__all__ = ["RUNGS", "Rung", "trained", "training_rows"]

STORIES = 24_000  # that a rung is trained on
WEIGHTS = Path(__file__).parent / "weights"


@cache
def training_rows(seed: int = 0, stories: int = STORIES) -> Rows:
    """What a rung learns from: stories of the Village, drawn from 100 + seed; each row begins at a story."""
    village = Village()
    return Rows(village.tokenizer.encode(village.write(stories, 100 + seed), allow_special=True), separator=0)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One network of the ladder: its class, its configuration and how it is trained."""

    model: type[LanguageModel]
    config: Any
    training: TrainConfig

    def train(self, seed: int = 0, progress: bool = True) -> tuple[LanguageModel, History]:
        """A new model and what happened; `seed` draws the stories, the weights and the batches."""
        model = self.model(self.config, seed=seed)
        return model, train(model, training_rows(seed), replace(self.training, seed=seed), progress=progress)


V = Village().tokenizer.vocab_size


def _steps(short: int, long: int) -> tuple[tuple[int, int, int], ...]:
    """Rows of 64 tokens first, which is faster and brings the short distances first, then rows that hold a story."""
    return ((short, 32, 64), (long, 16, 128))


# The gated networks share one recipe, also the one that looks back, so that what differs between them is the memory.
# Muon at this rate takes them to a lower loss in fewer steps than AdamW, and teaches the last one to look for a name,
# which AdamW does not with every seed. The RNN's memory it leaves at chance, so the RNN keeps AdamW and more steps.
GATED = TrainConfig(phases=_steps(800, 250), optimizer="muon", learning_rate=1e-2, muon_learning_rate=0.02)

RUNGS = {
    "RNN": Rung(
        model=RNN,
        config=RNNConfig(vocab_size=V),
        training=TrainConfig(phases=_steps(2900, 350), learning_rate=3e-3),
    ),
    "LSTM": Rung(model=LSTM, config=LSTMConfig(vocab_size=V), training=GATED),
    "GRU": Rung(model=GRU, config=GRUConfig(vocab_size=V), training=GATED),
    "AttentiveLSTM": Rung(model=AttentiveLSTM, config=AttentiveLSTMConfig(vocab_size=V), training=GATED),
    # Lower rates than theirs, which rise slowly: with higher ones the two layers do not find together, and recall does
    # not come. It comes between steps 500 and 1000, at another step with each seed. Few rows a step are enough until
    # then; later they leave too much to chance, so their number grows. Rows of 64 never reach the ends of stories,
    # where most of its loss is.
    "GPT": Rung(
        model=GPT,
        config=GPTConfig(vocab_size=V, qk_norm=True),
        training=TrainConfig(
            phases=((1400, 8, 128), (350, 16, 128), (150, 32, 128)),
            optimizer="muon",
            learning_rate=1e-2,
            muon_learning_rate=7e-3,
            warmup=300,
            decay=0.5,
        ),
    ),
}


def trained(name: str) -> LanguageModel:
    """A rung that was trained before with seed 0, in evaluation mode; `RUNGS[name].train(0)` trains it anew.

    Raises ValueError for another name than those of RUNGS.
    """
    if name not in RUNGS:
        raise ValueError(f"the ladder's networks are {', '.join(RUNGS)}, not {name!r}.")
    return load(WEIGHTS / f"village_{name.lower()}.safetensors", expect=RUNGS[name].model)
