"""Turn the conversations into tokens, and serve them in batches of similar length.

    python pack.py --work build/demo --model ../model

Each conversation is a row of its own, beginning at position 0 as it does in a chat. Only what the assistant says is learned.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from dialogue import STYLES
from steered import MARK
from topic import HERE, topic_names

CONTEXT = 1152
IDEAS = topic_names() + STYLES  # the order of directions and pushes


def pieces(messages: list[dict[str, str]]) -> list[tuple[str, bool]]:
    """A conversation as ChatML, cut where learning begins and ends."""
    parts = []
    for message in messages:
        head, body = f"<|im_start|>{message['role']}\n", f"{message['content']}<|im_end|>"
        parts += [(head, False), (body, message["role"] == "assistant"), ("\n", False)]
    return parts


def cut_at_mark(parts: list[tuple[str, bool]]) -> tuple[list[tuple[str, bool]], int]:
    """The pieces with the marked one cut in two, and the index of the piece where the push begins."""
    for index, (text, learned) in enumerate(parts):
        if MARK in text:
            before, after = text.split(MARK)
            return parts[:index] + [(before, learned), (after, learned)] + parts[index + 1:], index + 1
    raise ValueError("a conversation that should change its mind has no mark")


def pack(tokenizer: Tokenizer, source: Path, target: Path) -> int:
    """Encode every line of `source`; returns the number of tokens."""
    texts, learned, sizes = [], [], []
    pushes, first_pieces = [], []
    for line in source.open(encoding="utf-8"):
        entry = json.loads(line)
        pushed = isinstance(entry, dict)
        parts = pieces(entry["messages"] if pushed else entry)
        if pushed:
            first = 0
            if entry["start"] == 2:
                parts, first = cut_at_mark(parts)
            elif entry["start"] == 1:
                first = next(index for index, (_, flag) in enumerate(parts) if flag)
            first_pieces.append(first)
            pushes.append([IDEAS.index(entry["topic"]) if entry["topic"] else -1, entry["topic_strength"],
                           IDEAS.index(entry["manner"]) if entry["manner"] else -1, entry["manner_strength"]])
        texts += [text for text, _ in parts]
        learned += [flag for _, flag in parts]
        sizes.append(len(parts))
    tokens, flags, ends, at = [], [], [0], 0
    encoded = []
    for begin in range(0, len(texts), 50000):
        encoded += [np.array(item.ids, dtype=np.uint16) for item in tokenizer.encode_batch(texts[begin:begin + 50000], add_special_tokens=False)]
    starts = []
    for number, size in enumerate(sizes):
        if pushes:
            starts.append(sum(len(encoded[index]) for index in range(at, at + first_pieces[number])))
        row = np.concatenate(encoded[at:at + size])[:CONTEXT]
        flag = np.concatenate([np.full(len(encoded[index]), learned[index], dtype=np.uint8) for index in range(at, at + size)])[:CONTEXT]
        at += size
        tokens.append(row)
        flags.append(flag)
        ends.append(ends[-1] + len(row))
    np.savez(target, tokens=np.concatenate(tokens), flags=np.concatenate(flags), ends=np.array(ends, dtype=np.int64),
             pushes=np.array(pushes, dtype=np.float32), starts=np.array(starts, dtype=np.int64))
    return ends[-1]


class Rows:
    """Packed conversations, served as (inputs, targets) with -100 where nothing is learned."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as stored:
            self.tokens, self.flags, self.ends = stored["tokens"], stored["flags"], stored["ends"]
            self.pushes, self.starts = stored["pushes"], stored["starts"]
        self.lengths = np.diff(self.ends)

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield from map(self.batch, self.groups(size, seed))

    def groups(self, size: int, seed: int) -> Iterator[list[int]]:
        """One pass in random order; a group of rows holds about `size` tokens, rows of similar length, so little is padding."""
        rng = Random(seed)
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        for begin in range(0, len(order), 1024):
            pool = sorted(order[begin:begin + 1024], key=lambda row: self.lengths[row])
            groups, group = [], []
            for row in pool:
                if group and (len(group) + 1) * self.lengths[row] > size:
                    groups.append(group)
                    group = []
                group.append(row)
            groups.append(group)
            rng.shuffle(groups)
            yield from groups

    def batch(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        longest = max(self.lengths[row] for row in rows)
        inputs = torch.zeros(len(rows), longest - 1, dtype=torch.long)
        targets = torch.full((len(rows), longest - 1), -100, dtype=torch.long)
        for index, row in enumerate(rows):
            span = slice(self.ends[row], self.ends[row + 1])
            tokens = torch.from_numpy(self.tokens[span].astype(np.int64))
            flags = torch.from_numpy(self.flags[span].astype(bool))
            inputs[index, :len(tokens) - 1] = tokens[:-1]
            targets[index, :len(tokens) - 1] = torch.where(flags[1:], tokens[1:], -100)
        return inputs, targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    for part in ("heldout", "train", "pushed"):
        if part == "pushed" and not (options.work / "pushed.jsonl").exists():
            continue
        count = pack(tokenizer, options.work / f"{part}.jsonl", options.work / f"{part}.npz")
        print(f"{part}: {count} tokens")


if __name__ == "__main__":
    main()
