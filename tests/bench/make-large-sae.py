#!/usr/bin/env python3
"""Makes an SAE of 4.3 GB in the layout of saes-llama-3.1-8b-instruct, with random weights, for measuring.

    python make-large-sae.py FOLDER

writes FOLDER/resid_post_layer_15/trainer_1/{ae.pt,config.json}. It takes 6 GB of memory and a few minutes. Then:

    time steer extract --sae FOLDER/resid_post_layer_15/trainer_1 \\
        --features 15:21576,15:1,15:131071,15:70000,15:5,15:99999,15:64000,15:33333 -o out.safetensors

For a cold start, drop the file from the page cache before:

    dd of=FOLDER/resid_post_layer_15/trainer_1/ae.pt oflag=nocache conv=notrunc,fdatasync count=0
"""

import json
import pathlib
import sys

import torch

WIDTH, FEATURES, LAYER, K = 4096, 131072, 15, 64

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) / f"resid_post_layer_{LAYER}" / "trainer_1"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    decoder = torch.empty(WIDTH, FEATURES).uniform_(-1, 1)
    state = {
        "b_dec": torch.randn(WIDTH),
        "k": torch.tensor(K, dtype=torch.int32),
        "threshold": torch.tensor(95.0),
        "decoder.weight": decoder,
        "encoder.weight": decoder.T.clone(),  # keeps the stride (1, FEATURES)
        "encoder.bias": torch.randn(FEATURES),
    }
    torch.save(state, folder / "ae.pt")
    trainer = {"dict_class": "BatchTopKSAE", "activation_dim": WIDTH, "dict_size": FEATURES, "k": K, "layer": LAYER}
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {"ctx_len": 1024}}) + "\n")
