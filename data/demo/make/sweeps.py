"""The shape of steering in tables: strengths, adding against clamping, negative strengths, two features at once.

    python sweeps.py --work build/demo --model ../model --sae ../sae

Reads which features labels.py found, measures, and prints Markdown.
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
import steering
from steering import SAMPLING, Trial, run
from topic import HERE, load_topics

SHOWN = ("eiffel", "sea", "pizza", "dogs", "dragons", "manner:pirate", "manner:shouting")
AVOIDED = ("eiffel", "sea", "cats", "pizza", "chocolate")
PAIRS = ((("sea", 0.55, "add"), ("manner:pirate", 0.5, "add")), (("tea", 0.5, "clamp"), ("manner:formal", 0.6, "add")),
         (("guitar", 0.5, "add"), ("manner:cowboy", 0.36, "add")), (("dragons", 0.5, "add"), ("manner:medieval", 0.41, "add")))  # shares of the layers' norms
SHARES = (0.1, 0.25, 0.4, 0.55, 0.8, 1.5)  # of the layer's typical norm
ASKED = 50  # questions about a topic for a cell of negative strengths
SCORED = 10  # replies of a cell whose log-probability is taken
NEGATIVE = (0.0, -0.2, -0.4, -0.6, -0.8)  # of the norm


def strength_tables(player: Player, items: list[dict], vectors: dict, concepts: dict[str, Concept], seed: int) -> list[str]:
    """Each feature: how often it shows, how likely and how repetitive the replies are, by strength, added and clamped."""
    def trials(item: dict, clamp: bool) -> list[Trial]:
        name = item["concept"]
        return [Trial(concepts[name], item["layer"], item["index"], vectors[name], share * item["norm"], clamp) for share in SHARES]

    sweeps = [(item, {clamp: trials(item, clamp) for clamp in (False, True)}) for item in items]
    run(player, [trial for _, rows in sweeps for clamp in rows for trial in rows[clamp]], neutral_prompts(5), seed)
    return [line for item, rows in sweeps for line in strength_table(player, item, rows)]


def strength_table(player: Player, item: dict, rows: dict[bool, list[Trial]]) -> list[str]:
    lines = [f"**{item['label']}** (layer {item['layer']}, feature {item['index']}, recommended {item['strength']:.2f}, {item['mode']})", "",
             "| strength | of the norm | shown, add | log-probability | repeated | shown, clamp | log-probability | repeated |", "|---" * 8 + "|"]
    for share, *pair in zip(SHARES, rows[False], rows[True]):
        cells = [f"{100 * trial.rate:.0f} % | {trial.log_probability(player, SCORED):.2f} | {trial.repeated:.2f}" for trial in pair]
        lines.append(f"| {pair[0].strength:.2f} | {share:.2f} | {cells[0]} | {cells[1]} |")
    return lines + [""]


def asked_prompts(name: str, count: int) -> list[str]:
    """Questions about one topic by its name, and none in which the answer has to repeat the name."""
    topic = next(topic for topic in load_topics() if topic.id == name)
    wordings = [wording for intent in ("describe", "fact", "opinion", "feel", "recommend", "advice", "story") for wording in ASKS[intent]]
    return [wording.format_map(topic.forms) for wording in Random(4).sample(wordings, count)]


def negative_table(player: Player, items: dict[str, dict], vectors: dict, concepts: dict[str, Concept], seed: int) -> list[str]:
    """Asked about the topic, with its feature's strength negative (added)."""
    lines = ["| asked about | " + " | ".join("unsteered" if factor == 0 else f"{factor:g}" for factor in NEGATIVE) + " |",
             "|---" * (len(NEGATIVE) + 1) + "|"]
    for name in AVOIDED:
        if name not in items:
            continue
        item = items[name]
        trials = [Trial(concepts[name], item["layer"], item["index"], vectors[name], factor * item["norm"], False) for factor in NEGATIVE]
        run(player, trials, asked_prompts(name, ASKED), seed)
        lines.append(f"| {item['label']} | " + " | ".join(f"{100 * trial.rate:.0f} % ({trial.repeated:.2f})" for trial in trials) + " |")
    return lines + [""]


def pair_rates(player: Player, pair: list[tuple[dict, float]], vectors: dict, concepts: dict[str, Concept], prompts: list[str], seed: int) -> dict:
    """Two (or more) features at given strengths: how often each shows, and how often all do."""
    steers = [Steer(item["layer"], vectors[item["concept"]][None], torch.tensor([strength]), item["mode"] == "clamp") for item, strength in pair]
    texts = player.texts(prompts, SAMPLING, seed, steers)
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
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--part", choices=("strength", "negative", "pairs"))
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    steering.PROCESSES = options.processes
    player, concepts = Player(options.model), {concept.name: concept for concept in load_concepts()}
    items, vectors = load_measured(options.work, options.sae)
    if options.part in (None, "strength"):
        print("### Strength\n")
        print("\n".join(strength_tables(player, [items[name] for name in SHOWN if name in items], vectors, concepts, options.seed)), flush=True)
    if options.part in (None, "negative"):
        print("### Negative strength\n")
        print("\n".join(negative_table(player, items, vectors, concepts, options.seed)), flush=True)
    if options.part in (None, "pairs"):
        print("### Two at once\n")
        print("| features | first shown | second shown | both |\n|---|---|---|---|")
        for mix in PAIRS:
            if all(name in items for name, *_ in mix):
                pair = [(items[name] | {"mode": mode}, share * items[name]["norm"]) for name, share, mode in mix]
                rates = pair_rates(player, pair, vectors, concepts, neutral_prompts(), options.seed)
                shares = " | ".join(f"{100 * rate:.0f} %" for rate in (*rates["each"], rates["all"]))
                names = " + ".join(f"{item['label']} ({strength:.2f}, {item['mode']})" for item, strength in pair)
                print(f"| {names} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
