"""Directions of topics and manners in the residual stream, and pushes along them while the model learns.

    python push.py --work build/demo --model ../model

A direction is the mean residual in replies that show an idea, less the mean of all; the directions of a layer are then made nearly orthogonal
to one another, each changed as little as possible, so that tea and coffee do not push the same way. Pushes with these, in training, teach
the later layers to speak fluently about what a pushed residual says (see steered.py). Unpushed rows get a small push along the difference of
two random residuals, which they learn to ignore.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from concepts import examples
from lm import Chat, load_model
from pack import IDEAS, Rows, pieces
from topic import HERE, load_topics

LAYERS = (2, 3)
EACH = 40  # replies an idea
BANK = 4096
RIDGE = 0.15
ASTRAY = 0.5  # how far a pushed direction strays from the exact one
NOISE = 0.4   # the largest push that means nothing, as a share of the norm


@torch.no_grad()
def study(model: Chat, tokenizer: Tokenizer, seed: int) -> dict[str, np.ndarray]:
    """Directions [layers, ideas, width], typical norms [layers], and a bank of differences [layers, BANK, width], all of unit length."""
    sums = torch.zeros(len(LAYERS), len(IDEAS), model.shape.width)
    counts = torch.zeros(len(IDEAS))
    kept: list[list[Tensor]] = [[] for _ in LAYERS]
    for name, messages in examples(load_topics(), EACH, seed):
        idea = IDEAS.index(name.removeprefix("manner:"))
        head = len(tokenizer.encode("".join(text for text, _ in pieces(messages[:-1])), add_special_tokens=False).ids)
        tokens = tokenizer.encode("".join(text for text, _ in pieces(messages)), add_special_tokens=False).ids

        def look(layer: int, h: Tensor) -> Tensor:
            if layer in LAYERS:
                at = LAYERS.index(layer)
                sums[at, idea] += h[0, head:].sum(0)
                kept[at].append(h[0, 1::3])
            return h
        model.hidden(torch.tensor([tokens]), hook=look)
        counts[idea] += len(tokens) - head
    directions, norms, bank = [], [], []
    generator = torch.Generator().manual_seed(seed)
    for at in range(len(LAYERS)):
        means = sums[at] / counts[:, None]
        directions.append(nearly_orthogonal(means - means.mean(0)))
        residuals = torch.cat(kept[at])
        norms.append(residuals.norm(dim=-1).mean())
        pairs = torch.randint(len(residuals), (2, BANK), generator=generator)
        difference = residuals[pairs[0]] - residuals[pairs[1]]
        bank.append(difference / difference.norm(dim=-1, keepdim=True).clamp(min=1e-6))
    return {"directions": torch.stack(directions).numpy(), "norms": torch.stack(norms).numpy(), "bank": torch.stack(bank).numpy()}


def nearly_orthogonal(rows: Tensor) -> Tensor:
    """(U Ut + r I)^(-1/2) U of the rows at unit length: Loewdin's symmetric orthogonalisation, held back by a ridge."""
    unit = rows / rows.norm(dim=-1, keepdim=True)
    values, vectors = torch.linalg.eigh(unit @ unit.T)
    changed = vectors @ torch.diag((values.clamp(min=0) + RIDGE).rsqrt()) @ vectors.T @ unit
    return changed / changed.norm(dim=-1, keepdim=True)


class Pusher:
    """Makes the pushes of a batch: topics at the first of LAYERS, manners at the second."""

    def __init__(self, path: Path, unit: float, seed: int, astray: float = ASTRAY) -> None:
        """`unit` is what the training scale multiplies the saved model's residuals by."""
        self.astray = astray
        with np.load(path) as stored:
            self.directions, self.bank = torch.from_numpy(stored["directions"]), torch.from_numpy(stored["bank"])
            self.norms = torch.from_numpy(stored["norms"]) * unit
        self.generator = torch.Generator().manual_seed(seed)

    def random(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def noise(self, at: int, count: int) -> Tensor:
        """Meaningless directions [count, width]."""
        return self.bank[at, torch.randint(self.bank.shape[1], (count,), generator=self.generator)]

    def plain(self, count: int, length: int) -> list[Push]:
        """Pushes that mean nothing: a quarter of the rows at each layer."""
        return [Push(self.noise(at, count), ((self.random(count) < 0.25) * self.random(count) * NOISE * self.norms[at])[:, None].expand(-1, length),
                     torch.zeros(count, length)) for at in range(len(LAYERS))]

    def pushed(self, rows: Rows, group: list[int], length: int) -> list[Push]:
        """The pushes of a group of pushed conversations."""
        pushes, count = torch.from_numpy(rows.pushes[group]), len(group)
        inside = (torch.arange(length) >= torch.from_numpy(rows.starts[group])[:, None]).float()
        made = []
        for at in range(len(LAYERS)):
            idea, share = pushes[:, 2 * at].long(), pushes[:, 2 * at + 1]
            vector = self.directions[at, idea.clamp(min=0)] + self.astray * self.random(count, 1) * self.noise(at, count)
            clamped = (self.random(count) < 0.4) & (share > 0)
            made.append(Push(vector / vector.norm(dim=-1, keepdim=True), inside * (share * self.norms[at])[:, None], inside * clamped[:, None]))
        return made


@dataclass(frozen=True)
class Push:
    """What is added to a layer's output: (s - c h.v) v, with v of unit length and c 1 where the push clamps."""
    vector: Tensor    # [rows, width]
    strength: Tensor  # [rows, length]
    clamp: Tensor     # [rows, length]

    def __call__(self, h: Tensor) -> Tensor:
        vector = self.vector[:, None]
        amount = self.strength - self.clamp * (h * vector).sum(-1)
        return h + amount[..., None] * vector


def hook_of(pushes: list[Push]) -> Callable[[int, Tensor], Tensor]:
    """The pushes of LAYERS as a hook of the model."""
    def hook(layer: int, h: Tensor) -> Tensor:
        return pushes[LAYERS.index(layer)](h) if layer in LAYERS else h
    return hook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--seed", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    found = study(load_model(options.model), tokenizer, options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    np.savez(options.work / "directions.npz", **found)
    crossed = np.abs(found["directions"] @ found["directions"].transpose(0, 2, 1) - np.eye(len(IDEAS)))
    print(f"{len(IDEAS)} directions at layers {LAYERS}, norms {found['norms']}, largest cosine {crossed.max(axis=(1, 2))}")


if __name__ == "__main__":
    main()
