"""The Transformer (Vaswani et al. 2017): blocks of attention and a small network, and three models made of them.

A block is the same everywhere. In an encoder all tokens see all; in a decoder each sees itself and what came before; in
an encoder–decoder each also looks at what the encoder made of a source.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lmcore.attention import MultiHeadAttention, append, causal, distances, last
from lmcore.positions import POSITIONS, alibi_slopes, rotary_turns, sinusoids
from lmcore.rms_norm import RMSNorm

ACTIVATIONS: dict[str, Callable] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "relu2": lambda x: F.relu(x).square(),
    "swiglu": lambda x: F.silu(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1],
}


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """What every Transformer is made of.

    vocab_size      number of token ids
    context_length  W: in each layer a token looks at itself and the W - 1 before it
    n_layer         how many blocks stand on each other
    n_head          heads of each attention; d_model must be a multiple
    n_kv_head       heads of keys and values, which n_head must be a multiple of; 0: as many as n_head
    d_model         C, the width of a token's vector
    d_ff            width inside the small network; 0: 4 C
    positions       "alibi", "rotary", "sinusoidal", "learned", "none"; see `lmcore.positions`
    norm            "rmsnorm" (Zhang & Sennrich 2019) or "layernorm" (Ba et al. 2016)
    norm_place      "pre": before each part, x + part(norm(x)); "post": after it, norm(x + part(x)), as in 2017
    activation      "gelu", "gelu_tanh" (GPT-2's), "relu", "relu2" (its square), "swiglu" (Shazeer 2020)
    qk_norm         norms queries and keys in each head (Henry et al. 2020)
    bias            whether linear maps have a bias
    dropout         the share of each part's output, and of what enters the first block, that is zeroed in training
    tie_embeddings  the map to the vocabulary is the embedding itself (Press & Wolf 2017)
    path            "fused" uses torch's kernel for attention, "readable" the equation; the same numbers

    Raises ValueError for values outside these.
    """

    vocab_size: int
    context_length: int = 256
    n_layer: int = 2
    n_head: int = 4
    n_kv_head: int = 0
    d_model: int = 64
    d_ff: int = 0
    positions: str = "alibi"
    norm: str = "rmsnorm"
    norm_place: str = "pre"
    activation: str = "gelu"
    qk_norm: bool = False
    bias: bool = False
    dropout: float = 0.0
    tie_embeddings: bool = False
    path: str = "fused"

    def __post_init__(self):
        for name in ("vocab_size", "context_length", "n_layer", "n_head", "d_model"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} cannot be divided among {self.n_head} heads.")
        if self.n_kv_head < 0 or self.d_ff < 0:
            raise ValueError("n_kv_head and d_ff must be at least 0, which stands for n_head and 4 × d_model.")
        if self.n_head % self.kv_heads:
            raise ValueError(f"{self.n_head} heads cannot share {self.kv_heads} heads of keys and values evenly.")
        known = {
            "positions": POSITIONS,
            "norm": ("rmsnorm", "layernorm"),
            "norm_place": ("pre", "post"),
            "activation": tuple(ACTIVATIONS),
            "path": ("fused", "readable"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)}, not {getattr(self, name)!r}.")
        if self.positions == "rotary" and self.d_model // self.n_head % 2:
            raise ValueError(f"rotary positions turn pairs, but a head is {self.d_model // self.n_head} wide.")
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(f"sinusoidal positions come in pairs, but d_model is {self.d_model}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout!r}.")

    @property
    def kv_heads(self) -> int:
        return self.n_kv_head or self.n_head

    @property
    def ff_width(self) -> int:
        return self.d_ff or 4 * self.d_model


class Sight(NamedTuple):
    """What tokens may look at in one attention, and how; made once and used by every layer."""

    visible: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    turns: torch.Tensor | None = None


class FeedForward(nn.Module):
    """The small network of a block: two linear maps and a non-linearity BETWEEN them, the same at each position."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.activation = config.activation
        wide = config.ff_width * (2 if config.activation == "swiglu" else 1)
        self.up = nn.Linear(config.d_model, wide, config.bias)
        self.down = nn.Linear(config.ff_width, config.d_model, config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(ACTIVATIONS[self.activation](self.up(x)))


class Block(nn.Module):
    """Attention to one's own sequence, in a `cross` block also to a source, then a small network; each is added to x.

    `norm_place` "pre": x + part(norm(x)). "post": norm(x + part(x)).
    """

    def __init__(self, config: TransformerConfig, cross: bool = False):
        super().__init__()
        shape = (config.d_model, config.n_head, config.kv_heads, config.bias, config.qk_norm)
        self.pre, self.path, self.dropout = config.norm_place == "pre", config.path, config.dropout
        self.norm_attend, self.attend = make_norm(config), MultiHeadAttention(*shape)
        self.cross = MultiHeadAttention(*shape) if cross else None
        self.norm_cross = make_norm(config) if cross else None
        self.norm_feed_forward, self.feed_forward = make_norm(config), FeedForward(config)

    def forward(
        self,
        x: torch.Tensor,
        sight: Sight,
        past: torch.Tensor | None = None,
        source: torch.Tensor | None = None,
        source_sight: Sight | None = None,
        shown: dict[str, list] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, T, C), and the keys and values of the P tokens before -> x (B, T, C), and those of all P + T."""
        q, kv = self.attend.queries_keys_values(self._before(x, self.norm_attend), sight.turns)
        if past is not None:
            kv = append(past, kv)
        seen = None if shown is None else shown["attention"]
        looked = self.attend.look(q, kv, visible=sight.visible, bias=sight.bias, path=self.path, shown=seen)
        x = self._after(x, looked, self.norm_attend)
        if self.cross is not None:
            q = self.cross.queries(self._before(x, self.norm_cross))
            seen = None if shown is None else shown["cross"]
            looked = self.cross.look(q, source, visible=source_sight.visible, path=self.path, shown=seen)
            x = self._after(x, looked, self.norm_cross)
        computed = self.feed_forward(self._before(x, self.norm_feed_forward))
        return self._after(x, computed, self.norm_feed_forward), kv

    def _before(self, x: torch.Tensor, norm: nn.Module) -> torch.Tensor:
        return norm(x) if self.pre else x

    def _after(self, x: torch.Tensor, part: torch.Tensor, norm: nn.Module) -> torch.Tensor:
        x = x + dropped(part, self.dropout, self.training)
        return x if self.pre else norm(x)


def dropped(x: torch.Tensor, share: float, training: bool) -> torch.Tensor:
    return F.dropout(x, share) if share and training else x


def make_norm(config: TransformerConfig) -> nn.Module:
    if config.norm == "rmsnorm":
        return RMSNorm(config.d_model, eps=1e-5)
    return nn.LayerNorm(config.d_model, bias=config.bias)


class Stack(nn.Module):
    """Embedding, positions, blocks and, in "pre" form, a last norm: an encoder or a decoder without its head."""

    def __init__(self, config: TransformerConfig, vocab_size: int, cross: bool = False, looks_ahead: bool = False):
        super().__init__()
        self.config = config
        self.looks_ahead = looks_ahead
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        learned = config.positions == "learned"
        self.positions = nn.Embedding(config.context_length, config.d_model) if learned else None
        self.blocks = nn.ModuleList(Block(config, cross) for _ in range(config.n_layer))
        self.norm = make_norm(config) if config.norm_place == "pre" else nn.Identity()

    def initialise(self, generator: torch.Generator) -> None:
        """Weights by the scheme of GPT-2: normal with a small spread, smaller where a block adds to x."""
        small = 0.02
        with torch.no_grad():
            for block in self.blocks:
                for name, weight in block.named_parameters():
                    if weight.dim() == 2:
                        adds = name.endswith(("weight_out.weight", "down.weight"))
                        weight.normal_(std=small / math.sqrt(len(self.blocks)) if adds else small, generator=generator)
                    elif name.endswith("bias"):
                        weight.zero_()
            self.embedding.weight.normal_(std=small if self.config.tie_embeddings else 0.3, generator=generator)
            if self.positions is not None:
                self.positions.weight.normal_(std=small, generator=generator)

    def check_length(self, at: torch.Tensor, T: int) -> None:
        """Raise a ValueError if there is no learned position for the last of T tokens, the first of them at `at`."""
        end = int(at.max()) + T if self.positions is not None and len(at) else 0
        if end > self.config.context_length:
            raise ValueError(
                f"this model has learned {self.config.context_length} positions and cannot read {end:,} tokens. Cut "
                "the text, or use rotary or ALiBi positions, which have no end."
            )

    def forward(
        self,
        tokens: torch.Tensor,
        at: torch.Tensor,
        past: tuple[torch.Tensor, ...] | None = None,
        visible: torch.Tensor | None = None,
        sources: tuple[torch.Tensor, ...] | None = None,
        source_sight: Sight | None = None,
        shown: dict[str, list] | None = None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """tokens (B, T), the first of them at position `at` (B,) -> (B, T, C), and each layer's keys and values."""
        places = at[:, None] + torch.arange(tokens.shape[1], device=tokens.device)  # (B, T)
        x = self.embedded(tokens, places)
        sight = self._sight(x, places, 0 if past is None else past[0].shape[2], visible)
        after = []
        for layer, block in enumerate(self.blocks):
            source = None if sources is None else sources[layer]
            x, kept = block(x, sight, None if past is None else past[layer], source, source_sight, shown)
            after.append(kept if self.looks_ahead else last(kept, self.config.context_length - 1))
        return self.norm(x), tuple(after)

    def embedded(self, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The vectors of tokens (B, T) at places (B, T), with what tells the place where it is added to them."""
        x = self.embedding(tokens)
        if self.config.positions == "sinusoidal":
            x = x + sinusoids(places, self.config.d_model).to(x.dtype)
        elif self.positions is not None:
            x = x + self.positions(places)
        return dropped(x, self.config.dropout, self.training)

    def _sight(self, x: torch.Tensor, places: torch.Tensor, P: int, visible: torch.Tensor | None) -> Sight:
        config, T = self.config, x.shape[1]
        if not self.looks_ahead:
            visible = causal(T, P, config.context_length, x.device)
        turns = bias = None
        if config.positions == "rotary":
            turns = rotary_turns(places, config.d_model // config.n_head, x.dtype)
        elif config.positions == "alibi":
            back = distances(T, P, x.device)
            far = torch.where(back < 0, -2 * back, back)  # an encoder could not tell before from after by |back|
            # (1, nh, T, P + T); without the axis of the batch torch takes a way that is slower by half
            bias = -alibi_slopes(config.n_head, x)[None] * far
        return Sight(visible, bias, turns)

    def matrices(self) -> Iterator[nn.Parameter]:
        """The weights of hidden layers, which Muon may update."""
        return (weight for weight in self.blocks.parameters() if weight.dim() == 2)


def make_head(decoder: Stack, generator: torch.Generator) -> nn.Linear:
    """The map from the decoder's vectors to the vocabulary; with tied embeddings it is the embedding itself."""
    vocab_size, width = decoder.embedding.weight.shape
    head = nn.Linear(width, vocab_size, bias=False)
    nn.init.normal_(head.weight, std=0.02, generator=generator)
    if decoder.config.tie_embeddings:
        head.weight = decoder.embedding.weight
    return head
