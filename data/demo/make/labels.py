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
from steering import SAMPLING, Trial, run, unsteered
from topic import HERE, load_topics

MODEL_NAME = "steer-demo"
SCREEN_SHARES = (0.4, 0.8)  # of the layer's typical norm
SHARES = (0.15, 0.25, 0.34, 0.44, 0.56, 0.75, 1.2)
SCREEN_TOKENS = 24
SWEEP_PROMPTS = 8
SWEEP_TOKENS = 36
FINALISTS = 1
CANDIDATES = 3
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
    shown = examples(load_topics(), 25, seed=21)
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
    run(player, trials, neutral_prompts(seed)[1:20:5], seed, SCREEN_TOKENS)
    print(f"{len(trials)} trials screened", flush=True)
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
    """The best feature of each concept: a sweep finds the strength for each mode, fifty prompts with other seeds give the verdict."""
    chosen = {name: [place for place in places if place[0] >= 0.4] for name, places in screen(player, layers, concepts, seed).items()}
    prompts = neutral_prompts()
    plain = unsteered(player, prompts, seed + 500)
    print(f"unsteered replies: log-probability {plain_log_probability(player, prompts, seed + 500):.3f}", flush=True)
    sweeps = {(concept.name, layer.number, index, clamp): [Trial(concept, layer.number, index, layer.directions[index], share * layer.norm, clamp)
                                                           for share in SHARES]
              for concept in concepts for _, layer, index in chosen[concept.name] for clamp in (False, True)}
    run(player, [trial for row in sweeps.values() for trial in row], prompts[:SWEEP_PROMPTS], seed + 1000, SWEEP_TOKENS)
    finals = {key: [Trial(spot.concept, spot.layer, spot.index, spot.vector, spot.strength, spot.clamp) for spot in sweet_spots(row)]
              for key, row in sweeps.items()}
    run(player, [trial for row in finals.values() for trial in row], prompts, seed + 2000)
    found = []
    for concept in concepts:
        base = sum(map(concept.shown, plain)) / len(plain)
        options = [verdict(player, concept, layer, index, {clamp: weakest(finals[concept.name, layer.number, index, clamp]) for clamp in (False, True)},
                           [trial for clamp in (False, True) for trial in sweeps[concept.name, layer.number, index, clamp]], base)
                   for _, layer, index in chosen[concept.name]]
        options = [option for option in options if option]
        if options:
            found.append(max(options, key=lambda option: option["quality"]))
            print(f"{concept.name}: layer {found[-1]['layer']} feature {found[-1]['index']} strength {found[-1]['strength']:.2f} {found[-1]['mode']} "
                  f"added {found[-1]['added']} clamped {found[-1]['clamped']} unsteered {base:.3f}\n    {found[-1]['samples'][0]!r}", flush=True)
        else:
            print(f"{concept.name}: nothing (unsteered {base:.3f})", flush=True)
    return found


def again(player: Player, layers: list[Layer], concepts: list[Concept], before: list[dict], seed: int) -> list[dict]:
    """The verdict once more for features and strengths found before, as after a little further training of the model."""
    prompts = neutral_prompts()
    plain = unsteered(player, prompts, seed + 500)
    print(f"unsteered replies: log-probability {plain_log_probability(player, prompts, seed + 500):.3f}", flush=True)
    by_name, by_number = {concept.name: concept for concept in concepts}, {layer.number: layer for layer in layers}
    finals = {(item["concept"], key): Trial(by_name[item["concept"]], item["layer"], item["index"], by_number[item["layer"]].directions[item["index"]],
                                            item[key]["strength"], key == "clamped")
              for item in before for key in ("added", "clamped") if item[key]}
    run(player, list(finals.values()), prompts, seed + 2000)
    found = []
    for item in before:
        concept, layer = by_name[item["concept"]], by_number[item["layer"]]
        base = sum(map(concept.shown, plain)) / len(plain)
        now = verdict(player, concept, layer, item["index"], {clamp: finals.get((concept.name, "clamped" if clamp else "added")) for clamp in (False, True)}, [], base)
        if now:
            found.append(now | {"sweep": item["sweep"], "min": min(item["min"], now["strength"]), "max": max(item["max"], now["strength"])})
        rates = {key[1]: trial.rate for key, trial in finals.items() if key[0] == concept.name}
        print(f"{concept.name}: {'kept' if now else 'lost'} {rates} unsteered {base:.3f}", flush=True)
    return found


def plain_log_probability(player: Player, prompts: list[str], seed: int) -> float:
    scores = []
    for number, prompt in enumerate(prompts):
        tokens = player.prompt([{"role": "user", "content": prompt}])
        scores.append(player.mean_log_probability(tokens, player.replies(tokens, 1, SAMPLING, seed + number)[0]))
    return sum(scores) / len(scores)


def sweet_spots(row: list[Trial]) -> list[Trial]:
    """The two weakest strengths that show the concept while the text stays readable: the weaker the better, but the first may just miss the bar."""
    return [trial for trial in row if trial.rate >= SHOWN and trial.repeated < REPEATED / 2][:2]


def weakest(row: list[Trial]) -> Trial | None:
    """The weakest strength that passes, or the strongest there is."""
    return next((trial for trial in row if trial.rate > SHOWN), row[-1] if row else None)


def verdict(player: Player, concept: Concept, layer: Layer, index: int, finals: dict[bool, Trial | None], sweep: list[Trial], base: float) -> dict | None:
    """What is said of one feature, or None when it does not do what its label says."""
    passed = {clamp: trial for clamp, trial in finals.items() if trial and trial.rate >= SHOWN and trial.repeated < REPEATED}
    if base > BASE or not passed:
        return None
    figures = {clamp: summary(trial, layer.norm, player) for clamp, trial in finals.items() if trial}
    clamp = max(passed, key=lambda mode: figures[mode]["rate"] + 0.1 * figures[mode]["log_probability"])
    at = figures[clamp]
    useful = [trial.strength for trial in sweep if trial.clamp == clamp and trial.rate >= max(0.2, 3 * base) and trial.repeated < REPEATED]
    useful.append(passed[clamp].strength)
    return {"concept": concept.name, "kind": concept.kind, "label": concept.label, "layer": layer.number, "index": index, "norm": layer.norm,
            "mode": "clamp" if clamp else "add", "strength": passed[clamp].strength, "rate": at["rate"], "base": base,
            "added": figures.get(False), "clamped": figures.get(True), "repeated": at["repeated"], "log_probability": at["log_probability"],
            "min": min(useful), "max": max(useful), "quality": at["rate"] + 0.1 * at["log_probability"] - at["repeated"],
            "peak": layer.peaks[index].item(), "frequency": layer.counts[index].item(), "samples": passed[clamp].texts[:8],
            "sweep": [summary(trial, layer.norm, None) for trial in sweep]}


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
                   "usefulMin": round(item["min"], 3), "usefulMax": round(item["max"], 3), "shown": item["rate"], "shownAdded": rate_of(item["added"]),
                   "shownClamped": rate_of(item["clamped"]), "shownUnsteered": round(item["base"], 4),
                   "repeatedTrigrams": item["repeated"], "meanLogProbability": item["log_probability"]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            vectors[place] = direction.contiguous()
            notes |= {f"label.{place}": item["label"], f"strength.{place}": f"{item['strength']:.3f}", f"mode.{place}": item["mode"],
                      f"min.{place}": f"{item['min']:.3f}", f"max.{place}": f"{item['max']:.3f}"}
    save_file(vectors, folder / "vectors.safetensors", metadata=notes)


def rate_of(figures: dict | None) -> float | None:
    return figures["rate"] if figures else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--sae", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--only", nargs="*", help="names of concepts, for a quick look")
    parser.add_argument("--again", action="store_true", help="only prove once more what steering.json holds")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.time()
    player, concepts = Player(options.model), load_concepts()
    layers = study(player, options.sae, concepts)
    if options.only:
        concepts = [concept for concept in concepts if concept.name in options.only]
    if options.again:
        found = again(player, layers, concepts, json.loads((options.work / "steering.json").read_text()), options.seed)
    else:
        found = verify(player, layers, concepts, options.seed)
    write(player, layers, found, options.sae)
    (options.work / "steering.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(found)} features verified, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
