"""Measure what steering does: the share of replies that show a concept, and how readable they stay."""
from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.multiprocessing as mp
from torch import Tensor

from concepts import Concept
from generate import Player, Sampling, Steer, parts_of, repeated_trigrams

PROCESSES = 2
PLAYER: Player | None = None  # of a process in the pool
SAMPLING = Sampling(temperature=0.7, top_p=0.95, repetition=1.1, tokens=48)


@dataclass
class Trial:
    """One steering under test and what came of it."""
    concept: Concept
    layer: int
    index: int
    vector: Tensor  # [width], unit length
    strength: float
    clamp: bool
    texts: list[str] = field(default_factory=list)
    replies: list[tuple[list[int], list[int]]] = field(default_factory=list)  # (prompt, reply) as tokens

    @property
    def rate(self) -> float:
        return sum(map(self.concept.shown, self.texts)) / len(self.texts)

    @property
    def repeated(self) -> float:
        return sum(map(repeated_trigrams, self.texts)) / len(self.texts)

    def log_probability(self, player: Player, limit: int = 50) -> float:
        """Mean over replies, under the unsteered model."""
        scores = [player.mean_log_probability(prompt, reply) for prompt, reply in self.replies[:limit]]
        return sum(scores) / len(scores)


def run(player: Player, trials: list[Trial], prompts: list[str], seed: int, tokens: int = SAMPLING.tokens) -> None:
    """Let every trial answer every prompt. Rows of one layer, mode and prompt length share a batch; batches are spread over processes of one thread."""
    asked = [player.prompt([{"role": "user", "content": prompt}]) for prompt in prompts]
    work: list[list[tuple[Trial, list[int]]]] = []
    for layer, clamp in sorted({(trial.layer, trial.clamp) for trial in trials}):
        rows = [(trial, prompt) for trial in trials if (trial.layer, trial.clamp) == (layer, clamp) for prompt in asked]
        work += [[rows[index] for index in part] for part in parts_of([prompt for _, prompt in rows])]
    jobs = [(Steer(part[0][0].layer, torch.stack([trial.vector for trial, _ in part]), torch.tensor([trial.strength for trial, _ in part]), part[0][0].clamp),
             [prompt for _, prompt in part], replace(SAMPLING, tokens=tokens), seed + number) for number, part in enumerate(work)]
    with mp.get_context("fork").Pool(PROCESSES, take_player, (player,)) as pool:
        for part, replies in zip(work, pool.imap(answer, jobs)):
            for (trial, prompt), reply, text in zip(part, replies, player.tokenizer.decode_batch(replies)):
                trial.texts.append(text)
                trial.replies.append((prompt, reply))


def take_player(player: Player) -> None:
    """Begin a process of the pool."""
    global PLAYER
    PLAYER = player
    torch.set_num_threads(1)


def answer(job: tuple[Steer, list[list[int]], Sampling, int]) -> list[list[int]]:
    steer, prompts, sampling, seed = job
    return PLAYER.replies(prompts, sampling, seed, [steer])


def unsteered(player: Player, prompts: list[str], seed: int, each: int = 4) -> list[str]:
    """`each` plain replies to every prompt, for comparison."""
    return player.texts(prompts * each, SAMPLING, seed)
