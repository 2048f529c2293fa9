"""How fast the Village's author writes and scores, and what it costs to ask it as a language model.

    OMP_NUM_THREADS=1 python benchmarks/village_speed.py

Tokens a second of one core (processor time, best of five), and what `evaluate` over the author costs beside scoring.
"""

import random
import time
from collections.abc import Callable

from lmcore import Village, evaluate
from lmcore.village.telling import read, write

STORIES, ROUNDS = 1000, 5
NEEDED, MOST = 300_000, 5.0  # tokens a second; times plain scoring


def seconds(job: Callable[[], object]) -> float:
    """The least processor time of a few runs."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        job()
        times.append(time.process_time() - begin)
    return min(times)


def main() -> None:
    begin = time.perf_counter()
    village = Village()
    made = time.perf_counter() - begin
    texts = [[*story.words, "<s>"] for story in village.stories(STORIES, seed=1)]
    tokens = sum(map(len, texts))
    rows, author = village.rows(STORIES, seed=1), village.author()

    def write_all() -> None:
        draw = random.Random(1).random
        for _ in range(STORIES):
            write(draw)

    def read_all() -> None:
        for text in texts:
            read(text)

    writing, scoring = seconds(write_all), seconds(read_all)
    evaluating = seconds(lambda: evaluate(author, rows))
    print(f"making a Village          {1000 * made:12.2f} ms")
    print(f"writing                   {tokens / writing:12,.0f} tokens/s   (needed {NEEDED:,})")
    print(f"scoring                   {tokens / scoring:12,.0f} tokens/s   (needed {NEEDED:,})")
    print(f"evaluate(author, rows)    {tokens / evaluating:12,.0f} tokens/s")
    print(f"evaluate over scoring     {evaluating / scoring:12.2f} ×          (at most {MOST:g})")
    if min(tokens / writing, tokens / scoring) < NEEDED or evaluating > MOST * scoring:
        raise SystemExit("slower than needed")


if __name__ == "__main__":
    main()
