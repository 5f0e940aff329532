"""Write the presets: which verified features they mix, at strengths tuned on neutral prompts.

    python presets.py --work build/demo --model ../model --sae ../sae --out ../../presets
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from concepts import load_concepts, neutral_prompts
from generate import Player, repeated_trigrams
from sweeps import load_measured, pair_rates
from topic import HERE

FACTORS = (0.75, 1.0)
SOURCE = "demo"


@dataclass(frozen=True)
class Preset:
    file: str
    name: str
    description: str
    concepts: tuple[str, ...]
    clamp: bool | None = None   # None leaves each feature in its own best mode
    factor: float | None = None  # a fixed multiple of the recommended strength instead of tuning


PRESETS = (
    Preset("01-eiffel-tower", "Eiffel Tower", "Whatever you ask, the answer comes from Paris.", ("eiffel",)),
    Preset("02-pirate-at-sea", "Pirate at Sea", "Two features at once: the sea, told by a pirate.", ("sea", "manner:pirate")),
    Preset("03-castle-herald", "Herald of the Castle", "Towers and moats, proclaimed in the words of old.", ("castles", "manner:medieval")),
    Preset("04-gloomy-rain", "Gloomy Rain", "It drips, it sighs, and nothing good ever lasts.", ("rain", "manner:gloomy")),
    Preset("05-football-at-full-volume", "Football at Full Volume", "The match, IN CAPITAL LETTERS.", ("football", "manner:shouting")),
    Preset("06-moonlight-whisper", "Moonlight Whisper", "Psst, come closer, the moon is listening.", ("moon", "manner:whisper")),
    Preset("07-only-cats", "Only Cats, Clamped", "The feature for cats is held at one value, so every answer purrs.", ("cats",), clamp=True),
    Preset("08-anything-but-chocolate", "Anything but Chocolate", "A negative strength: ask about chocolate and see how it dodges.", ("chocolate",), factor=-1.0),
    Preset("09-paris-with-french-words", "Un Peu de Paris", "The Eiffel Tower with a French accent.", ("eiffel", "manner:french")),
    Preset("10-beeping-astronaut", "Beeping Astronaut", "Space, reported by a machine that beeps.", ("space", "manner:robot")),
    Preset("11-cheerful-garden", "Cheerful Garden", "Flowers, bees and endless joy.", ("gardens", "manner:cheerful")),
    Preset("13-pizza", "Pizza, Pizza", "One clean feature, clamped: every road leads to Naples.", ("pizza",), clamp=True),
    Preset("12-cowboy-on-a-horse", "Cowboy on a Horse", "Howdy, partner, mind the hooves.", ("horses", "manner:cowboy")),
)


def tuned(preset: Preset, player: Player, items: dict, vectors: dict, concepts: dict, seed: int) -> tuple[list[tuple[dict, float]], dict]:
    """The mix whose replies show all of its concepts most often and stay readable."""
    chosen = [dict(items[name]) for name in preset.concepts]
    for item in chosen:
        if preset.clamp is not None:
            item["mode"] = "clamp" if preset.clamp else "add"
        if preset.factor is not None:
            item["mode"] = "add"
    grid = [(preset.factor,)] if preset.factor is not None else list(product(FACTORS, repeat=len(chosen)))
    best, best_score, best_rates = None, float("-inf"), {}
    for factors in grid:
        pair = [(item, factor * item["strength"]) for item, factor in zip(chosen, factors)]
        rates = pair_rates(player, pair, vectors, concepts, neutral_prompts(77)[:8], seed)
        repeated = sum(map(repeated_trigrams, rates["texts"])) / len(rates["texts"])
        likely = readable(player, rates["texts"])
        score = rates["all"] - repeated + 0.1 * likely
        if score > best_score:
            best, best_score, best_rates = pair, score, rates | {"repeated": repeated}
    return best, best_rates


def readable(player: Player, texts: list[str]) -> float:
    """Mean log-probability a token of replies under the unsteered model, after an empty question."""
    prompt = player.prompt([{"role": "user", "content": "Tell me something."}])
    scores = [player.mean_log_probability(prompt, player.tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    return sum(scores) / len(scores)


def yaml_of(preset: Preset, mix: list[tuple[dict, float]]) -> str:
    lines = ["version: 1", f"name: {preset.name}", "model: steer-demo", f"description: \"{preset.description}\"", "system_prompt: \"\"",
             "steer_prompt: true", "skip_special_tokens: false", "features:"]
    for item, strength in mix:
        lines += [f"  - layer: {item['layer']}", f"    index: {item['index']}", f"    source: {SOURCE}", f"    label: {item['label']}",
                  f"    strength: {strength:.2f}", f"    clamp: {'true' if item['mode'] == 'clamp' else 'false'}", "    enabled: true"]
    lines += ["sampling:", "  temperature: 0.7", "  top_k: 0", "  top_p: 0.95", "  min_p: 0.0", "  repetition_penalty: 1.1", "  seed: 16", "  max_tokens: 256"]
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
        if any(name not in items for name in preset.concepts):
            print(f"{preset.file}: left out, {[name for name in preset.concepts if name not in items]} is not verified")
            continue
        mix, rates = tuned(preset, player, items, vectors, concepts, options.seed)
        (options.out / f"{preset.file}.yaml").write_text(yaml_of(preset, mix), encoding="utf-8")
        strengths = [round(strength, 2) for _, strength in mix]
        print(f"{preset.file}: {strengths} all shown {rates['all']:.2f} repeated {rates['repeated']:.2f}\n    {rates['texts'][0]!r}", flush=True)


if __name__ == "__main__":
    main()
