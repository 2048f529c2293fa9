"""What one can play with in a notebook. For readers without a kernel each has a static figure beside it."""

import html
import math
from collections.abc import Callable, Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch

from lmcore import plot
from lmcore.model import LanguageModel
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
