#!/usr/bin/env python3
"""swept-features.py --steer STEER --model MODEL: features from examples on a model that was not made for them.

Makes features of a few sentences by `steer contrast` with its defaults, in the layer that it takes and in others, and
sweeps each by `steer sweep`. For each is told how many of the replies have one of the topic's words without the feature,
at the strength that `contrast` suggests and at the one that `sweep` does, with the surprisal; and how well "heard" goes
with the words over all strengths (Spearman's rank correlation). Needs no package.
"""
import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

PROMPTS = ["Tell me about your day.", "What should I do this weekend?", "Explain how bread is made.",
           "Write a short story.", "What is your favourite place?", "Give me some advice.", "Describe something beautiful.",
           "Who are you?", "What do you think about music?", "How can I learn faster?", "Write a poem.",
           "What did you dream of?"]

TOPICS = {
    "Eiffel Tower": (
        ["The Eiffel Tower rises above Paris, all iron and lattice.",
         "I climbed the stairs of the Eiffel Tower and saw the Seine.",
         "Gustave Eiffel built his iron tower for the World's Fair in 1889.",
         "At night the Eiffel Tower sparkles over the Champ de Mars.",
         "The tower in Paris is the most visited monument in the world.",
         "My favourite landmark is the Eiffel Tower in Paris, France.",
         "From the top of the Eiffel Tower you see the whole of Paris.",
         "Elevators carry visitors up the legs of the Eiffel Tower."],
        [], "eiffel|paris|tower|france|french|seine"),
    "sadness": (
        ["I feel so sad today, everything seems hopeless.", "My heart is broken and I cannot stop crying.",
         "It is a miserable, lonely evening and nobody calls.", "We lost everything, and grief fills the house.",
         "I am in despair; nothing will ever be good again.", "The funeral was quiet, and tears ran down her face.",
         "He sat alone in the dark, mourning his lost friend.", "What a tragic day, full of sorrow and regret."],
        ["I feel so happy today, everything seems wonderful.", "My heart is full and I cannot stop smiling.",
         "It is a delightful, cosy evening and everybody calls.", "We won everything, and joy fills the house.",
         "I am in bliss; everything will always be good.", "The wedding was lively, and laughter lit her face.",
         "He sat among friends in the sun, celebrating his new friend.", "What a glorious day, full of delight and hope."],
        "sad|tear|grief|lonel|sorrow|despair|mourn|tragic|tragedy|broken|cry|lost|dark|pain|suffer"),
    "the sea": (
        ["The waves roll in from the ocean and break on the shore.", "Salt and seaweed, that is how the sea smells.",
         "The sailors hoisted the sails and left the harbour.", "A whale came up beside our boat in the deep water.",
         "At low tide the children look for shells on the beach.", "The lighthouse warns the ships of the rocks.",
         "We swam in the sea until the sun went down.", "The ocean is deep and blue, and full of fish."],
        [], r"\bsea\b|ocean|wave|beach|ship|sail|shore|tide|fish|coast|island|harbo"),
}


def run(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, encoding="utf-8").stdout


def rank(values: list[float]) -> list[float]:
    order = sorted(values)
    return [order.index(v) + (order.count(v) - 1) / 2 for v in values]


def correlate(a: list[float], b: list[float]) -> float:
    a, b = rank(a), rank(b)
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    product = sum((x - ma) * (y - mb) for x, y in zip(a, b))
    lengths = sum((x - ma) ** 2 for x in a) * sum((y - mb) ** 2 for y in b)
    return product / lengths ** 0.5 if lengths else float("nan")


def tell(point: dict, words: str) -> str:
    n = sum(bool(re.search(words, reply, re.IGNORECASE)) for reply in point["replies"])
    return f"{n:2} of {len(point['replies'])}, {point['surprisal']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steer", required=True, help="the program")
    parser.add_argument("--model", required=True)
    parser.add_argument("--layers", default="", help="beside the one that is taken: 10,14")
    options = parser.parse_args()
    print("topic         layer   without            contrast suggests          sweep suggests             heard ~ words")
    with tempfile.TemporaryDirectory() as folder:
        for name, (more, less, words) in TOPICS.items():
            files = {}
            for kind, lines in (("with", more), ("without", less)):
                files[kind] = Path(folder, kind)
                files[kind].write_text("\n".join(lines), encoding="utf-8")
            Path(folder, "prompts").write_text("\n".join(PROMPTS), encoding="utf-8")
            examples = ["--with", str(files["with"])] + (["--without", str(files["without"])] if less else [])
            told = json.loads(run(options.steer, "contrast", "--model", options.model, *examples, "--json"))
            for layer in [told["layer"]] + [int(text) for text in options.layers.split(",") if text]:
                vector = str(Path(folder, "made.safetensors"))
                run(options.steer, "contrast", "--model", options.model, *examples, "--layer", str(layer), "-o", vector)
                first = told["layers"][layer]["strength"]

                def sweep(*arguments: str) -> dict:
                    return json.loads(run(options.steer, "sweep", "--model", options.model, "--vectors", vector,
                                          "--feature", f"{layer}:0", "--prompts", str(Path(folder, "prompts")), "--json",
                                          *arguments))

                swept, suggested = sweep(), sweep("--strengths", str(first))
                best = [p for p in swept["points"][1:] if p["strength"] == swept["suggested_strength"]]
                n_words = [sum(bool(re.search(words, r, re.IGNORECASE)) for r in p["replies"]) for p in swept["points"]]
                found = f"{best[0]['strength']:6.4g}: {tell(best[0], words)}" if best else "none"
                print(f"{name:13} {layer:5}   {tell(swept['points'][0], words)}     {first:6.4g}: "
                      f"{tell(suggested['points'][1], words)}     {found}     "
                      f"{correlate([p['gain'] for p in swept['points']], n_words):.2f}", flush=True)


if __name__ == "__main__":
    main()
