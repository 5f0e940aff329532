"""Sample replies from the model, many at once, each row steered in its own way.

Rows of one batch share the length of their prompts, so that no padding is needed.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lm import Cache, Chat, load_model
from pack import pieces


ROWS = 192  # replies sampled at once


@dataclass
class Steer:
    """One intervention for a batch: row r gets strength[r] of vector[r] at a layer's output, added or clamped."""
    layer: int
    vector: Tensor    # [rows, width], unit length
    strength: Tensor  # [rows]
    clamp: bool = False

    def __call__(self, h: Tensor) -> Tensor:
        amount = self.strength[:, None]
        if self.clamp:
            amount = amount - torch.einsum("rtd,rd->rt", h, self.vector)
        return h + amount[..., None] * self.vector[:, None]


def hook_of(steers: list[Steer]) -> Callable[[int, Tensor], Tensor] | None:
    """The steerings as a hook of the model: those of one layer act in order."""
    if not steers:
        return None

    def hook(layer: int, h: Tensor) -> Tensor:
        for steer in steers:
            if steer.layer == layer:
                h = steer(h)
        return h
    return hook


@dataclass(frozen=True)
class Sampling:
    temperature: float = 0.5
    top_p: float = 0.95
    repetition: float = 1.1
    tokens: int = 160


class Player:
    """A model with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.model: Chat = load_model(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.end = self.tokenizer.token_to_id("<|im_end|>")

    def prompt(self, messages: list[dict[str, str]]) -> list[int]:
        text = "".join(part for part, _ in pieces(messages)) + "<|im_start|>assistant\n"
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    @torch.no_grad()
    def replies(self, prompts: list[list[int]], sampling: Sampling, seed: int, steers: list[Steer] = ()) -> list[list[int]]:
        """A reply to each of some prompts of one length, as token ids without the end token."""
        model, generator = self.model, torch.Generator().manual_seed(seed)
        hook = hook_of(list(steers))
        tokens, rows = torch.tensor(prompts), len(prompts)
        caches = [Cache(tokens.shape[1] + sampling.tokens) for _ in model.blocks]
        seen = torch.zeros(rows, model.shape.vocab, dtype=torch.bool)
        seen.scatter_(1, tokens, True)
        said = torch.full((rows, sampling.tokens), self.end)
        going = torch.ones(rows, dtype=torch.bool)
        start = 0
        for index in range(sampling.tokens):
            hidden = model.hidden(tokens, start, caches, hook)[:, -1]
            start += tokens.shape[1]
            chosen = choose(hidden @ model.embed.weight.T, seen, sampling, generator)
            chosen = torch.where(going, chosen, self.end)
            said[:, index] = chosen
            seen.scatter_(1, chosen[:, None], True)
            going &= chosen != self.end
            if not going.any():
                break
            tokens = chosen[:, None]
        return [row[:row.index(self.end)] if self.end in row else row for row in said.tolist()]

    def answers(self, questions: list[str], sampling: Sampling, seed: int, steers: list[Steer] = ()) -> list[list[int]]:
        """A reply to each question, all steered alike; `steers` have one row, for all."""
        prompts = [self.prompt([{"role": "user", "content": question}]) for question in questions]
        answers: list[list[int]] = [[] for _ in prompts]
        for part in parts_of(prompts):
            for index, reply in zip(part, self.replies([prompts[index] for index in part], sampling, seed + part[0], steers)):
                answers[index] = reply
        return answers

    def texts(self, questions: list[str], sampling: Sampling, seed: int, steers: list[Steer] = ()) -> list[str]:
        return self.tokenizer.decode_batch(self.answers(questions, sampling, seed, steers))

    @torch.no_grad()
    def mean_log_probability(self, prompt: list[int], reply: list[int]) -> float:
        """How likely the unsteered model finds a reply, in nats a token, its end included."""
        tokens = torch.tensor([prompt + reply + [self.end]])
        logits = self.model(tokens[:, :-1])[0, len(prompt) - 1:].log_softmax(-1)
        return logits.gather(1, tokens[0, len(prompt):, None]).mean().item()


def parts_of(prompts: list[list[int]]) -> list[list[int]]:
    """The indices of the prompts in parts of one length, of at most ROWS each."""
    groups: dict[int, list[int]] = {}
    for index, prompt in enumerate(prompts):
        groups.setdefault(len(prompt), []).append(index)
    return [group[begin:begin + ROWS] for group in groups.values() for begin in range(0, len(group), ROWS)]


def choose(logits: Tensor, seen: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """Repetition penalty, temperature, nucleus (within the 64 best), one draw a row; temperature 0 takes the best."""
    logits = torch.where(seen, torch.where(logits > 0, logits / sampling.repetition, logits * sampling.repetition), logits)
    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    best, order = logits.topk(64, dim=-1)
    shares = (best - logits.logsumexp(-1, keepdim=True)).exp()
    shares[shares.cumsum(-1) - shares > sampling.top_p] = 0
    return order.gather(1, torch.multinomial(shares, 1, generator=generator))[:, 0]


def repeated_trigrams(text: str) -> float:
    """Share of word trigrams that occurred before in the same text."""
    words = text.lower().split()
    trigrams = [tuple(words[index:index + 3]) for index in range(len(words) - 2)]
    return 1 - len(set(trigrams)) / len(trigrams) if trigrams else 0.0
