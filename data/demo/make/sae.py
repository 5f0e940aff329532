"""Train BatchTopK sparse autoencoders on the residual stream after two layers.

    python sae.py --work build/demo --model ../model --out ../sae --layers 2 3

The layout and the arithmetic are dictionary_learning's: relu(W (x - b_dec) + b), of which the k * batch largest are kept in training and
those above a running threshold afterwards. The first token of a sequence is left out: its residual is an attention sink of its own.
A part of the residuals is pushed as in training (push.py): the model is used so, and what a push adds is to be told from the rest.
"""
from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lm import Chat, load_model
from pack import Rows
from push import LAYERS, Pusher, hook_of
from topic import HERE

BATCH = 1024
RATE = 2e-3
DEAD_AFTER = 300_000  # tokens without firing
HELD_OUT = 16_000  # tokens on which variance is measured
SCORED = 10_000    # tokens of the assistant on which losses are measured
SAMPLED = 8  # the batch's threshold is taken from every eighth row
AUXILIARY = 1 / 32
AUXILIARY_K = 32


@torch.no_grad()
def residuals(model: Chat, rows: Rows, layers: list[int], count: int, seed: int, pusher: Pusher | None = None) -> dict[int, Tensor]:
    """About `count` residual vectors after each layer, from random conversations, first and padding tokens left out; with a pusher, pushed ones."""
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    total = 0
    for group in rows.groups(8192, seed):
        inputs, _ = rows.batch(group)
        inside = inputs != 0
        inside |= torch.flip(torch.cumsum(torch.flip(inside, [1]).int(), 1) > 0, [1])
        inside[:, 0] = False
        push = hook_of(pusher.pushed(rows, group, inputs.shape[1])) if pusher else None

        def keep(layer: int, h: Tensor) -> Tensor:
            h = push(layer, h) if push else h
            if layer in parts:
                parts[layer].append(h[inside].to(torch.float16))
            return h
        model.hidden(inputs, hook=keep, layers=max(layers) + 1)
        total += int(inside.sum())
        if total >= count:
            break
    return {layer: torch.cat(chunks) for layer, chunks in parts.items()}


class Autoencoder:
    """Weights under dictionary_learning's names."""

    def __init__(self, width: int, features: int, k: int, generator: torch.Generator, seeds: Tensor | None = None) -> None:
        decoder = torch.randn(width, features, generator=generator)
        if seeds is not None:
            decoder[:, :len(seeds)] = seeds.T
        decoder /= decoder.norm(dim=0)
        self.decoder = decoder.requires_grad_()
        self.encoder = decoder.detach().T.clone().requires_grad_()  # keeps the stride (1, features) that real files have
        self.bias = torch.zeros(features, requires_grad=True)
        self.centre = torch.zeros(width, requires_grad=True)
        self.threshold, self.k = torch.tensor(-1.0), k

    def before(self, x: Tensor) -> Tensor:
        return F.relu((x - self.centre) @ self.encoder.T + self.bias)

    def encode(self, x: Tensor) -> Tensor:
        active = self.before(x)
        return active * (active > self.threshold)

    def decode(self, active: Tensor) -> Tensor:
        return active @ self.decoder.T + self.centre

    def state(self) -> dict[str, Tensor]:
        return {"b_dec": self.centre.detach(), "k": torch.tensor(self.k, dtype=torch.int32), "threshold": self.threshold.detach(),
                "decoder.weight": self.decoder.detach(), "encoder.weight": self.encoder.detach(), "encoder.bias": self.bias.detach()}


def load_autoencoder(path: Path) -> Autoencoder:
    stored = torch.load(path, weights_only=True)
    width, features = stored["decoder.weight"].shape
    sae = Autoencoder(width, features, int(stored["k"]), torch.Generator())
    sae.decoder, sae.encoder, sae.bias = stored["decoder.weight"], stored["encoder.weight"], stored["encoder.bias"]
    sae.centre, sae.threshold = stored["b_dec"], stored["threshold"]
    return sae


def train(data: Tensor, features: int, k: int, steps: int, seed: int, seeds: Tensor | None) -> Autoencoder:
    """Train on `data`; the first features begin at `seeds` [ideas, width] and go where they are useful. The data are scaled to unit mean square per element; the scale is folded back into the weights."""
    generator = torch.Generator().manual_seed(seed)
    scale = data[:100_000].float().pow(2).mean().sqrt()
    sae = Autoencoder(data.shape[1], features, k, generator, seeds)
    with torch.no_grad():
        sae.centre.copy_((data[:100_000].float() / scale).mean(0))
    weights = [sae.decoder, sae.encoder, sae.bias, sae.centre]
    optimiser = torch.optim.Adam(weights, lr=RATE, betas=(0.9, 0.999))
    silent = torch.zeros(features)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 100, (steps - step) / (0.25 * steps))
        x = data[torch.randint(len(data), (BATCH,), generator=generator)].float() / scale
        before = (x - sae.centre) @ sae.encoder.T + sae.bias
        least = kth_largest(before.detach()[::SAMPLED], k * BATCH // SAMPLED)
        kept = before > least
        active = torch.where(kept, before, 0)
        error = x - sae.decode(active)
        loss = error.pow(2).sum(-1).mean()
        fired = kept.any(0)
        silent = torch.where(fired, 0, silent + BATCH)
        dead = silent > DEAD_AFTER
        if dead.any():
            loss = loss + AUXILIARY * auxiliary(sae, before, error.detach(), dead)
        loss.backward()
        with torch.no_grad():
            # Only what turns the decoder's columns, not what stretches them.
            sae.decoder.grad -= (sae.decoder.grad * sae.decoder).sum(0) * sae.decoder
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            sae.decoder /= sae.decoder.norm(dim=0)
            sae.threshold = least if sae.threshold < 0 else 0.99 * sae.threshold + 0.01 * least
        if step % 250 == 0 or step == steps - 1:
            explained = 1 - error.detach().pow(2).sum() / (x - x.mean(0)).pow(2).sum()
            print(f"step {step}: explained {explained:.4f}, dead {int(dead.sum())}, threshold {sae.threshold:.3f}", flush=True)
    with torch.no_grad():
        sae.centre *= scale
        sae.bias *= scale
        sae.threshold = sae.threshold * scale
    return sae


def kth_largest(values: Tensor, count: int) -> Tensor:
    """The count-th largest value, at least 0."""
    flat = values.flatten().numpy()
    return torch.tensor(max(0.0, float(np.partition(flat, len(flat) - count)[len(flat) - count])))


def auxiliary(sae: Autoencoder, before: Tensor, error: Tensor, dead: Tensor) -> Tensor:
    """Dead features learn from what the living ones leave unexplained."""
    values, places = before[:, dead].relu().topk(min(AUXILIARY_K, int(dead.sum())), dim=-1)
    active = torch.zeros_like(before[:, dead]).scatter(1, places, values)
    left = error - active @ sae.decoder[:, dead].T
    return left.pow(2).sum(-1).mean()


@torch.no_grad()
def measure(model: Chat, sae: Autoencoder, layer: int, rows: Rows, data: Tensor) -> dict[str, float]:
    """Held-out figures: variance explained, active features, dead features, and the loss with the reconstruction spliced in."""
    x = data.float()
    active = torch.cat([sae.encode(chunk) for chunk in x.split(8192)])
    error = torch.cat([chunk - sae.decode(code) for chunk, code in zip(x.split(8192), active.split(8192))])
    explained = 1 - error.pow(2).sum() / (x - x.mean(0)).pow(2).sum()

    def spliced(at: int, h: Tensor) -> Tensor:
        if at != layer:
            return h
        rebuilt = sae.decode(sae.encode(h))
        rebuilt[:, 0] = h[:, 0]
        return rebuilt

    def removed(at: int, h: Tensor) -> Tensor:
        return torch.cat([h[:, :1], data.float().mean(0).expand_as(h[:, 1:])], 1) if at == layer else h

    losses = []
    for hook in (None, spliced, removed):
        total = count = 0
        for inputs, targets in rows.batches(8192, 0):
            chosen = targets >= 0
            logits = model.hidden(inputs, hook=hook)[chosen] @ model.embed.weight.T
            total, count = total + F.cross_entropy(logits, targets[chosen], reduction="sum").item(), count + int(chosen.sum())
            if count > SCORED:
                break
        losses.append(total / count)
    clean, with_sae, without = losses
    return {"variance_explained": round(explained.item(), 4), "l0": round((active > 0).sum(-1).float().mean().item(), 2),
            "dead_share": round((~(active > 0).any(0)).float().mean().item(), 4), "loss": round(clean, 4), "loss_spliced": round(with_sae, 4),
            "loss_mean_ablated": round(without, 4), "loss_recovered": round((without - with_sae) / (without - clean), 4),
            "layer_norm": round(x.norm(dim=-1).mean().item(), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--out", type=Path, default=HERE.parent / "sae")
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--pushed", type=float, default=0.5, help="share of the tokens that come from conversations under a push")
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--tokens", type=int, default=120_000)
    parser.add_argument("--measure", action="store_true", help="only measure what --out holds, as after a little further training of the model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    begun = time.time()
    pushed = 0 if options.measure else int(options.pushed * options.tokens)
    pusher = Pusher(options.work / "directions.npz", 1.0, options.seed, astray=0.0) if pushed else None
    data: dict[int, Tensor] = {}
    if not options.measure:
        data = residuals(model, Rows(options.work / "train.npz"), options.layers, options.tokens - pushed, options.seed)
    if pusher:
        more = residuals(model, Rows(options.work / "pushed.npz"), options.layers, pushed, options.seed, pusher)
        data = {layer: torch.cat([data[layer], more[layer]]) for layer in data}
    held_rows = Rows(options.work / "heldout.npz")
    held = residuals(model, held_rows, options.layers, HELD_OUT, options.seed)
    print(f"residuals gathered, {time.time() - begun:.0f} s", flush=True)
    for layer in options.layers:
        folder = options.out / f"resid_post_layer_{layer}" / "trainer_0"
        if not options.measure:
            folder.mkdir(parents=True, exist_ok=True)
            seeds = pusher.directions[LAYERS.index(layer)] if pusher and layer in LAYERS else None
            torch.save(train(data[layer], options.features, options.k, options.steps, options.seed, seeds).state(), folder / "ae.pt")
        sae = load_autoencoder(folder / "ae.pt")
        figures = measure(model, sae, layer, held_rows, held[layer])
        config = {"trainer": {"trainer_class": "BatchTopKTrainer", "dict_class": "BatchTopKSAE", "activation_dim": model.shape.width,
                              "dict_size": sae.bias.shape[0], "k": sae.k, "layer": layer, "lm_name": "steer-demo", "lr": RATE, "steps": options.steps,
                              "auxk_alpha": AUXILIARY, "seed": options.seed, "submodule_name": f"resid_post_layer_{layer}"},
                  "buffer": {"d_submodule": model.shape.width, "ctx_len": 1024, "out_batch_size": BATCH}, "held_out": figures}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        print(f"layer {layer}: {figures}, {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
