"""A model's file: what was saved comes back, and what is damaged or foreign is refused with its name and the reason."""

import json
import random
import subprocess
import sys

import pytest
import torch

from lmcore import CharTokenizer, LanguageModel, NGram, NGramConfig, load, load_tokenizer, save
from lmcore import model as model_module
from lmcore.model import FileRefused


@pytest.fixture
def saved(tmp_path):
    text = "the cat saw the other cat \ud800"
    tokenizer = CharTokenizer.fit(text)
    model = NGram(NGramConfig(order=3, vocab_size=tokenizer.vocab_size)).fit(tokenizer.encode(text))
    path = tmp_path / "cat.safetensors"
    save(model, path, tokenizer)
    return model, tokenizer, path


def test_the_tokenizer_comes_back(saved):
    model, tokenizer, path = saved
    assert load_tokenizer(path) == tokenizer
    save(model, path)
    with pytest.raises(FileRefused, match=r"cat\.safetensors.*without a tokenizer"):
        load_tokenizer(path)


def test_a_file_cut_anywhere_is_refused(saved):
    _, _, path = saved
    data = path.read_bytes()
    for cut in random.Random(0).sample(range(len(data)), 50):
        path.write_bytes(data[:cut])
        with pytest.raises(FileRefused, match=r"cat\.safetensors.*cut"):
            load(path)


def test_a_flipped_byte_anywhere_is_refused(saved):
    _, _, path = saved
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    rng = random.Random(1)
    for place in [*range(header), *rng.sample(range(header, len(data)), 200)]:
        changed = bytearray(data)
        changed[place] ^= rng.randrange(1, 256)
        path.write_bytes(changed)
        with pytest.raises(FileRefused, match=r"cat\.safetensors"):
            load(path)


def test_another_class_another_version_and_other_files_are_refused(saved, tmp_path, monkeypatch):
    model, tokenizer, path = saved

    class Elsewhere(LanguageModel):
        config_class = NGramConfig

    with pytest.raises(FileRefused, match=r"cat\.safetensors holds a NGram, not a Elsewhere"):
        load(path, expect=Elsewhere)
    other = tmp_path / "elsewhere.safetensors"
    save(Elsewhere(model.config), other)
    with pytest.raises(FileRefused, match=r"elsewhere\.safetensors holds a 'Elsewhere', which is no model of lmcore"):
        load(other)
    monkeypatch.setattr(model_module, "FORMAT_VERSION", 0)
    save(model, path, tokenizer)
    monkeypatch.undo()
    with pytest.raises(FileRefused, match=r"cat\.safetensors has format version 0; this lmcore reads version 1"):
        load(path)
    path.write_text("not a model")
    with pytest.raises(FileRefused, match=r"cat\.safetensors"):
        load(path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        load(tmp_path / "nowhere.safetensors")


def test_a_tokenizer_of_another_size_is_refused(saved):
    model, _, path = saved
    with pytest.raises(ValueError, match=r"the tokenizer has 2 tokens, the model"):
        save(model, path, CharTokenizer.fit("ab"))


def test_a_failed_save_leaves_the_previous_file_whole(saved, monkeypatch):
    model, _, path = saved
    before = path.read_bytes()

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        save(model, path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
    with pytest.raises(OSError, match="exists and is writable"):
        save(model, path.parent / "missing" / "model.safetensors")


KILLED = """
import os, sys, lmcore
model = lmcore.load(sys.argv[1])
os.fsync = lambda handle: os.kill(os.getpid(), 9)
lmcore.save(model, sys.argv[1])
"""


def test_a_killed_save_leaves_the_previous_file_whole(saved):
    model, _, path = saved
    before = path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -9
    assert path.read_bytes() == before
    assert torch.equal(load(path).state_dict()["log_base"], model.state_dict()["log_base"])


def test_the_metadata_is_plain_json_and_names_no_code(saved):
    _, _, path = saved
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header["__metadata__"]["lmcore"])
    assert list(about) == ["sha256", "format", "class", "config", "tokenizer"]
    assert about["class"] == "NGram" and about["config"]["order"] == 3
