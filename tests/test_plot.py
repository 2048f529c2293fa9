"""Figures and widgets that show attention: what they draw is what they were given."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from lmcore import plot, widgets

WORDS = ["<s>", "this", "is", "mia's", "kite"]


@pytest.fixture
def heads():
    """Weights (n_layer 2, n_head 3, T, T) of a decoder."""
    scores = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf).softmax(-1)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_map_of_attention_has_a_row_for_each_query_and_a_column_for_each_key():
    weights = np.array([[0.25, 0.75, 0.0], [0.5, 0.0, 0.5]])
    (ax,) = plot.attention_map(weights, ["mia's", "leo's"], ["kite", "drum", "map"])
    assert np.array_equal(ax.images[0].get_array(), weights) and ax.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["kite", "drum", "map"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mia's", "leo's"]


def test_several_heads_stand_side_by_side_with_their_names(heads):
    axs = plot.attention_map(heads[0], WORDS, names=["a", "b", "c"])
    assert [ax.get_title() for ax in axs] == ["a", "b", "c"]
    assert [label.get_text() for label in axs[1].get_xticklabels()] == WORDS
    assert all(np.allclose(ax.images[0].get_array(), head) for ax, head in zip(axs, heads[0], strict=True))
    again = plot.attention_map(heads[1], WORDS, axs=axs)
    assert again is axs and len(axs[0].images) == 2


def test_the_story_is_shaded_by_the_weights_of_the_chosen_word_layer_and_head(heads):
    box = widgets.attention_over_story(heads, WORDS)
    (layer, head), slider, story = box.children[0].children, *box.children[1:]
    assert slider.value == 4 and layer.options == (0, 1) and head.options == (0, 1, 2)
    layer.value, head.value, slider.value = 1, 2, 3
    shaded = story.value.split("<span")[1:]
    assert len(shaded) == 5 and "outline" in shaded[3] and "outline" not in shaded[4]
    for part, weight, word in zip(
        shaded, heads[1, 2, 3], ("&lt;s&gt;", "this", "is", "mia&#x27;s", "kite"), strict=True
    ):
        assert f", {weight:.2f})" in part and f">{word}<" in part
    best = heads[1, 2, 3].argmax()
    assert f"looks at {shaded[best].split('>')[1].split('<')[0]} {heads[1, 2, 3, best]:.2f}" in story.value


def test_one_layer_or_one_head_needs_no_further_axes(heads):
    for weights in (heads[0], heads[0, 1]):
        box = widgets.attention_over_story(weights, WORDS, at=2)
        assert box.children[0].children[0].options == (0,) and box.children[1].value == 2
    with pytest.raises(ValueError, match="T = 4"):
        widgets.attention_over_story(heads, WORDS[:4])
    with pytest.raises(ValueError, match="T = 5"):
        widgets.attention_over_story(heads[0, 0, 4], WORDS)


@pytest.mark.parametrize("mask", widgets.MASKS)
@pytest.mark.parametrize("positions", widgets.PLACES)
def test_words_that_are_alike_look_where_mask_and_positions_let_them(mask, positions):
    weights = widgets.looks_alike(mask, positions, 8)
    assert weights.shape == (8, 8) and torch.allclose(weights.sum(1), torch.ones(8))
    back = torch.arange(8)[:, None] - torch.arange(8)
    if "causal" in mask:
        assert weights[back < 0].eq(0).all()
    if "window" in mask:
        assert weights[(back < 0) | (back >= 4)].eq(0).all() and weights[(back >= 0) & (back < 4)].gt(0).all()
    if "padding" in mask:
        assert weights[:, 6:].eq(0).all() and weights[0, 0] > 0
    if positions == "none":
        assert len(weights[5].unique()) <= 2  # what is visible at all is seen alike
    else:
        assert weights[5].argmax() == 5 and weights[5, 4] > weights[5, 2]


def test_the_widget_of_mask_and_positions_offers_them_all(monkeypatch):
    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append(plt.gcf()))
    box = widgets.mask_and_positions(6)
    mask, positions, output = box.children
    assert mask.options == widgets.MASKS and positions.options == widgets.PLACES
    assert isinstance(output, ipywidgets.Output) and len(drawn) == 1
    positions.value = "rotary"
    shown = drawn[-1].axes[0].images[0].get_array()
    assert len(drawn) == 2 and np.allclose(shown, widgets.looks_alike("causal", "rotary", 6))
