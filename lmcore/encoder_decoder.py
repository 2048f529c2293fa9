"""The whole Transformer of 2017: an encoder that reads a source, and a decoder that looks at it while it writes."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from lmcore.gpt import empty_layers, pieces
from lmcore.model import check_tokens
from lmcore.runtime import check_seed
from lmcore.source import SourceModel, check_source, need_source
from lmcore.state import check_state
from lmcore.transformer import Sight, Stack, TransformerConfig, make_head


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig(TransformerConfig):
    """See `TransformerConfig`; encoder and decoder have `n_layer` blocks each.

    source_vocab_size   number of ids of the source
    """

    source_vocab_size: int

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.source_vocab_size, int) or self.source_vocab_size < 1:
            raise ValueError(f"source_vocab_size must be a whole number of at least 1, not {self.source_vocab_size!r}.")


class EncoderDecoderState(NamedTuple):
    """What was written, as in `GPTState`, and what was read: each layer's keys and values of S source tokens."""

    position: torch.Tensor
    layers: tuple[torch.Tensor, ...]
    sources: tuple[torch.Tensor, ...]
    there: torch.Tensor  # (B, S): False at padding


class EncoderDecoder(SourceModel):
    """A language model about a source. Nothing of the source is compressed: each layer looks at all of its tokens."""

    config_class = EncoderDecoderConfig

    def __init__(self, config: EncoderDecoderConfig, seed: int = 0):
        super().__init__(config)
        generator = torch.Generator().manual_seed(check_seed(seed))
        self.encoder = Stack(config, config.source_vocab_size, looks_ahead=True)
        self.decoder = Stack(config, config.vocab_size, cross=True)
        self.encoder.initialise(generator)
        self.decoder.initialise(generator)
        self.head = make_head(self.decoder, generator)

    @property
    def context_length(self) -> int:
        return self.config.context_length

    def read(self, source: torch.Tensor) -> EncoderDecoderState:
        return self._encode(source)

    def forward(
        self, tokens: torch.Tensor, state: EncoderDecoderState | None = None
    ) -> tuple[torch.Tensor, EncoderDecoderState]:
        x, state = self._write(tokens, need_source(state, self))
        return self.head(x), state

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return self._groups([*self.encoder.matrices(), *self.decoder.matrices()])

    @torch.no_grad()
    def read_out(self, source: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """Who looks at whom: "source" (B, n_layer, n_head, S, S), "attention" (B, n_layer, n_head, T, T) and "cross"
        (B, n_layer, n_head, T, S). It is the model's own path that shows them. Raises as `read` and `forward`.
        """
        if not 1 <= tokens.shape[1] <= self.config.context_length:
            raise ValueError(f"attention is shown for 1 to {self.config.context_length} tokens, not {tokens.shape[1]}.")
        reading: dict[str, list] = {"attention": []}
        writing: dict[str, list] = {"attention": [], "cross": []}
        self._write(tokens, self._encode(source, reading), writing)
        parts = {"source": reading["attention"], **writing}
        return {name: torch.stack(layers, 1) for name, layers in parts.items()}

    def _encode(self, source: torch.Tensor, shown: dict[str, list] | None = None) -> EncoderDecoderState:
        there = check_source(source, self.config.source_vocab_size)
        B, S = source.shape
        start = torch.zeros(B, dtype=torch.long, device=source.device)
        self.encoder.check_length(start, S)
        x, _ = self.encoder(source.clamp(min=0), start, visible=there[:, None, None], shown=shown)
        sources = tuple(block.cross.keys_values(x) for block in self.decoder.blocks)
        return EncoderDecoderState(start, empty_layers(B, self.config, self.head.weight), sources, there)

    def _write(
        self, tokens: torch.Tensor, state: EncoderDecoderState, shown: dict[str, list] | None = None
    ) -> tuple[torch.Tensor, EncoderDecoderState]:
        check_tokens(tokens, self.vocab_size)
        B, nothing = len(tokens), empty_layers(len(tokens), self.config, self.head.weight)
        like = EncoderDecoderState(tokens.new_empty(B), nothing, nothing, tokens.new_empty(B, 0))
        position, layers, sources, there = check_state(state, like)
        self.decoder.check_length(position, tokens.shape[1])
        sight, outputs = Sight(there[:, None, None]), []
        for piece in pieces(tokens, self.config.context_length):
            x, layers = self.decoder(piece, position, layers, sources=sources, source_sight=sight, shown=shown)
            position = position + piece.shape[1]
            outputs.append(x)
        return torch.cat(outputs, 1), EncoderDecoderState(position, layers, sources, there)
