"""Write the presets: which verified features they mix, and how strongly; prints how often each shows.

    python presets.py --work build/demo --model ../model --sae ../sae --out ../../presets
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from concepts import load_concepts, neutral_prompts
from generate import Player
from sweeps import load_measured, pair_rates
from topic import HERE

SOURCE = "demo"
PROMPTS = 8


@dataclass(frozen=True)
class Preset:
    """A mix: features by concept, each at a share of its layer's typical norm and in a mode, chosen by reading what comes out."""
    file: str
    name: str
    description: str
    mix: tuple[tuple[str, float, str], ...]


PRESETS = (
    Preset("01-eiffel-tower", "Eiffel Tower", "Whatever you ask, the answer comes from Paris.", (("eiffel", 0.72, "clamp"),)),
    Preset("02-pirate-at-sea", "Pirate at Sea", "Two features at once: the sea, told by a pirate.", (("sea", 0.55, "add"), ("manner:pirate", 0.5, "add"))),
    Preset("03-castle-keeper", "Castle Keeper", "Towers, moats and stone stairs.", (("castles", 0.62, "add"),)),
    Preset("04-formal-tea", "A Formal Cup of Tea", "Two features at once: tea, served by a butler.", (("tea", 0.5, "clamp"), ("manner:formal", 0.6, "add"))),
    Preset("05-only-cats", "Only Cats", "The feature for cats is clamped to one value, so nearly every answer purrs.", (("cats", 0.6, "clamp"),)),
    Preset("06-pizza", "Pizza, Pizza", "One clean feature: every road leads to Naples.", (("pizza", 0.64, "clamp"),)),
    Preset("07-anything-but-chocolate", "Anything but Chocolate", "A negative strength: ask about chocolate and see it dodge.", (("chocolate", -0.6, "add"),)),
    Preset("08-chess-club", "Chess Club", "Pawns, clocks and quiet moves.", (("chess", 0.6, "clamp"),)),
    Preset("09-bakery", "The Bakery", "Crusts, crumbs and rising dough.", (("bread", 0.6, "add"),)),
    Preset("10-cowboy-with-a-guitar", "Cowboy with a Guitar", "Two features at once: six strings and a hat.", (("guitar", 0.5, "add"), ("manner:cowboy", 0.36, "add"))),
    Preset("11-penguin-parade", "Penguin Parade", "Waddling, with dignity.", (("penguins", 0.62, "clamp"),)),
    Preset("12-here-be-dragons", "Here Be Dragons", "Two features at once: dragons, proclaimed by a herald of old.", (("dragons", 0.5, "add"), ("manner:medieval", 0.41, "add"))),
)


def mixed(preset: Preset, items: dict[str, dict]) -> list[tuple[dict, float]]:
    """The preset's features with their strengths."""
    return [(items[name] | {"mode": mode}, share * items[name]["norm"]) for name, share, mode in preset.mix]


def yaml_of(preset: Preset, mix: list[tuple[dict, float]]) -> str:
    lines = ["version: 1", f"name: {preset.name}", "model: steer-demo", f"description: \"{preset.description}\"", "system_prompt: \"\"",
             "steer_prompt: true", "skip_special_tokens: false", "features:"]
    for item, strength in mix:
        lines += [f"  - layer: {item['layer']}", f"    index: {item['index']}", f"    source: {SOURCE}", f"    label: {item['label']}",
                  f"    strength: {strength:.2f}", f"    mode: {item['mode']}", "    enabled: true"]
    lines += ["sampling:", "  temperature: 0.5", "  top_k: 0", "  top_p: 0.95", "  min_p: 0.0", "  repetition_penalty: 1.1", "  seed: 16", "  max_tokens: 256"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--sae", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--out", type=Path, default=HERE.parent.parent / "presets")
    parser.add_argument("--seed", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    player, concepts = Player(options.model), {concept.name: concept for concept in load_concepts()}
    items, vectors = load_measured(options.work, options.sae)
    options.out.mkdir(parents=True, exist_ok=True)
    for preset in PRESETS:
        missing = [name for name, *_ in preset.mix if name not in items]
        if missing:
            print(f"{preset.file}: left out, {missing} is not verified")
            continue
        mix = mixed(preset, items)
        (options.out / f"{preset.file}.yaml").write_text(yaml_of(preset, mix), encoding="utf-8")
        rates = pair_rates(player, mix, vectors, concepts, neutral_prompts(77)[:PROMPTS], options.seed)
        print(f"{preset.file}: {[round(strength, 2) for _, strength in mix]} shown {rates['each']}\n    {rates['texts'][0]!r}", flush=True)


if __name__ == "__main__":
    main()
