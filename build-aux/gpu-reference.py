#!/usr/bin/env python3
"""What the CUDA backend replaces: transformers in bf16 with forward hooks that add vectors, on the same weights.

    gpu-reference.py MODEL CONTEXTS STEPS OUTPUT.json

CONTEXTS: lengths, separated by commas. Decodes STEPS tokens one by one after each prompt, with 0, 1 and 8 features and
one and two sequences, and takes the median of a step, as gpu-bench does. OUTPUT.json is written anew after each case,
so that what was measured outlives a run that is killed.
"""

import json
import os
import statistics
import sys
import time

import torch
import transformers

WARM = 4
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def make_hook(vectors):
    def hook(module, args, output):
        hidden = output[0] if isinstance(output, tuple) else output
        for vector, clamp in vectors:
            amount = (0.5 - hidden @ vector).unsqueeze(-1) if clamp else 0.5
            hidden = hidden + amount * vector
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    return hook


def add_hooks(model, n_features):
    layers = model.model.layers
    by_layer = {}
    for i in range(n_features):
        vector = torch.zeros(model.config.hidden_size, dtype=torch.bfloat16, device=DEVICE)
        vector[(i * 97) % len(vector)] = 0.6
        vector[(i * 97 + 31) % len(vector)] = 0.8
        by_layer.setdefault((i % 4) * len(layers) // 4, []).append((vector, i % 2 == 1))
    return [layers[i].register_forward_hook(make_hook(vectors)) for i, vectors in by_layer.items()]


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def timed(call):
    synchronize()
    begin = time.perf_counter()
    result = call()
    synchronize()
    return time.perf_counter() - begin, result


@torch.inference_mode()
def measure(model, n_context, n_features, n_sequences, steps):
    ids = torch.randint(0, model.config.vocab_size, (n_sequences, n_context), device=DEVICE)
    hooks = add_hooks(model, n_features)
    try:
        for _ in range(2):  # the first prompt warms up
            seconds, out = timed(lambda: model(ids, use_cache=True, logits_to_keep=1))
        cache, times = out.past_key_values, []
        for _ in range(WARM + steps):
            token = out.logits[:, -1].argmax(-1, keepdim=True)
            elapsed, out = timed(lambda: model(token, past_key_values=cache, use_cache=True))
            times.append(elapsed)
        return n_context * n_sequences / seconds, n_sequences / statistics.median(times[WARM:])
    finally:
        for hook in hooks:
            hook.remove()


def load(path):
    transformers.utils.logging.disable_progress_bar()
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    name = "dtype" if version >= (4, 56) else "torch_dtype"
    model = transformers.AutoModelForCausalLM.from_pretrained(path, **{name: torch.bfloat16})
    return model.to(DEVICE).eval()


def save(output, results):
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"
    versions = dict(torch=torch.__version__, transformers=transformers.__version__)
    with open(output + ".new", "w") as file:
        json.dump(dict(results=results, device=device, **versions), file)
    os.replace(output + ".new", output)


def main():
    path, contexts, steps, output = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4]
    model = load(path)
    results = []
    print(f"{'context':>8} {'features':>9} {'sequences':>9} {'prefill t/s':>12} {'decode t/s':>12}")
    for n_context in map(int, contexts):
        for n_sequences in (1, 2):
            for n_features in (0, 1, 8):
                case = f"{n_context:8} {n_features:9} {n_sequences:9}"
                try:
                    prefill, decode = measure(model, n_context, n_features, n_sequences, steps)
                except torch.cuda.OutOfMemoryError:
                    print(f"{case}  out of memory", flush=True)
                    continue
                print(f"{case} {prefill:12.1f} {decode:12.1f}", flush=True)
                results.append(
                    dict(context=n_context, features=n_features, sequences=n_sequences,
                         prefill_tokens_per_s=prefill, decode_tokens_per_s=decode)
                )
                save(output, results)


main()
