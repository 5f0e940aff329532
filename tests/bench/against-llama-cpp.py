#!/usr/bin/env python3
"""Runs this program and llama.cpp on the same files in turn, and prints a table of their speeds and the ratios.

    against-llama-cpp.py --steer build/src/cli/steer [--threads 2] [--rounds 3] [--prompt 512] [--decode 32] FILE.gguf...

Both get the same number of threads, a prompt of random tokens and then single tokens; a float16 cache of keys and
values. Each round opens both programs anew, one after the other, so that both see the same machine; the table has the
median of the rounds. Needs the Python package llama-cpp-python (built with -DGGML_NATIVE=ON) and numpy.
tests/bench/make-random-gguf.py makes files of true shapes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def run_steer(args, path):
    out = subprocess.run(
        [args.steer, "bench", "--model", path, "--device", "cpu", "--threads", str(args.threads), "--kv", "f16",
         "--prompt-tokens", str(args.prompt), "--gen-tokens", str(args.decode), "--json"],
        check=True, stdout=subprocess.PIPE).stdout
    result = json.loads(out)
    return result


def child(path, threads, n_prompt, n_decode):
    """llama.cpp, in a process of its own, by its C interface: no sampling, no detokenizing."""
    import ctypes

    import llama_cpp
    import numpy as np

    llama_cpp.llama_backend_init()
    model_params = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(path.encode(), model_params)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = n_prompt + n_decode + 64
    params.n_batch = params.n_ubatch = 512
    params.n_threads = params.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, params)
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rng = np.random.default_rng(1)

    def decode(n):
        tokens = (ctypes.c_int32 * n)(*[int(t) for t in rng.integers(256, n_vocab - 1, n)])
        assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(tokens, n)) == 0
        llama_cpp.llama_synchronize(context)

    decode(32)
    decode(1)
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    start = time.monotonic()
    for first in range(0, n_prompt, 512):
        decode(min(512, n_prompt - first))
    prefill = time.monotonic() - start
    times = []
    for _ in range(n_decode):
        start = time.monotonic()
        decode(1)
        times.append(time.monotonic() - start)
    print(json.dumps({"prefill": n_prompt / prefill, "decode": 1 / statistics.median(times)}))


def run_llama(args, path):
    out = subprocess.run([sys.executable, __file__, "--child", path, str(args.threads), str(args.prompt),
                          str(args.decode)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return json.loads(out.splitlines()[-1])


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(sys.argv[2], *map(int, sys.argv[3:6]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--steer", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=32)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()

    print("| file | prefill | llama.cpp | ratio | decode | llama.cpp | ratio | of the bandwidth |")
    print("|---|---|---|---|---|---|---|---|")
    for path in args.files:
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(run_steer(args, path))
            theirs.append(run_llama(args, path))
        median = lambda runs, key: statistics.median(run[key] for run in runs)
        prefill, decode = median(ours, "prefill_tokens_per_s"), median(ours, "decode_tokens_per_s")
        their_prefill, their_decode = median(theirs, "prefill"), median(theirs, "decode")
        print(f"| {os.path.basename(path)} | {prefill:.1f} | {their_prefill:.1f} | {prefill / their_prefill:.2f} "
              f"| {decode:.2f} | {their_decode:.2f} | {decode / their_decode:.2f} "
              f"| {median(ours, 'bandwidth_fraction') * 100:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
