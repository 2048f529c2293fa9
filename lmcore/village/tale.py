"""What the author knows while it tells a story."""

from lmcore.village import choices as c
from lmcore.village.lexicon import HANDLES


class Tale:
    """Everything that the author knows while telling: what was written, and how things stand."""

    def __init__(self):
        self.words: list[str] = []
        self.tags: list[tuple] = []  # (phenomenon, position, evidence)
        self.records: list[tuple] = []  # (kind, start, end, …): see frames.py
        self.start = 0  # of the sentence being told
        self.weather = self.topic = self.feeling = ""
        self.weather_at = 0
        self.thing: dict[str, str] = {}  # owner -> thing
        self.seen: dict[str, int] = {}  # owner -> where the owner's thing was last named with its owner
        # Sets of villagers are whole numbers, one bit for each name.
        self.owners = self.last = self.hidden = self.placed = self.gestured = 0
        self.hid: dict[int, int] = {}  # villager -> the owners whose thing they have hidden
        self.handled = [0] * len(HANDLES)  # by verb: the owners whose thing it was done to
        self.stated = [0] * 3  # is in a place, is still there, is very …
        self.place: dict[str, int] = {}
        self.echoes = c.ALL_ECHOES
        self.fillers = c.ALL_FILLERS
        self.heads = c.ALL_BEINGS

    def close(self, kind: str, *details) -> None:
        """Record the sentence that has just ended."""
        self.records.append((kind, self.start, len(self.words), *details))
        self.start = len(self.words)

    def sought_by(self, actor: int) -> int:
        """The owners whose thing is hidden, and not by the actor, who knows where it is."""
        return self.hidden & ~self.hid.get(actor, 0)

    def agree(self, subject_at: int) -> None:
        """Tag the word just written as one that agrees with the word at `subject_at`."""
        self.tags.append(("agreement", len(self.words) - 1, subject_at))
