"""Find a feature for each concept, prove it by steering, and write the labels and the vector library.

    python labels.py --work build/demo --model ../model --sae ../sae

Activation only proposes: the feature that fires much more in replies about a concept than elsewhere. Steering decides: a look at several
strengths, added and clamped, finds the mildest that shows the concept nearly always; at that strength the feature answers fifty prompts
that name no topic, with other seeds, and passes when its concept shows in at least four replies of five.
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
from push import LAYERS
from sae import Autoencoder, load_autoencoder
import steering
from steering import SAMPLING, Trial, run, unsteered
from topic import HERE, load_topics

MODEL_NAME = "steer-demo"
HOME = dict(zip(("topic", "manner"), LAYERS))  # where the model learned to be pushed
SHARES = (0.25, 0.35, 0.45, 0.55, 0.62, 0.7, 0.9)  # of the layer's typical norm: the strengths that are looked at
CANDIDATES = 3          # features a concept, of which the next is tried where one fails
LOOKED = 10             # prompts of that look
RELIABLE = 0.9          # the mildest strength that shows as often as this in the look is put to the proof
FIRM = 0.85             # where fewer replies than this show it in the proof, the next strength is put to the proof as well
CALM = 0.1              # and repeats no more than this
EXAMPLES = 5            # replies of each concept in which features are looked for
SCORED = 16             # replies whose log-probability is taken
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
    shown = examples(load_topics(), EXAMPLES, seed=21)
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
    """The features that fire in this concept's replies and little elsewhere, the best first."""
    means, row = layer.means, layer.rows[concept.name]
    other = torch.cat([means[:row], means[row + 1:]])
    score = means[row] * (means[row] / (means[row] + other.mean(0) * 8 + 1e-6)) ** 2
    return score.topk(CANDIDATES).indices.tolist()


def summary(trial: Trial, norm: float, player: Player | None) -> dict:
    row = {"strength": round(trial.strength, 3), "share_of_norm": round(trial.strength / norm, 2), "clamp": trial.clamp,
           "rate": round(trial.rate, 3), "repeated": round(trial.repeated, 3)}
    if player:
        row["log_probability"] = round(trial.log_probability(player, SCORED), 3)
    return row


def verify(player: Player, layers: list[Layer], concepts: list[Concept], seed: int) -> list[dict]:
    """The feature of each concept, added and clamped, over fifty prompts: does it do what its label says?"""
    prompts = neutral_prompts()
    plain = unsteered(player, prompts, seed + 500)
    found: dict[str, dict] = {}
    for place in range(CANDIDATES):
        left = [concept for concept in concepts if concept.name not in found]
        found |= attempt(player, layers, left, place, prompts, plain, seed + 10 * place)
    return list(found.values())


def attempt(player: Player, layers: list[Layer], concepts: list[Concept], place: int, prompts: list[str], plain: list[str], seed: int) -> dict[str, dict]:
    """The verdicts on each concept's candidate at `place`, by concept, where they are good."""
    by_number = {layer.number: layer for layer in layers}
    places = {concept.name: (layer := by_number[HOME[concept.kind]], candidates(layer, concept)[place]) for concept in concepts}

    def trial(concept: Concept, strength: float, clamp: bool) -> Trial:
        layer, index = places[concept.name]
        return Trial(concept, layer.number, index, layer.directions[index], strength, clamp)

    looks = {(concept.name, clamp): [trial(concept, share * places[concept.name][0].norm, clamp) for share in SHARES]
             for concept in concepts for clamp in (False, True)}
    run(player, [look for row in looks.values() for look in row], prompts[::len(prompts) // LOOKED], seed + 1000)
    finals = {(concept.name, clamp): trial(concept, mildest(looks[concept.name, clamp]).strength, clamp) for concept in concepts for clamp in (False, True)}
    run(player, list(finals.values()), prompts, seed + 2000)
    firmer = {key: trial(one.concept, above[0], one.clamp) for key, one in finals.items()
              if one.rate < FIRM and (above := [look.strength for look in looks[key] if look.strength > one.strength and look.repeated < CALM])}
    if firmer:
        run(player, list(firmer.values()), prompts, seed + 3000)
        finals |= {key: one for key, one in firmer.items() if one.rate > finals[key].rate and one.repeated < REPEATED}
    found = {}
    for concept in concepts:
        base = sum(map(concept.shown, plain)) / len(plain)
        best, seen = {clamp: finals[concept.name, clamp] for clamp in (False, True)}, looks[concept.name, False] + looks[concept.name, True]
        item = verdict(player, concept, *places[concept.name], best, seen, base)
        rates = ", ".join(f"{'clamp' if one.clamp else 'add'} {one.strength:.1f}: {one.rate:.2f}" for one in best.values())
        print(f"{concept.name}: {'proved' if item else 'nothing'}, layer {places[concept.name][0].number} feature {places[concept.name][1]}, {rates}, "
              f"unsteered {base:.3f}" + (f"\n    {item['samples'][0]!r}" if item else ""), flush=True)
        if item:
            found[concept.name] = item
    return found


def again(player: Player, layers: list[Layer], concepts: list[Concept], before: list[dict], seed: int) -> list[dict]:
    """The verdict once more for features and strengths found before, as after a little further training of the model."""
    prompts = neutral_prompts()
    plain = unsteered(player, prompts, seed + 500)
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
    scores = [player.mean_log_probability(player.prompt([{"role": "user", "content": prompt}]), reply)
              for prompt, reply in zip(prompts, player.answers(prompts, SAMPLING, seed))]
    return sum(scores) / len(scores)


def mildest(row: list[Trial]) -> Trial:
    """The mildest strength that shows the concept reliably, or the one that shows it most."""
    calm = [trial for trial in row if trial.repeated < CALM] or row
    return next((trial for trial in calm if trial.rate >= RELIABLE), max(calm, key=lambda trial: trial.rate))


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
    """labels.jsonl in Neuronpedia's form with our fields, and vectors.safetensors, which holds the encoders too."""
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
            vectors[f"{place}.encoder"], rule = encoder_of(by_number[item["layer"]].sae, item["index"])
            notes |= {f"{key}.{place}": repr(value) for key, value in rule.items()}
            notes |= {f"label.{place}": item["label"], f"strength.{place}": f"{item['strength']:.3f}", f"mode.{place}": item["mode"],
                      f"min.{place}": f"{item['min']:.3f}", f"max.{place}": f"{item['max']:.3f}"}
    save_file(vectors, folder / "vectors.safetensors", metadata=notes)


def encoder_of(sae: Autoencoder, index: int) -> tuple[Tensor, dict[str, float]]:
    """A feature's encoder as vector libraries carry it: it fires with w . h + bias where that is above the threshold; its decoder's norm is the gain."""
    weights = sae.encoder[index].clone().contiguous()
    return weights, {"bias": (sae.bias[index] - weights @ sae.centre).item(), "threshold": max(0.0, sae.threshold.item()),
                     "gain": sae.decoder[:, index].norm().item()}


def rate_of(figures: dict | None) -> float | None:
    return figures["rate"] if figures else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--sae", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--only", nargs="*", help="names of concepts; the others stay as steering.json has them")
    parser.add_argument("--plain", action="store_true", help="also say how likely unsteered replies are")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="only prove once more what steering.json holds")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.time()
    player, concepts = Player(options.model), load_concepts()
    layers = study(player, options.sae, concepts)
    steering.PROCESSES = options.processes
    store = options.work / "steering.json"
    before = json.loads(store.read_text()) if store.exists() and (options.again or options.only) else []
    chosen = [concept for concept in concepts if not options.only or concept.name in options.only]
    kept = [item for item in before if options.only and item["concept"] not in options.only]
    if options.again:
        found = kept + again(player, layers, chosen, [item for item in before if item not in kept], options.seed)
    else:
        found = kept + verify(player, layers, chosen, options.seed)
    if options.plain:
        print(f"unsteered replies: log-probability {plain_log_probability(player, neutral_prompts(), options.seed + 500):.3f}", flush=True)
    write(player, layers, found, options.sae)
    store.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(found)} features verified, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
