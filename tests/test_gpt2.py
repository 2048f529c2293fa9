"""GPT-2's files: read and written so that the `transformers` library gives the same numbers, both ways."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import safetensors.torch
import torch

from lmcore import GPT, GPTConfig, generate

SETTINGS = {"vocab_size": 50, "n_positions": 80, "n_embd": 24, "n_layer": 3, "n_head": 4}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """transformers' GPT-2 with random weights, large enough for every part to matter, and the folder it saved."""
    from transformers import GPT2Config, GPT2LMHeadModel, utils

    utils.logging.disable_progress_bar()
    model = GPT2LMHeadModel(GPT2Config(**SETTINGS, bos_token_id=0, eos_token_id=0)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(mean=float("ln" in name and "weight" in name), std=0.3, generator=generator)
    folder = tmp_path_factory.mktemp("gpt2")
    model.save_pretrained(folder)
    return model, folder


def tokens():
    return torch.randint(50, (3, 23), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_gpt2_from_transformers_gives_the_same_logits_and_the_same_greedy_tokens(reference):
    theirs, folder = reference
    ours = GPT.from_gpt2(folder)
    assert torch.allclose(ours.double()(tokens())[0], theirs.double()(tokens()).logits, atol=1e-5)
    theirs.float()
    seen = torch.ones(3, 23)
    expected = theirs.generate(tokens(), attention_mask=seen, max_new_tokens=50, do_sample=False, eos_token_id=None)
    assert torch.equal(generate(ours.float(), tokens(), max_tokens=50, temperature=0).tokens, expected[:, 23:])


@torch.no_grad()
def test_a_gpt_from_here_opens_in_transformers(reference, tmp_path):
    from transformers import GPT2LMHeadModel

    config = GPTConfig(
        vocab_size=31, context_length=40, n_layer=2, n_head=3, d_model=12, d_ff=20, positions="learned",
        norm="layernorm", activation="gelu_tanh", bias=True, tie_embeddings=True,
    )  # fmt: skip
    ours = GPT(config, seed=2).eval()
    ours.to_gpt2(tmp_path)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    text = torch.randint(31, (3, 17), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(ours(text)[0], theirs(text).logits, atol=1e-5)
    back = GPT.from_gpt2(tmp_path)
    assert back.config == config and torch.equal(back(text)[0], ours(text)[0])


def test_published_files_have_shorter_names_and_masks_beside_the_weights(reference, tmp_path):
    _, folder = reference
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    short = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    short["h.0.attn.bias"] = torch.ones(1, 1, 80, 80)
    safetensors.torch.save_file(short, tmp_path / "gpt2.safetensors")
    with pytest.raises(ValueError, match="give n_head"):
        GPT.from_gpt2(tmp_path / "gpt2.safetensors")
    model = GPT.from_gpt2(tmp_path / "gpt2.safetensors", n_head=4)
    assert torch.equal(model(tokens())[0], GPT.from_gpt2(folder)(tokens())[0])


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        GPT.from_gpt2(tmp_path)
    safetensors.torch.save_file({"wte.weight": torch.zeros(3, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="is no GPT-2: it lacks"):
        GPT.from_gpt2(tmp_path)
    safetensors.torch.save_file({"wte.other": torch.zeros(3, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"no tensor 'wte\.other'"):
        GPT.from_gpt2(tmp_path)


def test_a_model_that_is_not_as_gpt2_is_refused(tmp_path):
    with pytest.raises(ValueError, match="GPT-2 has positions='learned', norm='layernorm'"):
        GPT(GPTConfig(vocab_size=5)).to_gpt2(tmp_path / "out")
    assert not (tmp_path / "out").exists()
