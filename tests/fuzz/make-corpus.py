#!/usr/bin/env python3
"""make-corpus.py OUT STAMP: writes small seeds for each fuzz target into OUT/TARGET/, from the test fixtures and, where they
leave a part of a format out, by hand. Every seed is a good file: the tests want each accepted."""

import gzip
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
FIXTURES = TESTS / "fixtures"
DATA = TESTS.parent / "data"
OUT = Path(sys.argv[1])


def seed(target: str, name: str, content: bytes | str) -> None:
    path = OUT / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def copy(target: str, *names: str) -> None:
    for name in names:
        seed(target, Path(name).name, (FIXTURES / name).read_bytes())


def safetensors(tensors: dict[str, tuple[str, list[int], bytes]], metadata: dict[str, str] | None = None) -> bytes:
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def gguf(keys: list[tuple[str, int, bytes]], tensors: list[tuple[str, list[int], int, bytes]]) -> bytes:
    def string(text: str) -> bytes:
        return struct.pack("<Q", len(text)) + text.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, kind, value in keys:
        head += string(key) + struct.pack("<I", kind) + value
    data = b""
    for name, dims, kind, content in tensors:
        data += b"\0" * (-len(data) % 32)
        head += string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        head += struct.pack("<IQ", kind, len(data))
        data += content
    return head + b"\0" * (-len(head) % 32) + data + b"\0" * (-len(data) % 32)


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def write_safetensors() -> None:
    copy("safetensors", "steering/vectors.safetensors", "steering/vectors-unit.safetensors",
         "steering/dicts/by-name.safetensors")
    sizes = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "F64": 8, "I64": 8}
    every = {name.lower(): (name, [2], bytes(range(2 * size))) for name, size in sizes.items()}
    seed("safetensors", "dtypes", safetensors(every))
    seed("safetensors", "shapes", safetensors(
        {"scalar": ("F32", [], floats(1)), "none": ("F32", [0, 3], b""), "b": ("F16", [1, 2, 1, 3], bytes(12))},
        {"format": "pt", "alias": "b"}))


def write_gguf() -> None:
    copy("gguf", "tensor/small.gguf")
    scalars = [(0, b"\7"), (1, b"\xf9"), (2, b"\1\2"), (3, b"\1\xf2"), (4, bytes(4)), (5, bytes(4)), (6, floats(0.5)),
               (7, b"\1"), (8, struct.pack("<Q", 3) + b"abc"), (10, bytes(8)), (11, bytes(8)), (12, struct.pack("<d", 0.5))]
    keys = [(f"key.{kind}", kind, value) for kind, value in scalars]
    keys += [("list.numbers", 9, struct.pack("<IQ", 5, 3) + struct.pack("<3i", 1, 2, 3)),
             ("list.texts", 9, struct.pack("<IQ", 8, 2) + (struct.pack("<Q", 1) + b"x") * 2),
             ("list.lists", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 2) + b"ab")]
    seed("gguf", "every-value", gguf(keys, [("t", [3, 2], 0, bytes(24))]))
    blocks = [(2, 32, 18), (3, 32, 20), (8, 32, 34), (12, 256, 144), (13, 256, 176), (14, 256, 210)]
    seed("gguf", "every-block", gguf([], [(f"t{kind}", [n], kind, bytes(range(size))) for kind, n, size in blocks]))
    control = gguf([("general.architecture", 8, struct.pack("<Q", 13) + b"controlvector"),
                    ("controlvector.layer_count", 5, struct.pack("<i", 2))],
                   [("direction.1", [4], 0, floats(1, 2, 3, 4)), ("direction.2", [4], 0, floats(4, 3, 2, 1))])
    seed("gguf", "control", control)
    seed("vectors", "control.gguf", control)


def write_zips() -> None:
    files = ["steering/dicts/bare.pt", "steering/dicts/by-number.pt", "steering/dicts/steering_vectors.pt", "tensor/torch.pt"]
    copy("torch", *files)
    for path in [FIXTURES / name for name in files] + sorted((FIXTURES / "steering/sae").rglob("*.pt*")):
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            seed("pickle", "-".join(path.relative_to(FIXTURES).parts[-3:]), archive.read(name))
    copy("npz", "tensor/packed.npz", "steering/dicts/rows.npy")
    with zipfile.ZipFile(FIXTURES / "tensor/arrays.npz") as archive:
        names = archive.namelist()
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            small = io.BytesIO()
            with zipfile.ZipFile(small, "w", compression) as out:
                for name in names[:6]:
                    out.writestr(name, archive.read(name))
            seed("npz", f"arrays-{compression}.npz", small.getvalue())


def shrink_tokenizer(tokenizer: dict) -> dict:
    """Keeps the alphabet, what 40 merges make of it, and the added tokens, with ids of their own."""
    model = tokenizer["model"]
    merges = model["merges"][:40]
    parts = {part for merge in merges for part in (merge.split(" ") if isinstance(merge, str) else merge)}
    parts |= {"".join(merge.split(" ") if isinstance(merge, str) else merge) for merge in merges}
    added = {token["content"] for token in tokenizer["added_tokens"]}
    kept = [token for token in model["vocab"]
            if len(token) == 1 or token.startswith("<") or token in parts or token in added]
    model["merges"], model["vocab"] = merges, {token: i for i, token in enumerate(kept)}
    for i, token in enumerate(tokenizer["added_tokens"]):
        token["id"] = model["vocab"].get(token["content"], len(kept) + i)
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    processors = [tokenizer["post_processor"] or {}]
    for processor in processors + processors[0].get("processors", []):
        for token in processor.get("special_tokens", {}).values():
            token["ids"] = [ids[content] for content in token["tokens"]]
    return tokenizer


def write_tokenizers() -> None:
    for path in sorted((FIXTURES / "text").glob("*.json")):
        tokenizer = json.loads(path.read_text())
        tokenizer = shrink_tokenizer(tokenizer)
        seed("tokenizer", path.name, json.dumps(tokenizer, ensure_ascii=False))


def write_configs() -> None:
    for case in json.loads((FIXTURES / "model/configs.json").read_text()):
        seed("config", case["name"], json.dumps(case["config"]))
    config = (FIXTURES / "cli/model/config.json").read_text()
    seed("config", "with-generation", config + '\0{"bos_token_id": 1, "eos_token_id": [2, 3], "temperature": 0.6}')


def write_templates() -> None:
    with gzip.open(FIXTURES / "text/templates.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "source" in row and row.get("family") is not None:
                seed("template", row["name"], row["source"])


def write_presets() -> None:
    copy("preset", "steering/demo.yaml", "steering/every-key.yaml", "cli/calm.yaml")
    seed("preset", "bundled.yaml", (DATA / "presets/02-pirate-at-sea.yaml").read_bytes())
    seed("preset", "unknown-keys.yaml", 'name: "x: y"\nnotes: |\n  two\n  lines\nmine: {a: [1, ~, "b"], c: !t d}\n'
         "features:\n- {layer: 15, index: 21576, strength: 8.5, colour: red}\n")


def write_labels() -> None:
    lines = (DATA / "demo/sae/labels.jsonl").read_text().splitlines()[:3]
    rows = [json.loads(line) | {"layer": f"{15 + i // 3}-resid-post-aa"} for i, line in enumerate(lines)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    seed("labels", "bundled", text)
    seed("labels", "packed.gz", gzip.compress(text.encode(), mtime=0))
    seed("labels", "export", json.dumps(
        {"modelId": "llama3.1-8b-it", "layer": "15-resid-post-aa", "index": "21576", "description": "caf\u00e9 \"x\"",
         "typeName": "t", "maxActApprox": 1.5, "pos_str": ["a", "b"], "pos_values": [1, 2.5e-3], "neg_str": []}) + "\n\n"
        + '{"layer": 15, "index": 7, "description": null, "usefulMin": -1, "usefulMax": 9, "layerNorm": 10.8}\n')


def write_conversations() -> None:
    run = {"start": 0, "length": 3, "n_tokens": 1,
           "steering": [{"layer": 15, "index": 21576, "strength": 8.5, "clamp": True, "label": "Eiffel"}]}
    tree = {"format": "steer-chat-conversation", "version": 1, "title": "Tower", "title_by_hand": True,
            "system_prompt": "Be brief.", "created": 1, "modified": 2,
            "messages": [{"id": 1, "parent": None, "role": "user", "text": "Hi", "created": 3},
                         {"id": 2, "parent": 1, "role": "assistant", "text": "Yes", "preset": "Eiffel", "seed": "16",
                          "n_tokens": 1, "tokens_per_second": 9.5, "stop_reason": "eos", "runs": [run]},
                         {"id": 3, "parent": 1, "role": "assistant", "text": "No\n```c\nx\n```", "active": True,
                          "runs": [{"start": 0, "length": 2, "n_tokens": 1}]}]}
    seed("conversation", "tree.json", json.dumps(tree))
    seed("conversation", "common.json", json.dumps(
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                      {"role": "assistant", "content": "\u65e5\u672c"}]}))


def write_vectors() -> None:
    copy("vectors", "steering/vectors.safetensors", "steering/dicts/by-number.pt", "steering/dicts/rows.npy",
         "steering/dicts/steering_vectors.pt")
    weights = [float(i % 5 - 2) + 0.5 for i in range(24)]
    sae = {"W_enc": ("F32", [4, 6], floats(*weights)), "W_dec": ("F32", [6, 4], floats(*weights)),
           "b_enc": ("F32", [6], floats(*weights[:6])), "b_dec": ("F32", [4], floats(*weights[:4])),
           "threshold": ("F32", [6], floats(*weights[:6]))}
    seed("vectors", "sae.safetensors", safetensors(sae))
    seed("vectors", "dictionary.safetensors", safetensors(
        {"encoder.weight": ("F32", [6, 4], floats(*weights)), "decoder.weight": ("F32", [4, 6], floats(*weights)),
         "encoder.bias": ("F32", [6], floats(*weights[:6])), "b_dec": ("F32", [4], floats(*weights[:4])),
         "k": ("I32", [], struct.pack("<i", 2)), "threshold": ("F32", [], floats(0.1))}))


def write_made() -> None:
    for name, examples in {"both": {"with": ["A \"tower\".", "Für Élise 🗼"], "without": ["Beans", ""], "form": "reply"},
                           "text": {"with": ["one"], "without": [], "form": "text"}}.items():
        seed("made", f"{name}.safetensors", safetensors(
            {"2.7": ("F32", [4], floats(0.5, -0.5, 0.5, 0.5))},
            {"format": "steer-vectors", "version": "1", "d_model": "4", "label.2.7": "Towers", "strength.2.7": "3.5",
             "layer_norm.2": "12", "model": "Tiny", "examples.2.7": json.dumps(examples, ensure_ascii=name == "both")}))


def write_requests() -> None:
    features = [{"layer": 2, "index": 97, "strength": -4.5, "mode": "clamp", "enabled": False, "label": "Für"}]
    for name, body in {
        "chat": {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [
            {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo 🗼"}]}], "temperature": 0.7, "top_k": 40, "top_p": 0.9,
            "min_p": 0, "repetition_penalty": 1.1, "seed": 5, "max_tokens": 9, "stop": ["a", "b"], "stream": True,
            "stream_options": {"include_usage": True}, "chat_template_kwargs": {"enable_thinking": False}, "n": 1,
            "logprobs": None, "tools": [], "steering": {"features": features, "multiplier": 0.5}},
        "text": {"prompt": "Once upon", "stop": "\n", "max_completion_tokens": 3, "steering": {"enabled": False}},
        "steering": {"enabled": True, "multiplier": 2, "features": features},
        "change": {"change": {"layer": 2, "index": 97, "occurrence": 1, "strength": 1e9, "mode": "cap", "enabled": False}},
        "add": {"multiplier": 0.5, "add": {**features[0], "position": 1}},
        "remove": {"enabled": False, "remove": {"layer": 2, "index": 97}},
        "thought": {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "reasoning_content": "Hm.",
            "content": "So."}, {"role": "user", "content": "Oh."}]},
    }.items():
        seed("serve", f"{name}.json", json.dumps(body, ensure_ascii=name == "steering").encode())


def write_hub() -> None:
    commit, sha256 = "0123456789abcdef0123456789abcdef01234567", "d54b4f4e" * 8
    files = ["config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
             "m-Q4_K_M.gguf", "layer_7/trainer_0/ae.pt", "layer_7/trainer_0/config.json", "L7/checkpoints/final.safetensors"]
    seed("hub", "repository.json", json.dumps({
        "id": "owner/name", "sha": commit, "gated": "auto", "cardData": {"license": "mit"},
        "config": {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "gguf": {"architecture": "llama"},
        "siblings": [{"rfilename": path, "size": 7 + i, "blobId": commit,
                      **({} if path.endswith("json") else {"lfs": {"sha256": sha256, "size": 70 + i, "pointerSize": 130}})}
                     for i, path in enumerate(files)]}))
    seed("hub", "search.json", json.dumps([
        {"id": "owner/name", "downloads": 1234567, "likes": 5, "gated": False, "tags": ["gguf", "safetensors"]},
        {"id": "gpt2", "gated": "manual"}]))
    seed("hub", "listing.xml", '<?xml version="1.0"?><ListBucketResult xmlns="x"><Contents><Key>v1/a/1-b/explanations/batch-0.'
         'jsonl.gz</Key><Size>7</Size><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></Contents>'
         '<NextContinuationToken>abc</NextContinuationToken></ListBucketResult>')
    seed("hub", "labels", "https://huggingface.co/andyrdt/saes-llama-3.1-8b-instruct/tree/main/resid_post_layer_7/trainer_1")
    seed("hub", "labels-2", "hf.co/google/gemma-scope-2-270m-it/tree/main/resid_post/layer_12_width_65k_l0_medium")
    seed("hub", "name", "https://huggingface.co/owner/name/blob/refs%2Fpr%2F7/layer_7/ae.pt?download=true#x")


# The types of GVariant's text form that the wire has, each with its alignment and, where it has one, its size.
FIXED = {"u": ("<I", 4), "i": ("<i", 4), "t": ("<Q", 8), "d": ("<d", 8), "b": ("<B", 1), "y": ("<B", 1)}


def split_types(text: str) -> list[str]:
    """The types that stand side by side."""
    types, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter not in "am":
            types.append(text[start:i + 1])
            start = i + 1
    return types


def alignment(kind: str) -> int:
    if kind[0] in "am":
        return alignment(kind[1:])
    if kind[0] == "(":
        return max((alignment(member) for member in split_types(kind[1:-1])), default=1)
    return FIXED[kind][1] if kind in FIXED else 1


def is_fixed(kind: str) -> bool:
    return all(is_fixed(member) for member in split_types(kind[1:-1])) if kind[0] == "(" else kind in FIXED


def frame(body: bytes, ends: list[int]) -> bytes:
    """Behind the members stands where they end, in numbers of as few bytes as the whole needs."""
    for width, letter in ((1, "B"), (2, "H"), (4, "I")):
        if len(body) + len(ends) * width < 1 << 8 * width:
            return body + struct.pack(f"<{len(ends)}{letter}", *ends)
    raise ValueError("too long for a seed")


def variant(kind: str, value) -> bytes:
    if kind in FIXED:
        return struct.pack(FIXED[kind][0], value)
    if kind == "s":
        return value.encode() + b"\0"
    if kind == "ay":
        return value
    if kind[0] == "m":
        return b"" if value is None else variant(kind[1:], value) + (b"" if is_fixed(kind[1:]) else b"\0")
    if kind == "()":
        return b"\0"
    array = kind[0] == "a"
    kinds = [kind[1:]] * len(value) if array else split_types(kind[1:-1])
    body, ends = b"", []
    for i, (member, content) in enumerate(zip(kinds, value, strict=True)):
        body += b"\0" * (-len(body) % alignment(member)) + variant(member, content)
        if not is_fixed(member) and (array or i < len(kinds) - 1):
            ends.append(len(body))
    if is_fixed(kind):
        return body + b"\0" * (-len(body) % alignment(kind))
    return frame(body, ends if array else ends[::-1])


def message(number: int, serial: int, kind: str, value) -> bytes:
    body = variant(kind, value)
    return struct.pack("<IIQ", number, serial, len(body)) + body


def write_remote() -> None:
    encoder = "(uuddd)"
    operation = f"(utudu{encoder}udu{encoder})"
    run = "(uuayuayuau(dudddtu)ayd)"
    forward = f"((auaua(uay)a(uubba{operation}))a{run})"
    none, some = (0, 0, 0.0, 0.0, 0.0), (2, 1, 0.5, 0.25, 1.5)
    plan = (1, 2, True, False, [(1, 7, 0, 2.5, 1, none, 0, 0.0, 0, none), (2, 9, 6, 1.0, 1, some, 1, 0.5, 0, some)])
    sampling = (0.7, 40, 0.95, 0.05, 1.1, 16, 512)
    tokens = struct.pack("<3i", 1, 2, 3)
    greeting = b"Welcome!\n\nsteer-lend 1 0.1.0\n"
    seed("remote", "asked", greeting + b"".join([
        message(1, 1, "()", ()), message(2, 2, "s", "~/models/tiny"), message(3, 3, "u", 1),
        message(4, 4, "(msuuuuu)", ("cuda:0", 2, 64, 1, 0, 0)),
        message(5, 5, forward, (([], [], [(1, floats(0.6, 0.8)), (2, floats(1, 0))], [plan]),
                                [(0, 0, tokens, 1, b"\1\0\1", 1, [0, 2], sampling, b"", 0.0),
                                 (1, 3, tokens[:4], 0, b"", 3, [], sampling, b"\5" * 8, 0.5)])),
        message(5, 6, forward, (([1], [2], [], []), [(0, 1, tokens, 0, b"", 2, [], sampling, b"", 0.0)])),
        message(7, 7, "u", 6), message(8, 0, "()", ()), message(6, 8, "()", ())]))
    seed("remote", "answered", greeting + b"".join([
        message(32, 1, "(a(sst)a(ssmsttbmsb))", ([("/m/tiny", "tiny", 7)], [("cpu", "a CPU", None, 8, 4, True, None, False),
                                                 ("cuda:0", "a GPU", "580", 8, 4, False, "it is broken", True)])),
        message(34, 2, "a(tay)", [(0, b"{}"), (8, b"\n")]),
        message(33, 2, "(ssa(sttt))", ("tiny", "", [("config.json", 9, 1700000000000000, 9), ("a.safetensors", 900, 1, 8)])),
        message(35, 3, "d", 0.5), message(36, 3, "(ssms(uuuuu)u)", ("cpu", "a CPU", "why", (1, 64, 1, 2, 0), 256)),
        message(37, 4, "a(ayayi)", [(floats(*range(40)), floats(1, 2, 3, 4), 0), (b"", b"", 39)]),
        message(38, 4, "()", ()), message(39, 5, "(uus)", (1, 3, "no memory"))]))


for write in (write_safetensors, write_gguf, write_zips, write_tokenizers, write_configs, write_templates,
              write_presets, write_labels, write_conversations, write_vectors, write_made,
              write_requests, write_hub, write_remote):
    write()
Path(sys.argv[2]).touch()
