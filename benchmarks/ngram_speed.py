"""How fast the n-gram counts and scores, beside nltk.lm, in processor time and peak memory.

    python benchmarks/ngram_speed.py

Words: Multi30k, English, lower-cased, punctuation apart, one sentence a line. Ours has order 5 and modified
Kneser-Ney; nltk's has order 3 and interpolated Kneser-Ney, and scores only a few sentences, since it is slow. Both
begin with the words of each sentence, so that our times include the tokenizer's.
Characters: Tiny Shakespeare, order 7, first 90 % against last 10 %, one stream. Each line is a process of its own.
KenLM (C++) is not run here: it took 0.66 s for our task on words, a fixed number from another run of the same machine.
"""

import json
import math
import re
import resource
import subprocess
import sys
import time

WORD = r"\w+|[^\w\s]"
KENLM_SECONDS = 0.66
NLTK_SENTENCES = 3


def words(split: str) -> list[list[str]]:
    from lmcore import load_corpus

    text = load_corpus("multi30k", split=split, language="en").lower()
    return [found for line in text.splitlines() if (found := re.findall(WORD, line))]


def ours_on_words() -> dict:
    import torch

    from lmcore import NGram, NGramConfig, WordTokenizer

    train, held_out = ([f"<s> {' '.join(sentence)} </s>" for sentence in words(split)] for split in ("train", "test"))
    begin = time.process_time()
    tokenizer = WordTokenizer.fit(" ".join(train), unknown="<unk>", special_tokens=("<s>", "</s>"))
    text = tokenizer.encode(" ".join(train), allow_special=True)
    config = NGramConfig(order=5, vocab_size=tokenizer.vocab_size, mode="sentence", start_id=0, end_id=1)
    model = NGram(config).fit(text)
    trained = time.process_time()
    sentences = [tokenizer.encode(sentence, allow_special=True) for sentence in held_out]
    rows = torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True, padding_value=-1)
    mask = rows[:, 1:] >= 0
    log_probs, _ = model.score(rows[:, :-1].clamp(min=0), rows[:, 1:].clamp(min=0))
    end = time.process_time()
    return {
        "train": trained - begin,
        "score": end - trained,
        "tokens": int(mask.sum()),
        "train_tokens": len(text) - 2 * len(train),
        "perplexity": math.exp(-log_probs[mask].mean()),
    }


def nltk_on_words() -> dict:
    from nltk.lm import KneserNeyInterpolated
    from nltk.lm.preprocessing import pad_both_ends, padded_everygram_pipeline

    train, held_out = words("train"), words("test")[:NLTK_SENTENCES]
    begin = time.process_time()
    model = KneserNeyInterpolated(3)
    model.fit(*padded_everygram_pipeline(3, train))
    trained = time.process_time()
    tokens = 0
    for sentence in held_out:
        padded = list(pad_both_ends(sentence, 3))
        for i in range(2, len(padded) - 1):
            model.logscore(padded[i], padded[i - 2 : i])
            tokens += 1
    return {"train": trained - begin, "score": time.process_time() - trained, "tokens": tokens}


def ours_on_characters() -> dict:
    from lmcore import CharTokenizer, NGram, NGramConfig, load_corpus

    text = load_corpus("tinyshakespeare")
    cut = len(text) * 9 // 10
    tokenizer = CharTokenizer.fit(text[:cut])
    train, held_out = tokenizer.encode(text[:cut]), tokenizer.encode(text[cut:])[None]
    begin = time.process_time()
    model = NGram(NGramConfig(order=7, vocab_size=tokenizer.vocab_size)).fit(train)
    trained = time.process_time()
    log_probs, _ = model.score(held_out[:, :-1], held_out[:, 1:])
    end = time.process_time()
    model(held_out[:, :20_000])
    table = time.process_time()
    return {
        "train": trained - begin,
        "score": end - trained,
        "tokens": log_probs.numel(),
        "bits": -log_probs.mean().item() / math.log(2),
        "rows": 20_000 / (table - end),
    }


JOBS = {job.__name__: job for job in (ours_on_words, nltk_on_words, ours_on_characters)}


def run(job: str) -> dict:
    """The job in a fresh process, so that its peak memory is its own; in seconds, and MB of the whole process."""
    done = subprocess.run([sys.executable, __file__, job], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{job} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    try:
        import nltk.lm  # noqa: F401
    except ImportError:
        sys.exit("this benchmark compares with nltk, which is not installed: pip install 'lmcore[bench]'.")
    ours, peer, characters = (run(job) for job in JOBS)
    print(f"Multi30k English: {ours['train_tokens']:,} training words, {ours['tokens']:,} held-out tokens with </s>")
    print(f"train   lmcore, order 5, modified Kneser-Ney   {ours['train']:8.2f} s")
    print(f"        nltk.lm, order 3                       {peer['train']:8.2f} s")
    print(f"        ratio nltk / lmcore                    {peer['train'] / ours['train']:8.1f}    (at least 5)")
    print(f"        ratio lmcore / KenLM                   {ours['train'] / KENLM_SECONDS:8.2f}    (at most 3)")
    per_token = ours["score"] / ours["tokens"], peer["score"] / peer["tokens"]
    print(f"score   lmcore, perplexity {ours['perplexity']:.2f}              {1e6 * per_token[0]:8.2f} µs a token")
    print(f"        nltk.lm, {peer['tokens']} tokens                     {1e6 * per_token[1]:8.0f} µs a token")
    print(f"        ratio nltk / lmcore                    {per_token[1] / per_token[0]:8,.0f}    (at least 1,000)")
    print(f"Tiny Shakespeare, characters, order 7: {characters['bits']:.3f} bits a character")
    print(f"train   {characters['train']:.2f} s    (at most 6)")
    print(f"score   {characters['score']:.2f} s for {characters['tokens']:,} characters    (at most 3)")
    print(f"logits  {characters['rows']:,.0f} rows a second")
    print(f"peak memory (under 1,000): words {ours['peak']:.0f} MB, characters {characters['peak']:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import torch

        torch.set_num_threads(1)
        measured = JOBS[sys.argv[1]]()
        unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes there, kilobytes elsewhere
        print(json.dumps(measured | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}))
    else:
        main()
