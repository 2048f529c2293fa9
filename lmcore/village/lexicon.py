"""The words of the Village, by class. Changing any of them changes VILLAGE_VERSION."""

VILLAGE_VERSION = "1"
SEPARATOR = "<s>"

NAMES = ("mia", "leo", "ada", "tom", "eva", "max", "zoe", "ben")
POSSESSIVES = tuple(f"{name}'s" for name in NAMES)
THINGS = ("kite", "drum", "ball", "book", "boat", "lamp", "hat", "bell", "flute", "cake", "map", "rope")
WEATHERS = ("sunny", "rainy", "windy", "snowy", "foggy", "cloudy")
TOPICS = ("market", "washing", "painting", "hide-and-seek")  # the day's business
FEELINGS = ("happy", "grumpy")

# What one villager does with another's thing; each at most once to a thing in a story, so that no sentence returns.
HANDLES = ("hides", "finds", "drops", "cleans", "paints", "carries", "asks")
GESTURES = ("smiles", "laughs", "yawns", "sighs")
PLACES = (
    ("in", "park"), ("in", "square"), ("in", "kitchen"), ("at", "market"), ("at", "mill"),
    ("on", "hill"), ("on", "roof"), ("under", "bridge"), ("under", "oak"),
)  # fmt: skip
LOOKS = ("big", "small", "beautiful")

# Beings, (one, many). The word for many is never the word for one.
BEINGS = {
    "dog": ("dog", "dogs"), "cat": ("cat", "cats"), "bird": ("bird", "birds"), "goat": ("goat", "goats"),
    "child": ("child", "children"), "farmer": ("farmer", "farmers"), "baker": ("baker", "bakers"),
    "fox": ("fox", "foxes"),
}  # fmt: skip
SPOTS = {spot: (spot, f"{spot}s") for spot in ("house", "tree", "garden", "wall", "barn", "cart")}
PREPOSITIONS = ("near", "behind", "beside", "by")
DOES = {
    "sleep": ("sleeps", "sleep"), "wait": ("waits", "wait"), "play": ("plays", "play"), "run": ("runs", "run"),
    "dance": ("dances", "dance"), "jump": ("jumps", "jump"), "rest": ("rests", "rest"), "sing": ("sings", "sing"),
}  # fmt: skip
SEES = {
    "see": ("sees", "see"), "hear": ("hears", "hear"), "like": ("likes", "like"), "know": ("knows", "know"),
    "follow": ("follows", "follow"), "chase": ("chases", "chase"),
}  # fmt: skip
# Who sees how: people know and like, animals follow and chase.
PERSON = {"see": 1.0, "hear": 1.0, "like": 1.0, "know": 1.0}
ANIMAL = {"see": 1.0, "hear": 1.0, "follow": 1.0, "chase": 1.0}
TIMID = {"see": 1.0, "hear": 1.0, "follow": 1.0, "like": 1.0}
SEES_OF = {
    "dog": ANIMAL, "cat": ANIMAL, "fox": ANIMAL, "bird": TIMID, "goat": TIMID,
    "child": PERSON, "farmer": PERSON, "baker": PERSON,
}  # fmt: skip
HOURS = ("two", "three", "four", "five", "six", "seven")

# Words that stand in fixed sentences only.
_FRAMEWORK = (
    ".", ",", "!", "?", ":", "a", "an", "the", "and", "is", "it", "this", "here", "there", "that", "in", "at", "on",
    "under", "one", "once", "upon", "good", "morning", "day", "night", "evening", "village", "wakes", "up", "old",
    "rooster", "crows", "every", "window", "opens", "to", "everyone", "nobody", "what", "such", "weather", "how",
    "outside", "still", "stays", "look", "where", "with", "very", "again", "quietly", "all", "happily", "alone", "ding",
    "dong", "clock", "strikes", "bread", "butter", "tea", "honey", "soup", "rice", "pie", "cream", "table", "of",
    "sudden", "school", "door", "closes", "somewhere", "small", "white", "open", "gate", "creaks", "far", "away",
    "train", "whistles", "plop", "frog", "duck", "into", "pond", "moon", "rises", "when", "last", "puts", "takes",
    "brings", "home", "bed", "says",
)  # fmt: skip


def _vocabulary() -> tuple[str, ...]:
    """Every word once: the separator first, then class by class."""
    classes = [
        (SEPARATOR,), _FRAMEWORK, NAMES, POSSESSIVES, THINGS, WEATHERS, TOPICS, FEELINGS, HANDLES, GESTURES,
        [noun for _, noun in PLACES], LOOKS, *BEINGS.values(), *SPOTS.values(), PREPOSITIONS, *DOES.values(),
        *SEES.values(), HOURS,
    ]  # fmt: skip
    return tuple(dict.fromkeys(word for words in classes for word in words))


VOCABULARY = _vocabulary()
