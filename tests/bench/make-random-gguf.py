#!/usr/bin/env python3
"""Writes a GGUF file of a true model's shape with random weights, for measuring speed.

    make-random-gguf.py SHAPE TYPE FILE

SHAPE: 1b (Llama 3.2 1B), 8b (Llama 3.1 8B), tiny. TYPE: bf16, q8_0, q4_0, q4_k_m. The tensors have the types that
llama.cpp's quantiser gives them. Weights are small and random; a stretch of them is repeated, which makes no difference
to speed and lets a file of 5 GB be made in seconds. Needs the Python package gguf.
"""

import sys

import gguf
import numpy as np

SHAPES = {
    "1b": dict(layers=16, d=2048, ff=8192, heads=32, kv=8, vocab=128256, tied=True),
    "8b": dict(layers=32, d=4096, ff=14336, heads=32, kv=8, vocab=128256, tied=False),
    "tiny": dict(layers=2, d=256, ff=512, heads=4, kv=2, vocab=1024, tied=False),
}

Q = gguf.GGMLQuantizationType

# Offsets of the halves in a block that scale it.
HALVES = {Q.Q8_0: [0], Q.Q4_0: [0], Q.Q4_K: [0, 2], Q.Q6_K: [208]}

rng = np.random.default_rng(1)


def stretch(kind, n_blocks):
    """n_blocks blocks of random bytes with scales that keep weights small."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (n_blocks, size), dtype=np.uint8)
    for offset in HALVES[kind]:
        divisor = 127 if kind == Q.Q8_0 else 8 if kind == Q.Q4_0 else 64 * 15 if kind == Q.Q4_K else 128 * 32
        scale = (rng.uniform(0.02, 0.05, n_blocks) / divisor * (0.5 if offset == 2 else 1)).astype(np.float16)
        blocks[:, offset : offset + 2] = scale.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


def tensor(kind, rows, columns):
    if kind == Q.F32:
        return np.ones(columns, np.float32)
    if kind == Q.BF16:
        piece = (rng.standard_normal(1 << 20) * 0.02).astype(np.float32).view(np.uint32)
        return np.resize((piece >> 16).astype(np.uint16), rows * columns).view(np.uint8).reshape(rows, columns * 2)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    row_bytes = columns // elements * size
    return np.resize(stretch(kind, 1 << 14), rows * row_bytes).reshape(rows, row_bytes)


def main():
    shape, kind, path = SHAPES[sys.argv[1]], sys.argv[2], sys.argv[3]
    base = {"bf16": Q.BF16, "q8_0": Q.Q8_0, "q4_0": Q.Q4_0, "q4_k_m": Q.Q4_K}[kind]
    d, ff, layers = shape["d"], shape["ff"], shape["layers"]
    head = d // shape["heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(131072)
    writer.add_embedding_length(d)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ff)
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv"])
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape["vocab"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    # The 256 bytes as byte-level BPE spells them, then names that no text contains.
    visible = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [b for b in range(256) if b not in visible]
    letters = {b: chr(b) for b in visible} | {b: chr(256 + i) for i, b in enumerate(others)}
    tokens = [letters[b] for b in range(256)] + ["ab"] + [f"<token {i}>" for i in range(257, shape["vocab"])]
    writer.add_token_list(tokens)
    writer.add_token_types([1] * shape["vocab"])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(shape["vocab"] - 1)
    writer.add_eos_token_id(shape["vocab"] - 1)

    def add(name, kind, rows, columns):
        data = tensor(kind, rows, columns)
        writer.add_tensor(name, data, raw_dtype=None if kind == Q.F32 else kind)

    # llama.cpp's mixture: more bits for half of attn_v and ffn_down, and for the output.
    def more_bits(layer):
        return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2

    better = Q.Q6_K if base in (Q.Q4_K, Q.Q4_0) else base
    add("token_embd.weight", better if shape["tied"] else base, shape["vocab"], d)
    add("output_norm.weight", Q.F32, 1, d)
    if not shape["tied"]:
        add("output.weight", better, shape["vocab"], d)
    for i in range(layers):
        mixed = better if base == Q.Q4_K and more_bits(i) else base
        add(f"blk.{i}.attn_norm.weight", Q.F32, 1, d)
        add(f"blk.{i}.attn_q.weight", base, d, d)
        add(f"blk.{i}.attn_k.weight", base, shape["kv"] * head, d)
        add(f"blk.{i}.attn_v.weight", mixed, shape["kv"] * head, d)
        add(f"blk.{i}.attn_output.weight", base, d, d)
        add(f"blk.{i}.ffn_norm.weight", Q.F32, 1, d)
        add(f"blk.{i}.ffn_gate.weight", base, ff, d)
        add(f"blk.{i}.ffn_up.weight", base, ff, d)
        add(f"blk.{i}.ffn_down.weight", mixed, d, ff)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
