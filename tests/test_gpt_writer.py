"""Reading one token at a time on the bare weights gives what the model itself gives, and steps aside when it cannot."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lmcore import GPT, GPTConfig, generate
from lmcore.transformer import Block

B, P, N = 3, 4, 21
CONFIG = GPTConfig(vocab_size=11, context_length=7, d_model=24, n_head=4)
SETTINGS = {
    "ALiBi": {},
    "readable": {"path": "readable"},
    "rotary, grouped": {"positions": "rotary", "n_kv_head": 2, "qk_norm": True, "n_layer": 3},
    "sinusoidal, biases": {"positions": "sinusoidal", "norm": "layernorm", "bias": True, "activation": "gelu_tanh"},
    "learned, tied": {"positions": "learned", "context_length": 32, "tie_embeddings": True},
    "none, swiglu": {"positions": "none", "activation": "swiglu", "context_length": 1},
}


@pytest.mark.parametrize("name", SETTINGS)
@torch.no_grad()
def test_it_gives_the_models_own_logits_far_past_the_context(name):
    model = GPT(replace(CONFIG, **SETTINGS[name]), seed=3).double().eval()
    tokens = torch.randint(11, (B, P + N), generator=torch.Generator().manual_seed(2))
    _, state = model(tokens[:, :P])
    expected, _ = model(tokens[:, P:], state)
    kept = [layer.clone() for layer in state.layers]
    write = model.writer(state, N)
    assert write.__qualname__.startswith("make_writer")
    for n in range(N):
        assert torch.allclose(write(tokens[:, P + n : P + n + 1]), expected[:, n], atol=1e-10)
    assert all(torch.equal(a, b) for a, b in zip(state.layers, kept, strict=True))


@torch.no_grad()
def test_rows_may_stand_at_different_places():
    model = GPT(replace(CONFIG, positions="rotary"), seed=3).double().eval()
    tokens = torch.randint(11, (B, P), generator=torch.Generator().manual_seed(2))
    _, state = model(tokens)
    state = state._replace(position=torch.tensor([4, 9, 2]))
    assert torch.allclose(model.writer(state, 1)(tokens[:, :1]), model(tokens[:, :1], state)[0][:, 0], atol=1e-10)


def test_learned_positions_end_there_too():
    model = GPT(replace(CONFIG, positions="learned"), seed=1).eval()
    prompt = torch.zeros(B, 5, dtype=torch.long)
    assert generate(model, prompt, max_tokens=3).tokens.shape == (B, 3)
    with pytest.raises(ValueError, match="cannot read 8 tokens"):
        generate(model, prompt, max_tokens=4)


class Louder(Block):
    def _after(self, x, part, norm):
        return super()._after(x, 2 * part, norm)


class Other(GPT):
    def forward(self, tokens, state=None):
        logits, state = super().forward(tokens, state)
        return -logits, state


@torch.no_grad()
@pytest.mark.parametrize("change", ["a block", "the feed-forward", "a hook", "another class", "post"])
def test_a_changed_model_is_asked_itself(change):
    kind = Other if change == "another class" else GPT
    model = kind(replace(CONFIG, norm_place="post" if change == "post" else "pre"), seed=3).double().eval()
    if change == "a block":
        model.decoder.blocks[1] = Louder(CONFIG).double()
    elif change == "the feed-forward":
        model.decoder.blocks[0].feed_forward = nn.Identity()
    elif change == "a hook":
        model.decoder.blocks[0].feed_forward.register_forward_hook(lambda *_: torch.ones((), dtype=torch.float64))
    prompt = torch.zeros(B, 1, dtype=torch.long)
    out = generate(model, prompt, max_tokens=9, temperature=0)
    read = torch.cat([prompt, out.tokens], 1)
    assert torch.equal(model(read[:, :-1])[0].argmax(-1), out.tokens)
    log_probs, _ = model.score(read[:, :-1], read[:, 1:])
    assert torch.allclose(log_probs, out.log_probs, atol=1e-9)
