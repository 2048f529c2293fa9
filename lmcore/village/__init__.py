"""The Village: a small world whose author knows the true probability of every word of its stories."""

from lmcore.village.author import Author, AuthorConfig, AuthorState
from lmcore.village.frames import Frame, Modifier, Part
from lmcore.village.lexicon import VILLAGE_VERSION
from lmcore.village.story import Story, Tag
from lmcore.village.tasks import Question, Role
from lmcore.village.village import Village

__all__ = [
    "VILLAGE_VERSION", "Author", "AuthorConfig", "AuthorState", "Frame", "Modifier", "Part", "Question", "Role",
    "Story", "Tag", "Village",
]  # fmt: skip
