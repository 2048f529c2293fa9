"""What one can play with in a notebook. For readers without a kernel each has a static figure beside it."""

import html
import math
from collections.abc import Callable, Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch

from lmcore import plot
from lmcore.model import LanguageModel
from lmcore.positions import alibi_slopes, rotary_turns, rotate, sinusoids
from lmcore.tokenizer import Tokenizer


def text_and_figure(text: str, draw: Callable[[str], object], label: str) -> ipywidgets.VBox:
    """A text field and, below it, what `draw(text)` shows; drawn anew at every change.

    A ValueError (an unknown word, say) is shown as a sentence in place of the figure.
    """
    field = ipywidgets.Text(value=text, description=label, continuous_update=False, layout={"width": "95%"})
    output = ipywidgets.Output()

    def update(_: object = None) -> None:
        output.clear_output(wait=True)
        with output:
            try:
                draw(field.value)
                plt.show()
            except ValueError as error:
                plt.close()
                print(error)

    field.observe(update, names="value")
    update()
    return ipywidgets.VBox([field, output])


def slider_and_figure(
    draw: Callable[[float], object], values: Sequence, label: str, value: object = None
) -> ipywidgets.VBox:
    """A slider over `values` and, below it, what `draw(value)` shows; drawn anew when the slider comes to rest."""
    slider = ipywidgets.SelectionSlider(
        options=list(values),
        value=values[0] if value is None else value,
        description=label,
        continuous_update=False,
        layout={"width": "95%"},
        style={"description_width": "initial"},
    )
    output = ipywidgets.Output()

    def update(_: object = None) -> None:
        output.clear_output(wait=True)
        with output:
            draw(slider.value)
            plt.show()

    slider.observe(update, names="value")
    update()
    return ipywidgets.VBox([slider, output])


def read_along(
    model: LanguageModel, tokenizer: Tokenizer, words: Sequence[str], top: int = 8, layer: int = -1
) -> Callable[[int], Sequence[plot.Axes]]:
    """How `model` reads `<s>` and the words, as draw(n): the picture after the n-th word, n = 1 … len(words).

    It shows each part of the memory and each gate, one square a unit, and the likeliest next words. The model is one
    that can show its inside by `model.read_out(tokens)`, as the recurrent ones can. Made for `slider_and_figure`.
    Raises ValueError for words that the tokenizer refuses, and from draw for an n without a word.
    """
    ids = tokenizer.encode(" ".join(("<s>", *words)), allow_special=True)
    parts = {name: part[0, :, layer] for name, part in model.read_out(ids[None]).items()}  # (T, H)
    with torch.no_grad():
        probs = model(ids[None])[0][0].softmax(-1)  # (T, V)

    def draw(n: int) -> Sequence[plot.Axes]:
        if not 1 <= n <= len(words):
            raise ValueError(f"the text has the words 1 to {len(words)}; there is no word {n}.")
        best = probs[n].topk(min(top, tokenizer.vocab_size))
        with plt.rc_context(plot.STYLE):
            _, axs = plt.subplots(
                len(parts) + 1,
                figsize=(plot.SIZE[0], 0.34 * len(parts) + 0.27 * top + 0.9),
                height_ratios=[1] * len(parts) + [0.8 * top],
                layout="constrained",
            )
            plot.strips({name: part[n] for name, part in parts.items()}, xlabel="unit", axs=axs[:-1])
            for ax in axs[:-2]:
                ax.set_xticks([])
            axs[0].set_title(("… " if n > 10 else "") + " ".join(words[max(0, n - 10) : n]), loc="left", fontsize=10)
        plot.bars(
            [tokenizer.tokens[i] for i in best.indices],
            best.values.tolist(),
            "probability of the next word",
            ax=axs[-1],
        )
        return axs

    return draw


def next_words(model: LanguageModel, tokenizer: Tokenizer, history: str, top: int = 10) -> plot.Axes:
    """The likeliest next tokens after `history`, each bar divided into what every order gave to it.

    The model is one that can say so by `model.explain(history, word)`, as an n-gram can.
    Raises ValueError if the history is empty or has tokens that the tokenizer does not know.
    """
    ids = tokenizer.encode(history, allow_special=True)
    if not len(ids):
        raise ValueError("type at least one token.")
    probs = model(ids[None])[0][0, -1]
    best = probs.topk(min(top, tokenizer.vocab_size)).indices.tolist()
    shares = [{share.order: share.share for share in model.explain(ids, word).orders} for word in best]
    orders = sorted({order for of_word in shares for order in of_word}, reverse=True)
    names = [repr(tokenizer.tokens[word])[1:-1] for word in best]
    parts = {f"order {order}" if order else "uniform": [share.get(order, 0.0) for share in shares] for order in orders}
    return plot.stacked_bars(names, parts, "probability of the next token")


def guessing_game(model: LanguageModel, tokenizer: Tokenizer, words: Sequence[str]) -> ipywidgets.VBox:
    """Shannon's game (1951) on a text of `words`: type the next word, press Enter, see the right one and go on.

    Each word is shown with the surprise, -log2 p in bits, that it was to `model`, which reads `<s>` and the words.
    The children are the field for the guess and the text so far. Raises ValueError for words the tokenizer refuses.
    """
    ids = tokenizer.encode(" ".join(("<s>", *words)), allow_special=True)
    with torch.no_grad():
        log_probs, _ = model.score(ids[None, :-1], ids[None, 1:])
    bits = (-log_probs[0] / math.log(2)).tolist()
    field = ipywidgets.Text(description="next word", placeholder="type and press Enter", continuous_update=False)
    shown, right = ipywidgets.HTML("<p>…</p>"), []

    def guess(_: object) -> None:
        word, at = field.value.strip().lower(), len(right)
        if word and at < len(words):
            right.append(word == words[at])
            verdict = "Yes" if right[-1] else "No"
            shown.value = (
                f"<p>{html.escape(' '.join(words[: at + 1]))} …</p><p>{verdict}: "
                f"<b>{html.escape(words[at])}</b>, {abs(bits[at]):.1f} bits. {sum(right)} of {len(right)} right.</p>"
            )
            field.value = ""

    field.observe(guess, names="value")
    return ipywidgets.VBox([field, shown])


def attention_over_story(attention: torch.Tensor, words: Sequence[str], at: int = -1) -> ipywidgets.VBox:
    """A story in which each word is shaded by how much one of them, chosen with a slider, looks at it.

    attention   what `model.read_out(tokens)["attention"]` holds for one story: (T, T), (n_head, T, T) or
                (n_layer, n_head, T, T); there is a choice for each of layer and head
    words       the T words, `<s>` the first
    at          the word that looks at first

    The children are the controls (layer, head and the slider) and the story. Raises ValueError for other shapes.
    """
    if not 2 <= attention.dim() <= 4 or attention.shape[-2:] != (len(words), len(words)):
        raise ValueError(f"attention of {len(words)} words is (…, T, T) with T = {len(words)}, not {attention.shape}.")
    by_head = attention[(None,) * (4 - attention.dim())]  # (n_layer, n_head, T, T)
    choices = [
        ipywidgets.Dropdown(options=list(range(n)), description=name)
        for name, n in zip(("layer", "head"), by_head.shape, strict=False)
    ]
    slider = ipywidgets.IntSlider(
        value=at % len(words), max=len(words) - 1, description="word", continuous_update=True, layout={"width": "95%"}
    )
    story = ipywidgets.HTML()

    def update(_: object = None) -> None:
        layer, head = (choice.value for choice in choices)
        weights = by_head[layer, head, slider.value]
        shaded = (_shaded(word, w, i == slider.value) for i, (word, w) in enumerate(zip(words, weights, strict=True)))
        best = weights.topk(min(5, slider.value + 1))
        most = ", ".join(
            f"{html.escape(words[i])} {w:.2f}" for w, i in zip(*(part.tolist() for part in best), strict=True)
        )
        story.value = f"<p>{' '.join(shaded)}</p><p><b>{html.escape(words[slider.value])}</b> looks at {most}</p>"

    for control in (*choices, slider):
        control.observe(update, names="value")
    update()
    return ipywidgets.VBox([ipywidgets.HBox(choices), slider, story])


def _shaded(word: str, weight: float, asks: bool) -> str:
    """A word on a ground of the colour of attention, the deeper the larger the weight; the one that asks is framed."""
    red, green, blue = (int(plot.COLOURS["attention"][i : i + 2], 16) for i in (1, 3, 5))
    frame = f"outline: 1px solid {plot.GREY};" if asks else ""
    style = f"background: rgba({red}, {green}, {blue}, {float(weight):.2f}); padding: 0 2px; {frame}"
    return f'<span style="{style}">{html.escape(word)}</span>'


MASKS = ("none", "causal", "window of 4", "padding", "causal, padding")
PLACES = ("none", "sinusoidal", "rotary", "alibi")


def mask_and_positions(length: int = 12) -> ipywidgets.VBox:
    """Where a head looks if all words are alike: all that is left to see is the mask and the positions.

    The children are two choices, of the mask and of the positions, and the picture.
    """
    mask = ipywidgets.Dropdown(options=MASKS, value="causal", description="mask")
    places = ipywidgets.Dropdown(options=PLACES, description="positions")
    output = ipywidgets.Output()

    def update(_: object = None) -> None:
        output.clear_output(wait=True)
        with output:
            plot.attention_map(looks_alike(mask.value, places.value, length), range(length))
            plt.show()

    for choice in (mask, places):
        choice.observe(update, names="value")
    update()
    return ipywidgets.VBox([mask, places, output])


def looks_alike(mask: str, positions: str, length: int, width: int = 32) -> torch.Tensor:
    """The weights (T, T) with which words that are all alike look at each other; see MASKS and PLACES.

    With "padding" the last quarter of the words is filling. "alibi" has the slope of the second of eight heads.
    """
    places = torch.arange(length)
    back, filling = places[:, None] - places, places >= length - length // 4
    visible = {
        "none": torch.ones(length, length, dtype=torch.bool),
        "causal": back >= 0,
        "window of 4": (back >= 0) & (back < 4),
        "padding": ~filling.expand(length, length),
        "causal, padding": (back >= 0) & ~filling,
    }[mask]
    words = torch.ones(1, 1, length, width)
    if positions == "sinusoidal":
        words = sinusoids(places, width).float()
    elif positions == "rotary":
        words = rotate(words, rotary_turns(places[None], width, words.dtype))
    words = words.view(length, width)
    scores = words @ words.T / math.sqrt(width)
    if positions == "alibi":
        scores = scores - alibi_slopes(8, words)[1] * back.abs()
    return scores.masked_fill(~visible, -math.inf).softmax(-1)
