#!/usr/bin/env python3
"""made-features.py --steer STEER TOPICS: how often replies of the bundled model turn to a topic.

For each topic of data/demo/make/topics a feature is made of twelve of its sentences, against twelve of other topics, by
`steer contrast` with all defaults. Questions about nothing in particular are then answered unsteered, and under that
feature at its suggested strength. A reply turns to the topic when it has one of the topic's words. Needs PyYAML.
"""
import argparse
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

QUESTIONS = ["What should I do this weekend?", "Tell me a story.", "What do you like?", "Good morning!",
             "Give me some advice.", "What is on your mind?", "Can you cheer me up?", "What is worth knowing?"]
N_EXAMPLES = 12


def run(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, encoding="utf-8").stdout


def turns_to(reply: str, words: list[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}", reply, re.IGNORECASE) for word in words)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steer", required=True, help="the program")
    parser.add_argument("--examples", type=int, default=N_EXAMPLES)
    parser.add_argument("--times", type=float, default=1.0, help="of the strength that is suggested")
    parser.add_argument("--sweep", action="store_true", help="take the strength that `steer sweep` finds with its defaults")
    parser.add_argument("topics", type=Path, help="data/demo/make/topics")
    options = parser.parse_args()
    topics = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(options.topics.glob("*.yaml"))]
    rng = random.Random(1)
    n_unsteered = n_made = 0
    layers: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        plain = [run(options.steer, "generate", "--prompt", question, "--seed", str(i)) for i, question in enumerate(QUESTIONS)]
        for topic in topics:
            others = [text for other in topics if other is not topic for text in other["facts"]]
            Path(folder, "with.txt").write_text("\n".join(topic["facts"][:options.examples]), encoding="utf-8")
            Path(folder, "without.txt").write_text("\n".join(rng.sample(others, options.examples)), encoding="utf-8")
            library = str(Path(folder, "made.safetensors"))
            told = json.loads(run(options.steer, "contrast", "--with", f"{folder}/with.txt", "--without",
                                  f"{folder}/without.txt", "-o", library, "--json"))
            strength = told["layers"][told["layer"]]["strength"] * options.times
            if options.sweep:
                found = json.loads(run(options.steer, "sweep", "--vectors", f"{library},id=made", "--feature",
                                       f"{told['layer']}:0", "--json"))["suggested_strength"]
                strength = (found if found is not None else 0) * options.times
            layers[told["layer"]] = layers.get(told["layer"], 0) + 1
            hits = 0
            for i, question in enumerate(QUESTIONS):
                n_unsteered += turns_to(plain[i], topic["words"])
                reply = run(options.steer, "generate", "--prompt", question, "--seed", str(i), "--vectors",
                            f"{library},id=made", "--steer", f"{told['layer']}:0={strength}")
                hits += turns_to(reply, topic["words"])
            n_made += hits
            print(f"{topic['id']:12} layer {told['layer']}, strength {strength:5.2f}: {hits} of {len(QUESTIONS)} replies")
    n = len(topics) * len(QUESTIONS)
    print(f"unsteered {n_unsteered} of {n} ({n_unsteered / n:.1%}), made features {n_made} ({n_made / n:.1%}); layers {layers}")


if __name__ == "__main__":
    main()
