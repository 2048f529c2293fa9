"""A decoder alone (Radford et al. 2019): the Transformer as a language model, whose memory is all that it has read."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from lmcore.gpt2 import read_gpt2, write_gpt2
from lmcore.gpt_writer import make_writer
from lmcore.model import LanguageModel, check_tokens
from lmcore.runtime import check_seed
from lmcore.state import check_state
from lmcore.transformer import Stack, TransformerConfig, make_head


@dataclass(frozen=True, kw_only=True)
class GPTConfig(TransformerConfig):
    """See `TransformerConfig`."""


class GPTState(NamedTuple):
    """`position` (B,): how many tokens were read; `layers`: keys and values of the last P, (B, 2 n_kv, P, hd)."""

    position: torch.Tensor
    layers: tuple[torch.Tensor, ...]


class GPT(LanguageModel):
    """A language model whose memory is the keys and values of the last `context_length` - 1 tokens in each layer.

    Each layer sees W tokens, so what a prediction may depend on reaches back n_layer (W - 1) tokens. A long text is
    read in pieces of W, or of 256 if W is less. Raises ValueError, before any work, where learned positions end.
    """

    config_class = GPTConfig

    def __init__(self, config: GPTConfig, seed: int = 0):
        super().__init__(config)
        generator = torch.Generator().manual_seed(check_seed(seed))
        self.decoder = Stack(config, config.vocab_size)
        self.decoder.initialise(generator)
        self.head = make_head(self.decoder, generator)
        self.parts = [type(part) for part in self.modules()]

    @property
    def context_length(self) -> int:
        return self.config.context_length

    def forward(self, tokens: torch.Tensor, state: GPTState | None = None) -> tuple[torch.Tensor, GPTState]:
        x, state = self._read(tokens, state)
        return self.head(x), state

    def writer(self, state: GPTState, max_tokens: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """See `LanguageModel.writer`; a model of which a part was changed or is listened to goes through `forward`."""
        hooks = any(part._forward_hooks or part._forward_pre_hooks for part in self.modules())
        changed = type(self) is not GPT or self.parts != [type(part) for part in self.modules()]
        if hooks or changed or self.config.norm_place == "post":
            return super().writer(state, max_tokens)
        return make_writer(self.decoder, self.head, *state, max_tokens)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return self._groups(list(self.decoder.matrices()))

    @torch.no_grad()
    def read_out(self, tokens: torch.Tensor, state: GPTState | None = None) -> dict[str, torch.Tensor]:
        """How much each of T tokens looks at the P kept ones and the T: {"attention": (B, n_layer, n_head, T, P + T)}.

        It is `forward`'s own path that shows them. Raises as `forward`; ValueError for no token or more than
        `context_length`.
        """
        T = tokens.shape[1]
        if not 1 <= T <= self.config.context_length:
            raise ValueError(f"attention is shown for 1 to {self.config.context_length} tokens at once, not {T}.")
        shown: dict[str, list] = {"attention": []}
        self._read(tokens, state, shown)
        return {name: torch.stack(layers, 1) for name, layers in shown.items()}

    @classmethod
    def from_gpt2(cls, path: str | os.PathLike, n_head: int | None = None) -> "GPT":
        """The model in GPT-2's .safetensors file, or in the folder that holds it and its config.json.

        Raises FileNotFoundError, or ValueError for a file that is no GPT-2, or if the number of heads is not known.
        """
        settings, tensors = read_gpt2(path, n_head)
        model = cls(GPTConfig(**settings))
        tensors["head.weight"] = tensors["decoder.embedding.weight"]
        model.load_state_dict(tensors)
        return model.eval()

    def to_gpt2(self, path: str | os.PathLike) -> None:
        """Write GPT-2's folder, model.safetensors and config.json, at `path`.

        Raises ValueError unless the model is one as GPT-2 is: learned positions, LayerNorm before each part, and so on.
        """
        config = dataclasses.asdict(self.config)
        wanted = {"positions": "learned", "norm": "layernorm", "norm_place": "pre", "activation": "gelu_tanh",
                  "bias": True, "tie_embeddings": True, "qk_norm": False}  # fmt: skip
        wrong = [f"{name}={value!r}" for name, value in wanted.items() if config[name] != value]
        if wrong or self.config.kv_heads != self.config.n_head:
            raise ValueError(f"GPT-2 has {', '.join(wrong) or 'as many n_kv_head as n_head'}; this model has not.")
        write_gpt2(path, config, self.state_dict())

    def _read(
        self, tokens: torch.Tensor, state: GPTState | None, shown: dict[str, list] | None = None
    ) -> tuple[torch.Tensor, GPTState]:
        """tokens (B, T) -> (B, T, C) and the state after."""
        check_tokens(tokens, self.vocab_size)
        B, T = tokens.shape
        start = torch.zeros(B, dtype=torch.long, device=tokens.device)
        position, layers = check_state(state, GPTState(start, empty_layers(B, self.config, self.head.weight)))
        self.decoder.check_length(position, T)
        outputs = []
        for piece in pieces(tokens, self.config.context_length):
            x, layers = self.decoder(piece, position, layers, shown=shown)
            position = position + piece.shape[1]
            outputs.append(x)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1), GPTState(position, layers)


def empty_layers(B: int, config: TransformerConfig, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The keys and values of nothing, for each layer."""
    return (like.new_empty(B, 2 * config.kv_heads, 0, config.d_model // config.n_head),) * config.n_layer


def pieces(tokens: torch.Tensor, context_length: int) -> Sequence[torch.Tensor]:
    """tokens (B, T) in pieces of at most `context_length`, or 256 if that is less; at least one."""
    length = max(context_length, 256)
    return tokens.split(length, 1) if tokens.shape[1] > length else (tokens,)
