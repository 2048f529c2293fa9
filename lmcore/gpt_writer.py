"""A GPT that reads one token at a time: the sums of `Block` on nothing but the weights.

For one token the arithmetic is small, since each weight is used once. In `GPT.forward` most of the time goes into calls
of modules and into states, of which `generate` needs only the last. So it reads its tokens here: the same numbers, up
to rounding.
"""

from collections.abc import Callable

import torch
from torch import nn

from lmcore.attention import attention
from lmcore.positions import alibi_slopes, rotary_turns
from lmcore.transformer import ACTIVATIONS, Stack


def make_writer(
    decoder: Stack, head: nn.Linear, position: torch.Tensor, layers: tuple[torch.Tensor, ...], max_tokens: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function tokens (B, 1) -> logits (B, V) that reads on from a state, for a decoder in "pre" form.

    Keys and values of all layers stand in one tensor, which the function writes on; when it is full, the last W - 1
    tokens go to its beginning.
    """
    config = decoder.config
    W, hd, activation = config.context_length, config.d_model // config.n_head, ACTIVATIONS[config.activation]
    blocks = [
        (
            _norm(block.norm_attend),
            _linear(block.attend.weight_in),
            block.attend.finished,
            _linear(block.attend.weight_out),
            _norm(block.norm_feed_forward),
            _linear(block.feed_forward.up),
            _linear(block.feed_forward.down),
        )
        for block in decoder.blocks
    ]
    norm, to_logits = _norm(decoder.norm), _linear(head)
    B, H, end, _ = layers[0].shape
    room = layers[0].new_empty(len(layers), B, H, min(end + max_tokens, 2 * W), hd)
    room[..., :end, :] = torch.stack(layers)
    fading = -alibi_slopes(config.n_head, room)[None] * torch.arange(W - 1, -1, -1, device=room.device)

    @torch.inference_mode()
    def write(tokens: torch.Tensor) -> torch.Tensor:
        nonlocal position, end
        decoder.check_length(position, 1)
        if end == room.shape[3]:
            room[..., : W - 1, :] = room[..., end - W + 1 :, :]
            end = W - 1
        seen = room[..., max(0, end + 1 - W) : end + 1, :]  # (n_layer, B, 2 n_kv, ≤ W, hd)
        bias = fading[..., W - seen.shape[3] :] if config.positions == "alibi" else None
        turns = rotary_turns(position[:, None], hd, room.dtype) if config.positions == "rotary" else None
        x = decoder.embedded(tokens, position[:, None])[:, 0]  # (B, C)
        here, keys, values = seen[..., -1:, :].unbind(), *(part.unbind() for part in seen.chunk(2, 2))
        for (norm_1, make, finish, join, norm_2, up, down), new, k, v in zip(blocks, here, keys, values, strict=True):
            q, kv = finish(make(norm_1(x)).view(B, -1, 1, hd), turns)
            new.copy_(kv)
            x = x + join(attention(q, k, v, None, bias, path=config.path).reshape(B, -1))
            x = x + down(activation(up(norm_2(x))))
        position, end = position + 1, end + 1
        return to_logits(norm(x))

    return write


def _linear(part: nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    """The map of an nn.Linear, with the matrix turned round once instead of for each token."""
    W, b = part.weight.t().contiguous(), part.bias
    return (lambda x: x @ W) if b is None else (lambda x: torch.addmm(b, x, W))


def _norm(part: nn.LayerNorm | nn.RMSNorm) -> Callable[[torch.Tensor], torch.Tensor]:
    shape, w, eps = part.normalized_shape, part.weight, part.eps
    if isinstance(part, nn.RMSNorm):
        return lambda x: torch.rms_norm(x, shape, w, eps)
    b = part.bias
    return lambda x: torch.layer_norm(x, shape, w, b, eps)
