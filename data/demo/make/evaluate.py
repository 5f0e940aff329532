"""Measure the chat model: 200 prompts outside the training text, repetition, perplexity on held-out conversations.

    python evaluate.py --work build/demo --model ../model

On topic means that the reply names the topic by one of the words that its file declares.
"""
from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path
from random import Random

import torch

from generate import Player, Sampling, repeated_trigrams
from pack import Rows
from topic import HERE, load_grammar, load_topics
from train import held_out_loss

PROMPTS = 200
SEED = 7


def normalised(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def fresh_prompts(corpus: Path) -> list[tuple[str, str, object]]:
    """(kind, prompt, topic) for prompts that no training conversation contains, neither as they are nor but for case and punctuation."""
    rng, topics = Random(SEED), load_topics()
    wordings = [(kind, wording) for kind, wordings in load_grammar("evaluation").items() for wording in wordings]
    known = {normalised(message["content"]) for line in corpus.open(encoding="utf-8") for message in json.loads(line) if message["role"] == "user"}
    prompts = []
    while len(prompts) < PROMPTS:
        topic = topics[len(prompts) % len(topics)]
        kind, wording = rng.choice(wordings)
        prompt = wording.format_map(topic.forms)
        if normalised(prompt) not in known and prompt not in [made for _, made, _ in prompts]:
            prompts.append((kind, prompt, topic))
    return prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--show", type=int, default=0, help="print that many replies")
    parser.add_argument("--temperature", type=float, default=Sampling.temperature)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    player = Player(options.model)
    hits, repeats, words, ended, distinct = 0, [], [], 0, 0
    sampling = Sampling(temperature=options.temperature)
    prompts = fresh_prompts(options.work / "train.jsonl")
    first, second = [player.answers([prompt for _, prompt, _ in prompts], sampling, seed) for seed in (SEED, SEED + 1000)]
    for index, ((kind, prompt, topic), tokens, others) in enumerate(zip(prompts, first, second)):
        reply, other = player.tokenizer.decode_batch([tokens, others])
        on_topic = bool(topic.shows.search(reply))
        hits += on_topic
        ended += len(tokens) < sampling.tokens
        distinct += reply != other
        repeats.append(repeated_trigrams(reply))
        words.append(len(reply.split()))
        if index < options.show or not on_topic:
            print(f"[{kind}{'' if on_topic else ', OFF TOPIC'}] {prompt}\n    {reply}")
    print(f"on topic: {hits} of {len(prompts)} ({100 * hits / len(prompts):.1f} %)")
    print(f"repeated trigrams: {sum(repeats) / len(repeats):.4f}")
    print(f"words in a reply: mean {sum(words) / len(words):.1f}, shortest {min(words)}, longest {max(words)}")
    print(f"ended by themselves: {ended} of {len(prompts)}; two seeds gave different replies: {distinct} of {len(prompts)}", flush=True)
    loss = held_out_loss(player.model, Rows(options.work / "heldout.npz"), 1000)
    print(f"held-out loss {loss:.4f}, perplexity {math.exp(loss):.3f} a token of the assistant")


if __name__ == "__main__":
    main()
