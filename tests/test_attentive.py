"""An LSTM that looks back at its own past: what it shows, how far it sees, and what is refused."""

from dataclasses import replace

import pytest
import torch

from lmcore import LSTM, AttentiveLSTM, AttentiveLSTMConfig
from lmcore.lstm import LSTMConfig

B, T, H = 3, 6, 8
CONFIG = AttentiveLSTMConfig(vocab_size=11, embedding_size=5, hidden_size=H, context_length=9, n_head=2)


@pytest.fixture
def tokens():
    return torch.randint(11, (B, T), generator=torch.Generator().manual_seed(0))


def test_without_its_attention_it_is_the_lstm(tokens):
    model = AttentiveLSTM(CONFIG, seed=2)
    with torch.no_grad():
        model.attend.weight_out.weight.zero_()
    plain = LSTM(LSTMConfig(vocab_size=11, embedding_size=5, hidden_size=H), seed=2)
    assert torch.allclose(model(tokens)[0], plain(tokens)[0])


def test_it_shows_its_gates_and_where_it_looks(tokens):
    model = AttentiveLSTM(CONFIG, seed=2)
    shown = model.read_out(tokens)
    assert shown["f"].shape == (B, T, 1, H) and shown["attention"].shape == (B, T, T)
    assert torch.allclose(shown["attention"].sum(-1), torch.ones(B, T)) and shown["attention"].triu(1).eq(0).all()
    _, state = model(tokens[:, :4])
    assert torch.allclose(model.read_out(tokens[:, 4:], state)["attention"], shown["attention"][:, 4:], atol=1e-6)


def test_it_looks_no_further_back_than_its_context(tokens):
    model = AttentiveLSTM(replace(CONFIG, context_length=3), seed=2)
    _, state = model(tokens)
    assert state.past.shape == (B, 2 * 2, 2, H // 2) and state.recurrent.c.shape == (B, 1, H)
    with pytest.raises(ValueError, match="1 to 3 tokens, not 6"):
        model.read_out(tokens)


def test_muon_gets_the_matrices_of_cells_and_attention():
    model = AttentiveLSTM(CONFIG)
    groups = model.parameter_groups()
    assert len(groups["matrices"]) == 3 and groups["stacked"] == [model.attend.weight_in.weight]
    ids = [id(weight) for group in groups.values() for weight in group]
    assert sorted(ids) == sorted(id(weight) for weight in model.parameters())


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="8 cannot be divided among 3 heads"):
        replace(CONFIG, n_head=3)
    with pytest.raises(ValueError, match="context_length must be at least 1"):
        replace(CONFIG, context_length=0)
