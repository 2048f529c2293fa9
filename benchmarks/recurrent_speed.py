"""How fast the RNN, the LSTM and the GRU are on one core, as ratios to torch.nn's with the same sizes.

    python benchmarks/recurrent_speed.py [REPEATS]

One layer, forward and backward: 32 rows of 64 tokens, 64 wide, float32, gradients of all weights and of the input. The
fused path, the readable path and torch.nn's layer take turns; a ratio is the median over the turns of the two times of
one turn, in processor seconds. Beside it the same for a training step of a whole language model of the Village's size:
embedding, layer, vocabulary, loss, backward. Then an LSTM reads one token at a time, as it does when it writes; there
is no ratio that would cancel what other programs take from the processor's caches, so the best turn counts.

Which instructions torch's kernels use depends on the processor: on some its LSTM runs through oneDNN with wider
vectors than plain matrix products, and the readable ratio grows.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from lmcore import GRU, LSTM, RNN, GRUConfig, LSTMConfig, RNNConfig

B, T, INPUT, V = 32, 64, 64, 226
KINDS = {"RNN": (RNN, RNNConfig, nn.RNN), "LSTM": (LSTM, LSTMConfig, nn.LSTM), "GRU": (GRU, GRUConfig, nn.GRU)}
FUSED, READABLE, STREAMING = 1.05, {"RNN": 1.3, "LSTM": 2.2, "GRU": 1.3}, 8000


class TorchModel(nn.Module):
    """The language model that one writes with torch.nn alone."""

    def __init__(self, layer: nn.Module, hidden_size: int):
        super().__init__()
        self.embedding, self.layer, self.head = nn.Embedding(V, INPUT), layer, nn.Linear(hidden_size, V)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.head(self.layer(self.embedding(tokens))[0]), None


def layer_call(layer: Callable, weights: list[nn.Parameter], x: torch.Tensor, gradient: torch.Tensor) -> Callable:
    """One pass forward and backward through a layer that maps (B, T, input) to (B, T, H)."""
    return lambda: torch.autograd.grad(layer(x), [x, *weights], gradient)


def step_call(model: nn.Module, tokens: torch.Tensor) -> Callable:
    """The gradient of one training step."""

    def call() -> None:
        logits, _ = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        torch.autograd.grad(loss, list(model.parameters()))

    return call


def seconds(calls: list[Callable], repeats: int) -> list[list[float]]:
    """Processor seconds of each call, (repeats, calls): the calls take turns, after two turns that do not count."""
    times = []
    for _ in range(repeats + 2):
        turn = []
        for call in calls:
            began = time.process_time()
            call()
            turn.append(time.process_time() - began)
        times.append(turn)
    return times[2:]


def compared(kind: str, hidden_size: int, repeats: int) -> tuple[list[list[float]], list[list[float]]]:
    """Times of (torch.nn, fused, readable): of the layer alone, and of a training step."""
    model_class, config_class, torch_class = KINDS[kind]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(B, T, INPUT, generator=generator).requires_grad_()
    gradient = torch.randn(B, T, hidden_size, generator=generator)
    tokens = torch.randint(V, (B, T + 1), generator=generator)
    theirs = torch_class(INPUT, hidden_size, batch_first=True)
    layers = [layer_call(lambda x: theirs(x)[0], list(theirs.parameters()), x, gradient)]
    steps = [step_call(TorchModel(theirs, hidden_size), tokens)]
    for path in ("fused", "readable"):
        model = model_class(config_class(vocab_size=V, embedding_size=INPUT, hidden_size=hidden_size, path=path))
        (cell,) = model.cells
        run = cell.fused if path == "fused" else cell.loop
        layers.append(
            layer_call(
                lambda x, run=run, cell=cell: run(x, cell.empty_state(x[:, 0]))[0], list(cell.parameters()), x, gradient
            )
        )
        steps.append(step_call(model, tokens))
    return seconds(layers, repeats), seconds(steps, repeats)


@torch.no_grad()
def streamed(repeats: int) -> list[float]:
    """Tokens a second of an LSTM that reads one row, one token at a time; one number a turn."""
    model = LSTM(LSTMConfig(vocab_size=V, embedding_size=INPUT, hidden_size=128)).eval()
    tokens = torch.randint(V, (500,), generator=torch.Generator().manual_seed(0)).view(-1, 1, 1)

    def read() -> None:
        state = None
        for token in tokens:
            _, state = model(token, state)

    return [len(tokens) / turn[0] for turn in seconds([read], repeats)]


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    missed = []

    def held(what: str, ratio: float, bound: float) -> str:
        """The ratio and its bound as the table shows them; what misses it is gathered for the last line."""
        if ratio > bound:
            missed.append(f"{what} {ratio:.2f}, not {bound}")
        return f"{ratio:5.2f} (≤ {bound})"

    print(f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, one thread, {repeats} turns; B {B}, T {T}")
    print("            torch.nn     layer: fused   readable          training step: fused   readable")
    for kind in KINDS:
        for hidden_size in (128, 256):
            layer, step = compared(kind, hidden_size, repeats)
            fused, readable, fused_step, readable_step = (
                median(turn[i] / turn[0] for turn in times) for times in (layer, step) for i in (1, 2)
            )
            name = f"{kind:4} H {hidden_size}"
            print(
                f"{name}  {1e3 * median(turn[0] for turn in layer):5.1f} ms     "
                f"{held(f'{name}, fused layer:', fused, FUSED)}  "
                f"{held(f'{name}, readable layer:', readable, READABLE[kind])}"
                f"                {fused_step:5.2f}      {readable_step:5.2f}"
            )
    tokens = streamed(repeats)
    if max(tokens) < STREAMING:
        missed.append(f"streaming {max(tokens):,.0f} tokens a second, not {STREAMING:,}")
    print(
        f"LSTM H 128, one token at a time: {max(tokens):,.0f} tokens a second (≥ {STREAMING:,}), "
        f"{median(tokens):,.0f} in the median turn"
    )
    print("all within their bounds" if not missed else "MISSED: " + "; ".join(missed))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
