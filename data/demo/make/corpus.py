"""Write the corpus: conversations as JSON lines, training and held-out parts from different seeds.

    python corpus.py --work build/demo --conversations 90000 --pushed 45000
"""
from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from random import Random

from dialogue import conversation
from steered import pushed_conversation
from topic import load_topics

HELD_OUT = 1500


def write(path: Path, count: int, seed: int, share: float, avoid: set[str]) -> set[str]:
    """Write `count` conversations and return their texts; none of `avoid` is written."""
    rng, topics, seen = Random(seed), load_topics(share=share), set()
    with path.open("w", encoding="utf-8") as out:
        while len(seen) < count:
            line = json.dumps(conversation(rng, topics), ensure_ascii=False)
            if line not in seen and line not in avoid:
                seen.add(line)
                out.write(line + "\n")
    return seen


def write_pushed(path: Path, count: int, seed: int, share: float) -> None:
    """Write `count` conversations that are led by a push, with its record."""
    rng, topics = Random(seed), load_topics(share=share)
    with path.open("w", encoding="utf-8") as out:
        for _ in range(count):
            out.write(json.dumps(pushed_conversation(rng, topics), ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"), help="folder for intermediate files")
    parser.add_argument("--conversations", type=int, default=90000)
    parser.add_argument("--pushed", type=int, default=0, help="how many conversations under a push to write as well")
    parser.add_argument("--share", type=float, default=1.0, help="how much of each topic's sentences to use")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    held = write(options.work / "heldout.jsonl", HELD_OUT, options.seed + 1000, options.share, set())
    write(options.work / "train.jsonl", options.conversations, options.seed, options.share, held)
    if options.pushed:
        write_pushed(options.work / "pushed.jsonl", options.pushed, options.seed + 2000, options.share)
    print(f"{options.conversations} conversations, {HELD_OUT} held out, {options.pushed} under a push, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
