"""The chat model as a lean training module, and its door to Hugging Face's Llama layout.

transformers' Llama spends a good part of a step on a small CPU outside of matrix products; this module does the same arithmetic with
fused projections. Its weights are stored under Hugging Face's names, so what is trained is what every other program loads.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Hyper-parameters; the defaults are the bundled model's."""
    vocab: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 640
    context: int = 2048
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def head(self) -> int:
        return self.width // self.heads


def rope_tables(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """cos and sin [length, head], in Hugging Face's rotate-half order."""
    inverse = shape.theta ** (-torch.arange(0, shape.head, 2, dtype=torch.float32) / shape.head)
    angle = torch.outer(torch.arange(length, dtype=torch.float32), inverse)
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of x [batch, heads, length, head]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Cache:
    """Keys and values of one layer, for as many positions as a reply may need."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.k = self.v = torch.empty(0)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k and v [batch, kv_heads, length, head]; returns all so far."""
        if self.length == 0:
            self.k = k.new_empty(*k.shape[:2], self.capacity, k.shape[3])
            self.v = torch.empty_like(self.k)
        begin, self.length = self.length, self.length + k.shape[2]
        self.k[:, :, begin:self.length], self.v[:, :, begin:self.length] = k, v
        return self.k[:, :, :self.length], self.v[:, :, :self.length]


class Block(nn.Module):
    """One decoder layer: attention and a gated MLP, each with its RMS norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, head = shape.width, shape.head
        self.norm_attn = nn.Parameter(torch.ones(width))
        self.norm_mlp = nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(width, (shape.heads + 2 * shape.kv_heads) * head, bias=False)
        self.out = nn.Linear(shape.heads * head, width, bias=False)
        self.up = nn.Linear(width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, width, bias=False)

    def forward(self, h: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None) -> Tensor:
        """h [batch, length, width]; with a cache, the tokens continue what is in it, one at a time after the first call."""
        shape = self.shape
        batch, length, _ = h.shape
        x = F.rms_norm(h, (shape.width,), self.norm_attn, shape.eps)
        q, k, v = self.qkv(x).split([shape.heads * shape.head] + 2 * [shape.kv_heads * shape.head], dim=-1)
        q = rotate(q.view(batch, length, shape.heads, shape.head).transpose(1, 2), cos, sin)
        k = rotate(k.view(batch, length, shape.kv_heads, shape.head).transpose(1, 2), cos, sin)
        v = v.view(batch, length, shape.kv_heads, shape.head).transpose(1, 2)
        group = shape.heads // shape.kv_heads
        if cache is not None:
            k, v = cache.extend(k, v)
        if length == 1:
            # The query heads of a group share their keys: no need to repeat those.
            weights = q.reshape(batch, shape.kv_heads, group, shape.head) @ k.transpose(2, 3) * shape.head ** -0.5
            mixed = (weights.softmax(-1) @ v).reshape(batch, shape.heads, 1, shape.head)
        else:
            mixed = F.scaled_dot_product_attention(q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1), is_causal=True)
        h = h + self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
        x = F.rms_norm(h, (shape.width,), self.norm_mlp, shape.eps)
        gate, value = self.up(x).chunk(2, dim=-1)
        return h + self.down(F.silu(gate) * value)


class Chat(nn.Module):
    """The whole model, with tied embeddings."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        cos, sin = rope_tables(shape, shape.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                deep = (2 * shape.layers) ** -0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 * deep * (1.0 if "embed" in name else 1.5))

    def hidden(self, tokens: Tensor, start: int = 0, caches: list[Cache] | None = None, hook=None, layers: int | None = None) -> Tensor:
        """Final normed hidden states [batch, length, width]; hook(layer, h) may replace a layer's output. Fewer layers do where only hooks look."""
        h = self.embed(tokens)
        cos, sin = self.cos[start:start + tokens.shape[1]], self.sin[start:start + tokens.shape[1]]
        for layer, block in enumerate(self.blocks[:layers]):
            h = block(h, cos, sin, None if caches is None else caches[layer])
            if hook is not None:
                h = hook(layer, h)
        return F.rms_norm(h, (self.shape.width,), self.norm, self.shape.eps)

    def forward(self, tokens: Tensor, start: int = 0, caches: list[Cache] | None = None, hook=None) -> Tensor:
        """Logits [batch, length, vocab]."""
        return self.hidden(tokens, start, caches, hook) @ self.embed.weight.T


# Muon lets the residual stream grow to norms of about a thousand. What is written holds the same function with everything that is added to the
# stream divided by 64, a power of two and so exact, and the epsilon of the norms with it: strengths of steering are then of a handy size.
SHRINK = 64.0


def hugging_face_tensors(model: Chat) -> dict[str, Tensor]:
    """The weights in bfloat16 under Llama's names, shrunk; the tied output matrix is left out, as transformers does."""
    shape = model.shape
    sizes = [shape.heads * shape.head, shape.kv_heads * shape.head, shape.kv_heads * shape.head]
    tensors = {"model.embed_tokens.weight": model.embed.weight / SHRINK, "model.norm.weight": model.norm * SHRINK}
    for index, block in enumerate(model.blocks):
        stem = f"model.layers.{index}."
        q, k, v = block.qkv.weight.split(sizes)
        gate, up = block.up.weight.chunk(2)
        tensors |= {stem + "self_attn.q_proj.weight": q, stem + "self_attn.k_proj.weight": k, stem + "self_attn.v_proj.weight": v,
                    stem + "self_attn.o_proj.weight": block.out.weight / SHRINK, stem + "mlp.gate_proj.weight": gate,
                    stem + "mlp.up_proj.weight": up, stem + "mlp.down_proj.weight": block.down.weight / SHRINK,
                    stem + "input_layernorm.weight": block.norm_attn, stem + "post_attention_layernorm.weight": block.norm_mlp}
    return {name: tensor.detach().to(torch.bfloat16).contiguous().clone() for name, tensor in tensors.items()}


@torch.no_grad()
def stretch(model: Chat) -> Chat:
    """A saved model back at the scale of training."""
    model.embed.weight.mul_(SHRINK)
    model.norm.div_(SHRINK)
    for block in model.blocks:
        block.out.weight.mul_(SHRINK)
        block.down.weight.mul_(SHRINK)
    model.shape = replace(model.shape, eps=model.shape.eps * SHRINK ** 2)
    for block in model.blocks:
        block.shape = model.shape
    return model


def save_model(model: Chat, folder: Path, end_id: int, pad_id: int) -> None:
    """Write config.json, generation_config.json and model.safetensors."""
    shape = model.shape
    folder.mkdir(parents=True, exist_ok=True)
    save_file(hugging_face_tensors(model), folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": shape.vocab,
              "hidden_size": shape.width, "intermediate_size": shape.hidden, "num_hidden_layers": shape.layers,
              "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head,
              "max_position_embeddings": shape.context, "rope_theta": shape.theta, "rope_scaling": None,
              "rms_norm_eps": shape.eps / SHRINK ** 2, "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False,
              "mlp_bias": False, "attention_dropout": 0.0, "initializer_range": 0.02, "bos_token_id": None,
              "eos_token_id": end_id, "pad_token_id": pad_id, "use_cache": True}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generation = {"do_sample": True, "temperature": 0.5, "top_p": 0.95, "repetition_penalty": 1.1,
                  "eos_token_id": [end_id], "pad_token_id": pad_id}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def load_model(folder: Path) -> Chat:
    """The model of a Hugging Face folder, its bfloat16 weights widened to float32."""
    config = json.loads((folder / "config.json").read_text())
    shape = Shape(vocab=config["vocab_size"], width=config["hidden_size"], layers=config["num_hidden_layers"],
                  heads=config["num_attention_heads"], kv_heads=config["num_key_value_heads"], hidden=config["intermediate_size"],
                  context=config["max_position_embeddings"], theta=config["rope_theta"], eps=config["rms_norm_eps"])
    model = Chat(shape)
    stored = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    state = {"embed.weight": stored["model.embed_tokens.weight"], "norm": stored["model.norm.weight"]}
    for index in range(shape.layers):
        def part(name: str, stem: str = f"model.layers.{index}.") -> Tensor:
            return stored[stem + name + ".weight"]
        state |= {f"blocks.{index}.{ours}": value for ours, value in {
            "qkv.weight": torch.cat([part("self_attn.q_proj"), part("self_attn.k_proj"), part("self_attn.v_proj")]),
            "out.weight": part("self_attn.o_proj"), "up.weight": torch.cat([part("mlp.gate_proj"), part("mlp.up_proj")]),
            "down.weight": part("mlp.down_proj"), "norm_attn": part("input_layernorm"), "norm_mlp": part("post_attention_layernorm")}.items()}
    model.load_state_dict(state)
    return model.eval()
