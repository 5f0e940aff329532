"""Find a feature for each concept, prove it by steering, and write the labels and the vector library.

    python labels.py --work build/demo --model ../model --sae ../sae

Activation only proposes: features that fire much more in replies about a concept than elsewhere, or whose direction raises the logits of
its words. Steering decides: each candidate answers neutral prompts at several strengths, added and clamped, and the best is then measured
on fifty prompts with other seeds.
"""
from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from concepts import Concept, examples, load_concepts, neutral_prompts
from generate import Player
from pack import pieces
from sae import Autoencoder, load_autoencoder
from steering import Trial, run, unsteered
from topic import HERE, load_topics

MODEL_NAME = "steer-demo"
SCREEN_SHARES = (0.5, 0.9, 1.4)  # of the layer's typical norm
SHARES = (0.2, 0.35, 0.5, 0.7, 0.9, 1.15, 1.5, 2.2)
SCREEN_PROMPTS = 8
FINALISTS = 1
CANDIDATES = 4
SHOWN, BASE, REPEATED = 0.8, 0.05, 0.2


@dataclass
class Layer:
    number: int
    sae: Autoencoder
    norm: float
    directions: Tensor  # [features, width], unit length
    rows: dict[str, int]  # where a concept's row is in `means`
    means: Tensor       # [concepts, features], mean activation in replies of each concept
    counts: Tensor      # [features], share of tokens on which it fires
    peaks: Tensor       # [features], largest activation seen


def saved_layers(folder: Path) -> list[int]:
    return sorted(int(path.name.rsplit("_", 1)[1]) for path in folder.glob("resid_post_layer_*"))


@torch.no_grad()
def study(player: Player, folder: Path, concepts: list[Concept]) -> list[Layer]:
    """How each feature of each layer fires in replies that are known to show a concept."""
    shown = examples(load_topics(), 40, seed=21)
    numbers = saved_layers(folder)
    saes = {number: load_autoencoder(folder / f"resid_post_layer_{number}" / "trainer_0" / "ae.pt") for number in numbers}
    order = {concept.name: row for row, concept in enumerate(concepts)}
    sums = {number: torch.zeros(len(concepts), saes[number].bias.shape[0]) for number in numbers}
    tokens_of = torch.zeros(len(concepts))
    fired = {number: torch.zeros(saes[number].bias.shape[0]) for number in numbers}
    peaks = {number: torch.zeros(saes[number].bias.shape[0]) for number in numbers}
    norms: dict[int, list[Tensor]] = {number: [] for number in numbers}
    for name, messages in shown:
        head = player.tokenizer.encode("".join(text for text, _ in pieces(messages[:-1])), add_special_tokens=False).ids
        tokens = player.tokenizer.encode("".join(text for text, _ in pieces(messages)), add_special_tokens=False).ids
        tokens_of[order[name]] += len(tokens) - len(head)

        def look(layer: int, h: Tensor) -> Tensor:
            if layer in saes:
                active = saes[layer].encode(h[0, 1:])
                sums[layer][order[name]] += active[len(head) - 1:].sum(0)
                fired[layer] += (active > 0).sum(0)
                peaks[layer] = torch.maximum(peaks[layer], active.max(0).values)
                norms[layer].append(h[0, 1:].norm(dim=-1))
            return h
        player.model.hidden(torch.tensor([tokens]), hook=look)
    layers = []
    for number in numbers:
        norm = torch.cat(norms[number])
        decoder = saes[number].decoder.T
        layers.append(Layer(number, saes[number], norm.mean().item(), decoder / decoder.norm(dim=1, keepdim=True), order,
                            sums[number] / tokens_of[:, None], fired[number] / len(norm), peaks[number]))
    return layers


def candidates(layer: Layer, concept: Concept) -> list[int]:
    """Features that fire in this concept's replies and little elsewhere."""
    means, row = layer.means, layer.rows[concept.name]
    other = torch.cat([means[:row], means[row + 1:]])
    score = means[row] * (means[row] / (means[row] + other.mean(0) * 8 + 1e-6)) ** 2
    return score.topk(CANDIDATES).indices.tolist()


def screen(player: Player, layers: list[Layer], concepts: list[Concept], seed: int) -> dict[str, list[tuple[float, Layer, int]]]:
    """A quick look at all candidates; the best few of each concept, with their score."""
    trials = [Trial(concept, layer.number, index, layer.directions[index], share * layer.norm, True)
              for concept in concepts for layer in layers for index in candidates(layer, concept)
              for share in SCREEN_SHARES]
    run(player, trials, neutral_prompts(seed)[:SCREEN_PROMPTS], seed)
    best: dict[str, dict[tuple[int, int], float]] = {concept.name: {} for concept in concepts}
    for trial in trials:
        place = (trial.layer, trial.index)
        score = trial.rate - 2 * max(0.0, trial.repeated - 0.1)
        best[trial.concept.name][place] = max(best[trial.concept.name].get(place, 0.0), score)
    by_number = {layer.number: layer for layer in layers}
    return {name: [(score, by_number[layer], index) for (layer, index), score in sorted(found.items(), key=lambda item: -item[1])[:FINALISTS]]
            for name, found in best.items()}


def summary(trial: Trial, norm: float, player: Player | None) -> dict:
    row = {"strength": round(trial.strength, 3), "share_of_norm": round(trial.strength / norm, 2), "clamp": trial.clamp,
           "rate": round(trial.rate, 3), "repeated": round(trial.repeated, 3)}
    if player:
        row["log_probability"] = round(trial.log_probability(player), 3)
    return row


def verify(player: Player, layers: list[Layer], concepts: list[Concept], seed: int) -> list[dict]:
    """The best feature of each concept, measured at all strengths in both modes on fifty prompts."""
    chosen = screen(player, layers, concepts, seed)
    prompts = neutral_prompts()
    plain = unsteered(player, prompts, seed + 500)
    trials = [(concept, layer, Trial(concept, layer.number, index, layer.directions[index], share * layer.norm, clamp))
              for concept in concepts for score, layer, index in chosen[concept.name] if score >= 0.4
              for share in SHARES for clamp in (False, True)]
    run(player, [trial for _, _, trial in trials], prompts, seed + 1000)
    found = []
    for concept in concepts:
        base = sum(map(concept.shown, plain)) / len(plain)
        options = [judge(player, concept, layer, index, [trial for owner, _, trial in trials
                                                         if owner is concept and (trial.layer, trial.index) == (layer.number, index)], base)
                   for score, layer, index in chosen[concept.name] if score >= 0.4]
        options = [option for option in options if option]
        if options:
            found.append(max(options, key=lambda option: option["quality"]))
            print(f"{concept.name}: layer {found[-1]['layer']} feature {found[-1]['index']} strength {found[-1]['strength']:.2f} "
                  f"{found[-1]['mode']} rate {found[-1]['rate']:.2f} base {base:.3f}", flush=True)
        else:
            print(f"{concept.name}: nothing (unsteered {base:.3f})", flush=True)
    return found


def judge(player: Player, concept: Concept, layer: Layer, index: int, trials: list[Trial], base: float) -> dict | None:
    """The verdict on one feature: its sweet spot, or None when it has none."""
    if base > BASE:
        return None
    options = []
    for clamp in (False, True):
        row = [trial for trial in trials if trial.clamp == clamp]
        good = [trial for trial in row if trial.rate >= SHOWN and trial.repeated < REPEATED / 2]
        if not good:
            continue
        # The weakest strength that leaves some room above the bar, else the one that shows the concept most.
        safe = [trial for trial in good if trial.rate >= 0.9]
        best = safe[0] if safe else max(good, key=lambda trial: trial.rate)
        useful = [trial.strength for trial in row if trial.rate >= max(0.2, 3 * base) and trial.repeated < REPEATED]
        at = summary(best, layer.norm, player)
        options.append({"concept": concept.name, "kind": concept.kind, "label": concept.label, "layer": layer.number, "index": index,
                        "norm": layer.norm, "mode": "clamp" if clamp else "add", "strength": best.strength, "rate": at["rate"], "base": base,
                        "repeated": at["repeated"], "log_probability": at["log_probability"], "min": min(useful), "max": max(useful),
                        "quality": at["rate"] + 0.1 * at["log_probability"] - at["repeated"], "peak": layer.peaks[index].item(),
                        "frequency": layer.counts[index].item(), "samples": best.texts[:6],
                        "sweep": [summary(trial, layer.norm, None) for trial in trials]})
    return max(options, key=lambda option: option["quality"]) if options else None


@torch.no_grad()
def strongest_tokens(player: Player, direction: Tensor, sign: int) -> tuple[list[str], list[float]]:
    """The tokens whose logits a direction raises (or lowers) most, for the label file."""
    values, tokens = (player.model.embed.weight @ (direction * player.model.norm) * sign).topk(8)
    return [player.tokenizer.decode([token]) for token in tokens.tolist()], [round(sign * value, 3) for value in values.tolist()]


def write(player: Player, layers: list[Layer], found: list[dict], folder: Path) -> None:
    """labels.jsonl in Neuronpedia's form with our fields, and vectors.safetensors."""
    by_number = {layer.number: layer for layer in layers}
    notes = {"format": "steer-vectors", "version": "1", "model": MODEL_NAME, "d_model": str(player.model.shape.width)}
    notes |= {f"layer_norm.{layer.number}": f"{layer.norm:.4f}" for layer in layers}
    vectors = {}
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as out:
        for item in sorted(found, key=lambda item: (item["kind"] != "topic", item["concept"])):
            direction = by_number[item["layer"]].directions[item["index"]]
            place = f"{item['layer']}.{item['index']}"
            positive, raised = strongest_tokens(player, direction, 1)
            negative, lowered = strongest_tokens(player, direction, -1)
            row = {"modelId": MODEL_NAME, "layer": f"{item['layer']}-resid-post-demo", "index": str(item["index"]), "description": item["label"],
                   "typeName": "verified-by-steering", "explanationModelName": MODEL_NAME, "maxActApprox": round(item["peak"], 4),
                   "frac_nonzero": round(item["frequency"], 6), "pos_str": positive, "pos_values": raised, "neg_str": negative, "neg_values": lowered,
                   "recommendedStrength": round(item["strength"], 3), "mode": item["mode"], "layerNorm": round(item["norm"], 4),
                   "usefulMin": round(item["min"], 3), "usefulMax": round(item["max"], 3), "shown": item["rate"], "shownUnsteered": round(item["base"], 4),
                   "repeatedTrigrams": item["repeated"], "meanLogProbability": item["log_probability"]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            vectors[place] = direction.contiguous()
            notes |= {f"label.{place}": item["label"], f"strength.{place}": f"{item['strength']:.3f}", f"mode.{place}": item["mode"],
                      f"min.{place}": f"{item['min']:.3f}", f"max.{place}": f"{item['max']:.3f}"}
    save_file(vectors, folder / "vectors.safetensors", metadata=notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--sae", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--only", nargs="*", help="names of concepts, for a quick look")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.time()
    player, concepts = Player(options.model), load_concepts()
    layers = study(player, options.sae, concepts)
    if options.only:
        concepts = [concept for concept in concepts if concept.name in options.only]
    found = verify(player, layers, concepts, options.seed)
    write(player, layers, found, options.sae)
    (options.work / "steering.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(found)} features verified, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
