"""lmcore's imports point down only: each module stands on a floor and knows nothing of the floors above it."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lmcore

PACKAGE = Path(lmcore.__file__).parent
# The map, __init__.py, stands above all. A folder's modules stand on the folder's floor.
FLOORS = {
    0: {"model", "state", "tokenizer", "village", "runtime"},
    1: {"corpora", "data", "cleaning", "ngram", "recurrent", "rnn", "lstm", "gru"}
    | {"attention", "positions", "rms_norm", "source"},
    2: {"attentive", "transformer", "gpt", "gpt2", "gpt_writer", "encoder_decoder", "seq2seq"},
    3: {"train", "muon", "train_config", "checkpoint", "progress", "evaluate", "generate", "probes"},
    4: {"tasks", "plot", "widgets", "results", "ladder", "shakespeare"},
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}


def modules() -> dict[str, Path]:
    """Dotted name of every module of lmcore, without the package's own name -> its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str, known: set[str]) -> set[str]:
    """The modules of lmcore that a source imports, anywhere in it; "" is the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "lmcore imports by full names"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "lmcore":
                inner = name.partition(".")[2]
                while inner not in known:
                    inner = inner.rpartition(".")[0]
                found.add(inner)
    return found


MODULES = modules()
GRAPH = {name: imports(path.read_text(encoding="utf-8"), set(MODULES)) for name, path in MODULES.items()}


def test_every_module_has_a_floor():
    assert {name.split(".")[0] for name in MODULES if name} <= set(FLOOR)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name))
def test_imports_point_down(name):
    own = FLOOR[name.split(".")[0]]
    above = [other for other in GRAPH[name] if other == "" or FLOOR[other.split(".")[0]] > own]
    assert above == [], f"{name} (floor {own}) imports {above}"


def test_no_import_goes_in_a_circle():
    try:
        list(TopologicalSorter({name: GRAPH[name] - {name} for name in GRAPH}).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {error.args[1]}")


@pytest.mark.parametrize("name", ["train", "evaluate", "generate", "probes", "plot", "widgets"])
def test_what_serves_every_model_knows_none(name):
    """No concrete model, and no switch on the kind of model."""
    concrete = {"ngram", "recurrent", "rnn", "lstm", "gru", "attention", "transformer", "seq2seq"}
    for module in (module for module in MODULES if module.split(".")[0] == name):
        assert not {other.split(".")[0] for other in GRAPH[module]} & concrete
        source = MODULES[module].read_text(encoding="utf-8")
        assert not re.search(r"isinstance\([^)]*\b(NGram|RNN|LSTM|GRU|GPT|Seq2Seq|EncoderDecoder)\b", source)


def test_the_map_has_no_logic():
    """`lmcore/__init__.py` names what is public and does nothing else."""
    body = ast.parse(MODULES[""].read_text(encoding="utf-8")).body
    assert all(isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr) for node in body)
    assert sorted(lmcore.__all__) == sorted(set(lmcore.__all__))
    assert all(hasattr(lmcore, name) for name in lmcore.__all__)


def test_a_module_can_be_read_at_one_sitting():
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 280} == {}


def test_imports_are_found_wherever_they_stand():
    inside = "def f():\n    from lmcore.village import Village\n    import lmcore.data\n"
    source = f"import os\n{inside}from lmcore import generate"
    assert imports(source, {"", "village", "data", "generate"}) == {"village", "data", "generate"}
    assert imports("from lmcore import save", {"", "model"}) == {""}
