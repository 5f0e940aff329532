"""Train the chat model: Muon for the matrices, AdamW for the embedding and the norms.

    python train.py --work build/demo --model ../model --minutes 60
    python train.py --work build/demo --model ../model --begin ../model --pushed 1536 --processes 1 --minutes 42 --rate 0.012

The schedule follows the clock or --steps, whichever is further on: warm-up, a constant rate, and a linear decay over the last part.
Every few minutes the model is written out, so that any moment's weights can be used; --resume continues from the last of them, --begin from
a saved model. With --pushed, a part of every step are conversations under a push (steered.py, push.py). With --upper only the layers above
the first push learn then: what lies below cannot see it, and stays what the directions were measured on.

Processes of one thread each share the work and meet once a step. Threads would meet at every operation, which costs dearly as soon as
anything else runs on the machine.
"""
from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from lm import Chat, Shape, load_model, save_model, stretch, SHRINK
from pack import Rows
from push import LAYERS, Pusher, hook_of
from topic import HERE

BATCH = 2048  # tokens a process and step, those under pushes aside
WARM_UP = 60
RESUMED_WARM_UP = 10
DECAY = 0.85


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal by a Newton-Schulz iteration before each step.

    On matrices this small the iteration costs little, and the model needs about half as many tokens as with AdamW alone.
    """

    def __init__(self, weights: list[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Each process makes its share of the updates; their sum is everybody's."""
        group = self.param_groups[0]
        updates = torch.zeros(sum(weight.numel() for weight in group["params"]))
        places = updates.split([weight.numel() for weight in group["params"]])
        for number, (weight, place) in enumerate(zip(group["params"], places)):
            momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            momentum.lerp_(weight.grad, 1 - group["momentum"])
            if number % dist.get_world_size() == dist.get_rank():
                place.copy_(orthogonal(weight.grad.lerp(momentum, group["momentum"])).flatten())
        dist.all_reduce(updates)
        for weight, place in zip(group["params"], places):
            scale = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
            weight.mul_(1 - group["lr"] * group["decay"]).add_(place.view_as(weight), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest orthogonal matrix, roughly: five quintic Newton-Schulz steps."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x if wide else x.T


def loss_of(model: Chat, hidden: Tensor, targets: Tensor) -> tuple[Tensor, int]:
    """Mean cross-entropy over what the assistant says; only those positions see the output matrix."""
    chosen = targets >= 0
    return F.cross_entropy(hidden[chosen] @ model.embed.weight.T, targets[chosen]), int(chosen.sum())


@torch.no_grad()
def held_out_loss(model: Chat, rows: Rows, limit: int = 40) -> float:
    total = count = 0
    for index, (inputs, targets) in enumerate(rows.batches(BATCH, seed=0)):
        if index == limit:
            break
        loss, chosen = loss_of(model, model.hidden(inputs), targets)
        total, count = total + loss.item() * chosen, count + chosen
    return total / count


def rate(done: float, step: int, warm_up: int) -> float:
    """The learning rate's factor when the share `done` of the run is over."""
    return min(1.0, (step + 1) / warm_up, max(0.02, (1 - done) / DECAY))


def share_gradients(weights: list[Tensor], done: float) -> float:
    """Average the gradients, and the clock with them, so that all processes stop at the same step."""
    flat = torch.cat([weight.grad.flatten() for weight in weights] + [torch.tensor([done])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for weight, part in zip(weights, flat[:-1].split([weight.numel() for weight in weights])):
        weight.grad.copy_(part.view_as(weight))
    return flat[-1].item()


def work(rank: int, options: argparse.Namespace, meeting: str) -> None:
    """One process of the run; the first also reports and writes."""
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=options.processes, timeout=timedelta(minutes=20))
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    end, pad = tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")
    train_rows, held_rows = Rows(options.work / "train.npz"), Rows(options.work / "heldout.npz")
    model = stretch(load_model(options.begin)).train() if options.begin else Chat(Shape())
    frozen = LAYERS[0] + 1 if options.upper else 0
    learning = {name: weight for name, weight in model.named_parameters() if not frozen or not name.startswith(("embed", *(f"blocks.{index}." for index in range(frozen))))}
    model.requires_grad_(False)
    for weight in learning.values():
        weight.requires_grad_(True)
    matrices = [weight for name, weight in learning.items() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in learning.items() if weight.ndim != 2 or "embed" in name]
    base = [options.rate, options.rate * 0.15]
    optimisers = [Muon(matrices, base[0]), torch.optim.AdamW(others, lr=base[1], betas=(0.9, 0.95), weight_decay=0.0)]
    checkpoint = options.work / "checkpoint.pt"
    if options.resume:
        stored = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(stored["model"])
        for optimiser, state in zip(optimisers, stored["optimisers"]):
            optimiser.load_state_dict(state)
    if rank == 0:
        print(f"{sum(weight.numel() for weight in model.parameters())} parameters, {train_rows.ends[-1]} tokens in the corpus", flush=True)
    pusher = Pusher(options.work / "directions.npz", SHRINK, options.seed * 1000 + rank) if options.pushed else None
    pushed_rows = Rows(options.work / "pushed.npz") if options.pushed else None
    # Compiling costs minutes, which only the long run earns back.
    hidden_of = model.hidden if options.pushed else torch.compile(model.hidden, dynamic=True)

    def parts(epoch: int) -> Iterator[list[tuple[Tensor, Tensor, Callable | None]]]:
        """The batches of a step: (inputs, targets, hook)."""
        seed = options.seed * 1000 + epoch * options.processes + rank
        if pusher is None:
            yield from ([(*batch, None)] for batch in train_rows.batches(options.batch, seed))
            return
        for (inputs, targets), group in zip(train_rows.batches(options.batch, seed), pushed_rows.groups(options.pushed, seed)):
            more, goals = pushed_rows.batch(group)
            yield [(inputs, targets, hook_of(pusher.plain(*inputs.shape))), (more, goals, hook_of(pusher.pushed(pushed_rows, group, more.shape[1])))]

    begun = saved = time.time()
    step = seen = epoch = 0
    running, done = [], 0.0
    while done < 1:
        for batches in parts(epoch):
            losses, total = [], sum(inputs.numel() for inputs, _, _ in batches)
            for inputs, targets, hook in batches:
                loss, _ = loss_of(model, hidden_of(inputs, hook=hook), targets)
                (loss * inputs.numel() / total).backward()
                losses.append(loss.item())
                seen += inputs.numel() * options.processes
            done = share_gradients(matrices + others, max((time.time() - begun) / (60 * options.minutes), step / options.steps))
            factor = rate(done, step, WARM_UP if options.begin is None and not options.resume else RESUMED_WARM_UP)
            torch.nn.utils.clip_grad_norm_(others, 1.0)
            for optimiser, full in zip(optimisers, base):
                optimiser.param_groups[0]["lr"] = full * factor
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            step += 1
            running = [loss if step == 1 else 0.98 * old + 0.02 * loss for loss, old in zip(losses, running or losses)]
            if rank == 0 and (step % 50 == 0 or step == 5):
                speed = seen / (time.time() - begun)
                print(f"step {step} tokens {seen} loss {' '.join(f'{loss:.3f}' for loss in running)} rate x{factor:.2f} {speed:.0f} tokens/s {time.time() - begun:.0f} s", flush=True)
            if rank == 0 and time.time() - saved > 240:
                saved = time.time()
                write(model, optimisers, options, checkpoint, end, pad)
            if done >= 1:
                break
        epoch += 1
    if rank == 0:
        write(model, optimisers, options, checkpoint, end, pad)
        held = held_out_loss(model, held_rows)
        print(f"done: {step} steps, {seen} tokens, {time.time() - begun:.0f} s, held-out loss {held:.4f}, perplexity {math.exp(held):.3f}")
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--model", type=Path, default=HERE.parent / "model")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--rate", type=float, default=0.02, help="Muon's learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--begin", type=Path, help="folder of a saved model to begin from")
    parser.add_argument("--pushed", type=int, default=0, metavar="TOKENS", help="so many tokens a step under pushes, beside those of --batch")
    parser.add_argument("--batch", type=int, default=BATCH, metavar="TOKENS")
    parser.add_argument("--upper", action="store_true", help="only the layers above the first push learn")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (options, f"{folder}/meeting"), options.processes)


def write(model: Chat, optimisers: list, options: argparse.Namespace, checkpoint: Path, end: int, pad: int) -> None:
    save_model(model, options.model, end, pad)
    torch.save({"model": model.state_dict(), "optimisers": [optimiser.state_dict() for optimiser in optimisers]}, checkpoint)


if __name__ == "__main__":
    main()
