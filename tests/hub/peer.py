#!/usr/bin/env python3
"""Whether `steer hub` and huggingface_hub share a cache: what one has downloaded the other finds whole, under the same
names, and downloads nothing.

    python3 tests/hub/peer.py build                # needs huggingface_hub of PyPI
    python3 tests/hub/peer.py build 1500000000     # how long each takes for a file of so many bytes, in turns

Run by hand: the suite needs nothing of PyPI. Both talk to tests/hub/fake-hub on the loopback.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = "owner/model"


def tree(cache):
    """Every link and file of the repository, with what it holds, but for what only the peer keeps for itself."""
    root = Path(cache) / "models--owner--model"
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file() and not name.startswith((".no_exist", "trees")):
            found[name] = path.read_bytes()
    return found


def main():
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "served" / "owner" / "model"
        (folder / "sub").mkdir(parents=True)
        config = Path(__file__).resolve().parent.parent / "fixtures/cli/model/config.json"
        (folder / "config.json").write_bytes(config.read_bytes())
        (folder / "tokenizer.json").write_text("{}" * 1000)
        (folder / "model.safetensors").write_bytes(os.urandom(3_000_000))
        (folder / "sub" / "vectors.npz").write_bytes(os.urandom(2_000_000))
        if len(sys.argv) > 2:
            (folder / "large.gguf").write_bytes(os.urandom(int(sys.argv[2])))
        hub = subprocess.Popen([build / "tests/hub/fake-hub", Path(work) / "served"], stdout=subprocess.PIPE, text=True)
        endpoint = hub.stdout.readline().strip()
        os.environ |= {"HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_x", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        try:
            check(build, work)
            print("the same cache")
            if len(sys.argv) > 2:
                measure(build, work)
        finally:
            hub.terminate()


def check(build, work):
    from huggingface_hub import hf_hub_download

    files = ["config.json", "tokenizer.json", "model.safetensors"]
    ours, theirs = Path(work) / "ours", Path(work) / "theirs"

    def steer(cache, what):
        done = subprocess.run([build / "src/cli/steer", "hub", "get", REPO, what], env=os.environ | {"HF_HUB_CACHE": str(cache)},
                              stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def peer(cache, names, offline=False):
        return [hf_hub_download(REPO, name, cache_dir=cache, local_files_only=offline) for name in names]

    steer(ours, "safetensors")
    peer(theirs, files)
    assert tree(ours) == tree(theirs), (tree(ours).keys(), tree(theirs).keys())

    # Each finds what the other has, without a connection.
    for path, name in zip(peer(ours, files, offline=True), files):
        assert path == str(ours / "models--owner--model/snapshots" / os.path.basename(os.path.dirname(path)) / name), path
    listed = subprocess.run([build / "src/cli/steer", "hub", "list"], env=os.environ | {"HF_HUB_CACHE": str(theirs)},
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "owner/model:safetensors" in listed, listed

    # A file in a folder, and a cache that both have written to.
    path = steer(theirs, "vectors")
    assert peer(theirs, ["sub/vectors.npz"], offline=True) == [path], path
    peer(ours, ["sub/vectors.npz"])
    assert tree(ours) == tree(theirs)


def measure(build, work):
    """Seconds from nothing to a whole file with its name, the start of each program included."""
    ours = [build / "src/cli/steer", "hub", "get", REPO, "large"]
    theirs = [sys.executable, "-c", f"import huggingface_hub as h; h.hf_hub_download('{REPO}', 'large.gguf')"]
    for _ in range(3):
        for name, command in (("steer", ours), ("huggingface_hub", theirs)):
            cache = Path(work) / "cache"
            start = time.monotonic()
            subprocess.run(command, env=os.environ | {"HF_HUB_CACHE": str(cache)}, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            print(f"{name}: {time.monotonic() - start:.1f} s")
            shutil.rmtree(cache)


main()
