"""Which memory a model has: its accuracy and its excess where a story of the Village tests one, by distance."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from lmcore.data import rows_of
from lmcore.model import LanguageModel
from lmcore.village import Story, Village

EDGES = {"agreement": (1, 3, 5, 7, 9, 12), "memory": (1, 11, 21, 41, 61, 81), "recall": (1, 11, 21, 41, 61, 81)}
ROWS = 32  # stories read at once


@dataclass(frozen=True, repr=False)
class Probe:
    """What a model does at the tagged words of one phenomenon; one entry for each of the N tagged words.

    `distance` (N,): words back to the evidence. `correct` (N,): is the word that was written the likeliest of its
    contrast set? `about` (N,): is the likeliest one of the story's own things? (recall; elsewhere as `correct`).
    `excess` (N,), float64: bits above the author's own loss. `facts` (N,): how many things the story has.
    `edges`: the lower ends of the groups of distances.
    """

    phenomenon: str
    distance: torch.Tensor
    correct: torch.Tensor
    about: torch.Tensor
    excess: torch.Tensor
    facts: torch.Tensor
    edges: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        return self.correct.double().mean().item()

    @property
    def accuracy_by_distance(self) -> dict[int, float]:
        """Accuracy for each group of distances; the key is the smallest distance of the group."""
        return {low: self.correct[rows].double().mean().item() for low, rows in self._groups()}

    @property
    def excess_by_distance(self) -> dict[int, float]:
        """Mean bits above the author's loss for each group of distances."""
        return {low: self.excess[rows].mean().item() for low, rows in self._groups()}

    @property
    def counts_by_distance(self) -> dict[int, int]:
        """How many words each group of distances has."""
        return {low: int(rows.sum()) for low, rows in self._groups()}

    @property
    def accuracy_by_facts(self) -> dict[int, float]:
        """Accuracy for each number of things in the story (recall)."""
        return {int(n): self.correct[self.facts == n].double().mean().item() for n in self.facts.unique()}

    def _groups(self) -> Iterator[tuple[int, torch.Tensor]]:
        for low, next_low in zip(self.edges, (*self.edges[1:], math.inf), strict=True):
            rows = (self.distance >= low) & (self.distance < next_low)
            if rows.any():
                yield low, rows

    def __repr__(self) -> str:
        groups = ", ".join(f"{low}+: {accuracy:.2f}" for low, accuracy in self.accuracy_by_distance.items())
        return f"{self.phenomenon}: {self.accuracy:.2f} of {len(self.correct):,} words right; by distance {groups}"


@torch.no_grad()
def probe(model: LanguageModel, stories: Sequence[Story], phenomenon: str, edges: Sequence[int] = ()) -> Probe:
    """Ask `model` at each tagged word of the stories: accuracy and excess by distance.

    phenomenon: "agreement" (the two forms of a verb), "memory" (the weather) or "recall" (whose thing). Each story is
    read from the empty state. `edges`: the lower ends of the groups of distances, if not the usual ones.

    Raises ValueError for another phenomenon, for stories without a tagged word of it, or for a model over another
    vocabulary than the Village's.
    """
    if phenomenon not in EDGES:
        raise ValueError(f"phenomenon must be one of {', '.join(EDGES)}, not {phenomenon!r}.")
    tokenizer = Village().tokenizer
    if model.vocab_size != tokenizer.vocab_size:
        raise ValueError(f"the Village has {tokenizer.vocab_size} words, but this model has {model.vocab_size}.")
    stories = [story for story in stories if any(tag.phenomenon == phenomenon for tag in story.tags)]
    if not stories:
        raise ValueError(f"none of the stories has a word that tests {phenomenon}.")
    found = []
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(stories), ROWS):
            part = stories[start : start + ROWS]
            rows = rows_of([torch.tensor([0, *(tokenizer.ids[word] for word in story.words)]) for story in part])
            logits = model(rows.inputs.to(model.device))[0].cpu()
            found += [_ask(logits[b], story, phenomenon, tokenizer.ids) for b, story in enumerate(part)]
    finally:
        model.train(was_training)
    distance, correct, about, excess, facts = (torch.cat(column) for column in zip(*found, strict=True))
    return Probe(phenomenon, distance, correct, about, excess, facts, tuple(edges) or EDGES[phenomenon])


def _ask(logits: torch.Tensor, story: Story, phenomenon: str, ids: dict[str, int]) -> tuple[torch.Tensor, ...]:
    """The five columns of `Probe` for one story; logits (T, V), where row t scores word t."""
    tags = [tag for tag in story.tags if tag.phenomenon == phenomenon]
    places = torch.tensor([tag.position for tag in tags])
    log_probs = F.log_softmax(logits[places].double(), -1)  # (N, V)
    words = [story.words[tag.position] for tag in tags]
    choices = torch.tensor([[ids[word] for word in tag.contrast] for tag in tags])  # (N, size of the contrast set)
    best = log_probs.gather(1, choices).argmax(1).tolist()
    chosen = [tag.contrast[i] for tag, i in zip(tags, best, strict=True)]
    loss = -log_probs.gather(1, torch.tensor([[ids[word]] for word in words])).squeeze(1)
    floor = -torch.tensor([story.log_probs[tag.position] for tag in tags], dtype=torch.float64)
    return (
        torch.tensor([tag.distance for tag in tags]),
        torch.tensor([word == choice for word, choice in zip(words, chosen, strict=True)]),
        torch.tensor([c in (tag.about or {w}) for w, c, tag in zip(words, chosen, tags, strict=True)]),
        (loss - floor) / math.log(2),
        torch.tensor([len(tag.about) for tag in tags]),
    )
