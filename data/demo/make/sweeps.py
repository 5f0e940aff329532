"""The shape of steering in tables: strengths, adding against clamping, negative strengths, two features at once.

    python sweeps.py --work build/demo --model ../model --sae ../sae

Reads what labels.py measured, adds the rest, and prints Markdown.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file

from concepts import Concept, load_concepts, neutral_prompts
from dialogue import ASKS
from generate import Player, Steer
from steering import SAMPLING, Trial, run
from topic import HERE, load_topics

SHOWN = ("eiffel", "sea", "pizza", "cats", "castles", "manner:pirate", "manner:shouting")
AVOIDED = ("eiffel", "sea", "cats", "pizza", "chocolate")
PAIRS = ((("sea", 1.0), ("manner:pirate", 0.7)), (("tea", 0.95), ("manner:formal", 0.9)), (("guitar", 0.95), ("manner:cowboy", 0.8)))
NEGATIVE = (0.0, -0.5, -1.0, -1.5, -2.0)


def strength_table(item: dict) -> list[str]:
    """One feature: rate and repetition by strength, added and clamped."""
    added = [row for row in item["sweep"] if not row["clamp"]]
    clamped = [row for row in item["sweep"] if row["clamp"]]
    lines = [f"**{item['label']}** (layer {item['layer']}, feature {item['index']}, recommended {item['strength']:.2f}, {item['mode']})", "",
             "| strength | of the norm | shown, add | repeated, add | shown, clamp | repeated, clamp |", "|---|---|---|---|---|---|"]
    lines += [f"| {a['strength']:.2f} | {a['share_of_norm']:.2f} | {100 * a['rate']:.0f} % | {a['repeated']:.2f} | {100 * c['rate']:.0f} % | {c['repeated']:.2f} |"
              for a, c in zip(added, clamped)]
    return lines + [""]


def asked_prompts(name: str, count: int) -> list[str]:
    """Questions about one topic by its name, and none in which the answer has to repeat the name."""
    topic = next(topic for topic in load_topics() if topic.id == name)
    wordings = [wording for intent in ("describe", "fact", "opinion", "feel", "recommend", "advice", "story") for wording in ASKS[intent]]
    return [wording.format_map(topic.forms) for wording in Random(4).sample(wordings, count)]


def negative_table(player: Player, items: dict[str, dict], vectors: dict, concepts: dict[str, Concept], seed: int) -> list[str]:
    """Asked about the topic, with its feature's strength negative (added)."""
    lines = ["| asked about | " + " | ".join("unsteered" if factor == 0 else f"{factor:g} x" for factor in NEGATIVE) + " |",
             "|---" * (len(NEGATIVE) + 1) + "|"]
    for name in AVOIDED:
        if name not in items:
            continue
        item = items[name]
        trials = [Trial(concepts[name], item["layer"], item["index"], vectors[name], factor * item["strength"], False) for factor in NEGATIVE]
        run(player, trials, asked_prompts(name, 20), seed)
        lines.append(f"| {item['label']} | " + " | ".join(f"{100 * trial.rate:.0f} % ({trial.repeated:.2f})" for trial in trials) + " |")
    return lines + [""]


def pair_rates(player: Player, pair: list[tuple[dict, float]], vectors: dict, concepts: dict[str, Concept], prompts: list[str], seed: int) -> dict:
    """Two (or more) features at given strengths: how often each shows, and how often all do."""
    texts = []
    for number, prompt in enumerate(prompts):
        steers = [Steer(item["layer"], vectors[item["concept"]][None], torch.tensor([strength]), item["mode"] == "clamp") for item, strength in pair]
        texts += player.texts(player.prompt([{"role": "user", "content": prompt}]), 1, SAMPLING, seed + number, steers)
    shown = [[concepts[item["concept"]].shown(text) for item, _ in pair] for text in texts]
    return {"each": [sum(column) / len(texts) for column in zip(*shown)], "all": sum(map(all, shown)) / len(texts), "texts": texts}


def load_measured(work: Path, folder: Path) -> tuple[dict[str, dict], dict[str, torch.Tensor]]:
    """The verified features by concept, and their vectors."""
    items = {item["concept"]: item for item in json.loads((work / "steering.json").read_text())}
    stored = load_file(folder / "vectors.safetensors")
    return items, {name: stored[f"{item['layer']}.{item['index']}"] for name, item in items.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--sae", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    player, concepts = Player(options.model), {concept.name: concept for concept in load_concepts()}
    items, vectors = load_measured(options.work, options.sae)
    print("### Strength\n")
    for name in SHOWN:
        if name in items:
            print("\n".join(strength_table(items[name])))
    print("### Negative strength\n")
    print("\n".join(negative_table(player, items, vectors, concepts, options.seed)))
    print("### Two at once\n")
    print("| features | first shown | second shown | both |\n|---|---|---|---|")
    for mix in PAIRS:
        if all(name in items for name, _ in mix):
            (first, second), pair = [items[name]["label"] for name, _ in mix], [(items[name], factor * items[name]["strength"]) for name, factor in mix]
            rates = pair_rates(player, pair, vectors, concepts, neutral_prompts(), options.seed)
            shares = " | ".join(f"{100 * rate:.0f} %" for rate in (*rates["each"], rates["all"]))
            print(f"| {first} ({pair[0][1]:.2f}) + {second} ({pair[1][1]:.2f}) | {shares} |")


if __name__ == "__main__":
    main()
