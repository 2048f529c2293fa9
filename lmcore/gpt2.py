"""GPT-2's files (Radford et al. 2019): the names and the layout in which its weights are handed round.

GPT-2 stores the matrices of its linear maps as input × output (its "Conv1D"), torch as output × input. The map to the
vocabulary is the embedding, and a file may leave it out.
"""

import json
import os
import re
from pathlib import Path

import safetensors.torch
import torch

from lmcore.runtime import write_whole

OUTER = {
    "wte.weight": "decoder.embedding.weight",
    "wpe.weight": "decoder.positions.weight",
    "ln_f.weight": "decoder.norm.weight",
    "ln_f.bias": "decoder.norm.bias",
}
PARTS = {
    "ln_1": "norm_attend",
    "attn.c_attn": "attend.weight_in",
    "attn.c_proj": "attend.weight_out",
    "ln_2": "norm_feed_forward",
    "mlp.c_fc": "feed_forward.up",
    "mlp.c_proj": "feed_forward.down",
}
IN_LAYER = re.compile(r"h\.(\d+)\.(.+)\.(weight|bias)")
# Masks that old files keep beside the weights, and the head, which is the embedding.
LEFT_OUT = re.compile(r"h\.\d+\.attn\.(masked_)?bias|lm_head\.weight")


def read_gpt2(path: str | os.PathLike, n_head: int | None) -> tuple[dict, dict[str, torch.Tensor]]:
    """The settings of a GPTConfig and the weights by lmcore's names, from GPT-2's .safetensors file or its folder.

    Raises FileNotFoundError, or ValueError if a tensor is missing, unknown, or the number of heads is not known.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of weights at {path}.")
    tensors = {}
    for name, tensor in safetensors.torch.load_file(path).items():
        name = name.removeprefix("transformer.")
        if not LEFT_OUT.fullmatch(name):
            tensors[ours(name)] = tensor.T if turned(name) else tensor
    missing = {*OUTER.values()} - tensors.keys()
    if missing:
        raise ValueError(f"{path} is no GPT-2: it lacks {sorted(missing)[0]}.")
    vocab_size, width = tensors["decoder.embedding.weight"].shape
    config_file = path.parent / "config.json"
    if n_head is None and config_file.is_file():
        n_head = json.loads(config_file.read_text(encoding="utf-8")).get("n_head")
    if n_head is None:
        raise ValueError(
            "how many heads a GPT-2 has is not in its weights: give n_head, or keep its config.json beside."
        )
    settings = {
        "vocab_size": vocab_size,
        "context_length": len(tensors["decoder.positions.weight"]),
        "n_layer": 1 + max(int(match[1]) for name in tensors if (match := re.match(r"decoder\.blocks\.(\d+)\.", name))),
        "n_head": n_head,
        "d_model": width,
        "d_ff": len(tensors["decoder.blocks.0.feed_forward.up.weight"]),
        "positions": "learned",
        "norm": "layernorm",
        "activation": "gelu_tanh",
        "bias": True,
        "tie_embeddings": True,
    }
    return settings, tensors


def write_gpt2(path: str | os.PathLike, settings: dict, tensors: dict[str, torch.Tensor]) -> None:
    """Write weights with lmcore's names as GPT-2's folder: model.safetensors and config.json."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    theirs = {}
    for name, tensor in tensors.items():
        if name != "head.weight":
            name = _theirs(name)
            theirs[f"transformer.{name}"] = (tensor.T if turned(name) else tensor).detach().cpu().contiguous()
    about = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": settings["vocab_size"],
        "n_positions": settings["context_length"],
        "n_embd": settings["d_model"],
        "n_layer": settings["n_layer"],
        "n_head": settings["n_head"],
        "n_inner": settings["d_ff"] or None,
        "activation_function": "gelu_new",
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    write_whole(folder / "model.safetensors", safetensors.torch.save(theirs, metadata={"format": "pt"}))
    write_whole(folder / "config.json", json.dumps(about, indent=1) + "\n")


def turned(name: str) -> bool:
    """Whether GPT-2 stores this tensor the other way round."""
    match = IN_LAYER.fullmatch(name)
    return bool(match) and match[3] == "weight" and not match[2].startswith("ln_")


def ours(name: str) -> str:
    """lmcore's name of a tensor of GPT-2."""
    match = IN_LAYER.fullmatch(name)
    if match and match[2] in PARTS:
        return f"decoder.blocks.{match[1]}.{PARTS[match[2]]}.{match[3]}"
    if name in OUTER:
        return OUTER[name]
    raise ValueError(f"GPT-2 has no tensor {name!r}.")


def _theirs(name: str) -> str:
    """GPT-2's name of a tensor of lmcore."""
    outer = {ours: theirs for theirs, ours in OUTER.items()}
    if name in outer:
        return outer[name]
    match = re.fullmatch(r"decoder\.blocks\.(\d+)\.(.+)\.(weight|bias)", name)
    parts = {ours: theirs for theirs, ours in PARTS.items()}
    return f"h.{match[1]}.{parts[match[2]]}.{match[3]}"
