"""The two forms of the GRU trained from scratch, and the GRU beside the LSTM at equal processor seconds.

    LMCORE_RECORD=1 python tools/gru_forms.py [PART …]

forms         the ladder's GRU with the reset gate after and before the product, half as many steps as the rung, and
              what each trained model loses if the other form is computed with its weights
village       the ladder's LSTM with more steps than the rung, to take as many processor seconds as the GRU's rung
shakespeare   LSTM and GRU on the characters of Tiny Shakespeare, in equal processor seconds. Each cell has the best of
              RECIPES, chosen by runs of half the length on the last tenth of the training part with another seed;
              then the loss on the whole validation part

All parts take about ten minutes of one core. Writes book/results/gru_forms.json; without LMCORE_RECORD the values are
held against it.
"""

import sys
from dataclasses import replace
from statistics import fmean

from lmcore import GRU, LSTM, CharTokenizer, GRUConfig, LSTMConfig, Village, evaluate, first_available, probe
from lmcore.corpora import corpus_version
from lmcore.data import Stream, split
from lmcore.ladder import RUNGS, training_rows
from lmcore.results import record
from lmcore.train import TrainConfig, train

STORIES, STORIES_SEED = 2000, 2027  # held out
LSTM_STEPS = 1.4  # an LSTM makes so many steps while a GRU of the same width makes one
RECIPES = {
    "AdamW 0.005": {"learning_rate": 5e-3},
    "AdamW 0.01": {"learning_rate": 1e-2},
    "AdamW 0.02": {"learning_rate": 2e-2},
    "Muon 0.02": {"optimizer": "muon", "learning_rate": 1e-2, "muon_learning_rate": 0.02},
    "Muon 0.04": {"optimizer": "muon", "learning_rate": 1e-2, "muon_learning_rate": 0.04},
}
CELLS = {"GRU": (GRU, GRUConfig, 1000), "LSTM": (LSTM, LSTMConfig, round(1000 * LSTM_STEPS))}


def other_form(model: GRU) -> GRU:
    """A copy of `model` that computes the other form with the same weights; b_hn becomes a part of b_n, or is 0."""
    reset = {"after": "before", "before": "after"}[model.config.reset]
    other = GRU(replace(model.config, reset=reset))
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    bias_hn = weights.pop("cells.0.bias_hn", None)
    if bias_hn is None:
        weights["cells.0.bias_hn"] = other.state_dict()["cells.0.bias_hn"]
    else:
        weights["cells.0.bias"][-len(bias_hn) :] += bias_hn
    other.load_state_dict(weights)
    return other.eval()


def note(name: str, values: list[float], unit: str, **settings: object) -> None:
    """Print the value of each seed; record their mean and range."""
    record("gru_forms", name, fmean(values), unit, spread=max(values) - min(values), by_seed=values, **settings)
    print(f"{name}: {', '.join(f'{value:.3f}' for value in values)} {unit}", flush=True)


def scaled(phases: tuple[tuple[int, int, int], ...], factor: float) -> tuple[tuple[int, int, int], ...]:
    """The same phases with `factor` times as many steps."""
    return tuple((round(steps * factor), rows, length) for steps, rows, length in phases)


def forms(seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    village = Village()
    held_out = village.rows(STORIES, STORIES_SEED)
    stories, floor = village.stories(STORIES, STORIES_SEED), evaluate(village.author(), held_out)
    rung = RUNGS["GRU"]
    steps = scaled(rung.training.schedule, 0.5)
    settings = {"data": corpus_version("village"), "seeds": [*seeds, STORIES_SEED], "config": {"phases": steps}}
    for reset in ("after", "before"):
        excess, exchanged, recall = [], [], []
        for seed in seeds:
            model = GRU(replace(rung.config, reset=reset), seed=seed)
            train(model, training_rows(seed), replace(rung.training, phases=steps, seed=seed))
            excess.append(evaluate(model, held_out).excess_over(floor)[0])
            exchanged.append(evaluate(other_form(model), held_out).excess_over(floor)[0])
            recall.append(100 * probe(model, stories, "recall").accuracy)
        note(f"{reset}.excess", excess, "bits per token", **settings)
        note(f"{reset}.exchanged", exchanged, "bits per token", **settings)
        note(f"{reset}.recall", recall, "%", **settings)


def village(seeds: tuple[int, ...] = (0, 1)) -> None:
    held_out = Village().rows(STORIES, STORIES_SEED)
    floor, rung = evaluate(Village().author(), held_out), RUNGS["LSTM"]
    steps, excess, seconds = scaled(rung.training.schedule, LSTM_STEPS), [], []
    for seed in seeds:
        model = rung.model(rung.config, seed=seed)
        run = train(model, training_rows(seed), replace(rung.training, phases=steps, seed=seed))
        excess.append(evaluate(model, held_out).excess_over(floor)[0])
        seconds.append(run.seconds)
    settings = {"data": corpus_version("village"), "seeds": [*seeds, STORIES_SEED], "config": {"phases": steps}}
    note("village.LSTM.excess", excess, "bits per token", seconds=fmean(seconds), **settings)


def shakespeare(seeds: tuple[int, ...] = (0, 1)) -> None:
    corpus = first_available("tinyshakespeare")
    text, held_text = split(corpus.text)
    chars = CharTokenizer.fit(corpus.text)
    tokens, held_out = chars.encode(text), chars.encode(held_text)
    cut = len(tokens) * 9 // 10

    def run(name: str, recipe: str, share: float, read: slice, seed: int) -> tuple:
        model_class, config_class, steps = CELLS[name]
        model = model_class(config_class(vocab_size=chars.vocab_size), seed=seed)
        training = TrainConfig(steps=round(steps * share), rows=32, length=64, seed=seed, **RECIPES[recipe])
        return model, train(model, Stream(tokens[read]), training).seconds

    for name, (_, _, steps) in CELLS.items():
        tried = {
            recipe: evaluate(run(name, recipe, 0.5, slice(cut), 31)[0], tokens[cut:]).nats_per_token
            for recipe in RECIPES
        }
        print(name, {recipe: round(nats, 3) for recipe, nats in tried.items()}, flush=True)
        best = min(tried, key=tried.get)
        runs = [run(name, best, 1.0, slice(None), seed) for seed in seeds]
        settings = {"data": corpus_version("tinyshakespeare"), "seeds": list(seeds)}
        settings |= {"seconds": fmean(seconds for _, seconds in runs), "config": {"steps": steps, "recipe": best}}
        nats = [evaluate(model, held_out).nats_per_token for model, _ in runs]
        note(f"shakespeare.{name}.nats", nats, "nats per character", **settings)


if __name__ == "__main__":
    parts = {"forms": forms, "village": village, "shakespeare": shakespeare}
    for name in sys.argv[1:] or parts:
        parts[name]()
