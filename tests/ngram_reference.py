"""The definitions of smoothing, written with dictionaries and loops: slow, short, and independent of the arrays."""

from collections import Counter, defaultdict

import torch

from lmcore.ngram import NGram, NGramConfig

SENTENCE = {"mode": "sentence", "start_id": 2, "end_id": 5}
DOCUMENTS = {"separator_id": 1}  # a stream in which the frequent id 1 opens documents
IDS = {"stream": {}, "sentence": SENTENCE, "documents": DOCUMENTS}
FALLBACK = {1: (0.5, 0.5, 0.5), 3: (0.5, 1.0, 1.5)}


class Reference:
    """p(word | history) by definition. `sentences` are lists of ids; a stream is one of them, with start=None."""

    def __init__(self, sentences, order, vocab_size, smoothing, k=1.0, start=None, separator=None):
        self.order, self.vocab_size, self.smoothing, self.k, self.start = order, vocab_size, smoothing, k, start
        raw, left = Counter(), defaultdict(set)
        for sentence in sentences:
            for n in range(1, order + 1):
                for i in range(len(sentence) - n + 1):
                    ngram = tuple(sentence[i : i + n])
                    raw[ngram] += 1
                    left[ngram].add(sentence[i - 1] if i else "edge")
        self.count = {}
        for ngram, c in raw.items():
            neighbours = smoothing.endswith("kneser_ney") and len(ngram) < order and ngram[0] != start
            neighbours = neighbours and not (len(ngram) > 1 and ngram[0] == separator)
            self.count[ngram] = len(left[ngram]) if neighbours else c
        self.count.pop((start,), None)
        self.discounts = [self.estimate(n) for n in range(1, order + 1)]

    def estimate(self, n):
        how_many = Counter(c for ngram, c in self.count.items() if len(ngram) == n)
        n1, n2, n3, n4 = (how_many[j] for j in (1, 2, 3, 4))
        three = self.smoothing == "modified_kneser_ney"
        if n1 and n2 and (not three or (n3 and n4)):
            y = n1 / (n1 + 2 * n2)
            d = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3) if three else (y, y, y)
            if 0 < d[0] <= 1 and 0 < d[1] <= 2 and 0 < d[2] <= 3:
                return d
        return FALLBACK[3 if three else 1]

    def usable(self, history):
        history = list(history)
        if self.start in history:
            history = history[len(history) - 1 - history[::-1].index(self.start) :]
        return tuple(history[max(0, len(history) - self.order + 1) :])

    def p(self, history, word):
        if word == self.start:
            return 0.0
        history = self.usable(history)
        if self.smoothing == "add_k":
            possible = self.vocab_size - (self.start is not None)
            total = sum(self.count.get((*history, w), 0) for w in range(self.vocab_size)) + self.k * possible
            return (self.count.get((*history, word), 0) + self.k) / total if total else 1 / possible
        return self.interpolated(history, word)

    def interpolated(self, history, word):
        counts = {w: c for w in range(self.vocab_size) if (c := self.count.get((*history, w), 0))}
        lower = self.interpolated(history[1:], word) if history else self.base(word)
        if not counts:
            return lower
        taken = {w: self.discounts[len(history)][min(c, 3) - 1] for w, c in counts.items()}
        kept = counts[word] - taken[word] if word in counts else 0
        return (kept + sum(taken.values()) * lower) / sum(counts.values())

    def base(self, word):
        seen = [w for w in range(self.vocab_size) if (w,) in self.count]
        unseen = [w for w in range(self.vocab_size) if (w,) not in self.count and w != self.start]
        part = 1 / (len(seen) + bool(unseen))
        return part if word in seen else part / len(unseen)


def random_text(seed, vocab_size, tokens, start=None, end=None):
    """A list of sentences (one if there is no `start`): a lopsided random text that leaves the last two ids unseen."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.arange(1, vocab_size + 1).double() ** -1.2
    weights[-2:] = 0
    if start is None:
        return [torch.multinomial(weights, tokens, True, generator=generator).tolist()]
    weights[[start, end]] = 0
    sentences = []
    while sum(map(len, sentences)) < tokens:
        length = 7 + int(torch.randint(5, (), generator=generator))
        sentences.append([start, *torch.multinomial(weights, length, True, generator=generator).tolist(), end])
    return sentences


def fitted(order, smoothing="modified_kneser_ney", mode="stream", seed=0, tokens=300, vocab_size=11, k=1.0):
    """An NGram of a random text, the Reference of the same text, and the text (T,)."""
    ids = IDS[mode]
    start, end = ids.get("start_id"), ids.get("end_id")
    sentences = random_text(seed, vocab_size, tokens, start, end)
    text = torch.tensor([token for sentence in sentences for token in sentence])
    config = NGramConfig(order=order, vocab_size=vocab_size, smoothing=smoothing, k=k, **ids)
    reference = Reference(sentences, order, vocab_size, smoothing, k, start, ids.get("separator_id"))
    return NGram(config).fit(text), reference, text


def probabilities(model, history):
    """p(every word | history), (V,); the history is a list of ids and may be empty."""
    if history:
        logits, _ = model(torch.tensor([history]))
        return logits[0, -1].exp()
    return torch.tensor([model.explain([], w).probability for w in range(model.vocab_size)], dtype=torch.float64)
