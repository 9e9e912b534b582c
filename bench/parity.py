#!/usr/bin/env python3
"""Is madloop's training right? The same U-Net trained by madloop and by PyTorch, compared.

    bench/parity.py --data FOLDER                # class-conditional, MNIST at 16 x 16, EDM's loss

FOLDER holds MNIST as IDX files. Both sides train on the same rows with the same architecture,
initialisation law, loss, noise law, batch, Adam, warm-up, decay, clipping and average, but each
with its own random numbers. The averaged networks then denoise the same held-out pictures with the
same noise at eight levels, both evaluated in PyTorch: what is compared is the training alone. Per
level: mean squared error of D per pixel, the difference in per cent, and its standard error over
pictures. Several --seeds give the spread between trainings.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))
sys.path.insert(0, str(HERE))
from digits import load_mnist
from unet_torch import UNet, load_block

SIZE, CLASSES = 16, 10
NET = {"base": 16, "mult": [1, 2, 2], "n_blocks": 1, "attention": [0, 0, 1], "groups": 8,
       "n_embed": 32, "n_hidden": 64}
TRAIN = {"batch": 128, "rate": 2e-3, "warmup": 100, "clip": 1.0, "gamma": 6.94, "dropout": 0.1}
LEVELS = np.geomspace(0.06, 6.0, 8)  # sigma in units of sigma_data: all that training covers

CONFIG = """
name: parity
seed: {seed}
generations: 1
world:
  kind: idx
  images: {folder}/train-images-idx3-ubyte.gz
  labels: {folder}/train-labels-idx1-ubyte.gz
  resize: {size}
  reference: 0.1
model:
  kind: diffusion
  net: {{kind: unet, base: {base}, mult: {mult}, blocks: {n_blocks}, attention: lowest,
        groups: {groups}, embedding: {n_embed}, hidden: {n_hidden}}}
  train: {{steps: {steps}, batch: {batch}, lr: {rate}, warmup: {warmup}, decay: cosine,
          clip: {clip}, ema: power({gamma}), label_dropout: {dropout}}}
  sampler: {{kind: heun, steps: 4}}
loop: {{family: fully_synthetic, n_initial: 54000, n_synthetic: 100}}
measure: {{n: 100, metrics: [trace], preview: 0}}
"""


def train_madloop(args, seed, folder):
    """Run one generation; its parameters, the rows it trained on and held out, its scaling."""
    config = folder / "parity.yaml"
    text = CONFIG.format(seed=seed, folder=args.data.resolve(), size=SIZE, steps=args.steps, **NET,
                         **TRAIN)
    config.write_text(text, encoding="utf-8")
    run = folder / f"run-{seed}"
    start = time.monotonic()
    subprocess.run([args.build / "sim/cli/madloop", "run", config, "-o", run, "--progress", "none",
                    "--threads", str(args.threads)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    with h5py.File(run / "run.h5") as file:
        rows = {part: file[f"data/{part}_rows"][:].astype(int) for part in ("train", "reference")}
    with h5py.File(run / "gen-0001.h5") as file:
        model = file["model/0001"]
        state = {name: model[name][0] for name in ("average", "centre", "scale")}
    return state, rows, seconds


def tensor_table(args):
    words = [args.build / "bench/net_table", SIZE, SIZE, 1, CLASSES, "net.kind=unet",
             f"net.base={NET['base']}", f"net.mult={NET['mult']}", f"net.blocks={NET['n_blocks']}",
             "net.attention=lowest", f"net.groups={NET['groups']}",
             f"net.embedding={NET['n_embed']}", f"net.hidden={NET['n_hidden']}"]
    done = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def coefficients(sigma):
    """EDM's preconditioning at sigma_data = 1 (Karras et al. 2022, table 1)."""
    total = torch.sqrt(sigma ** 2 + 1)
    return 1 / total, 1 / total ** 2, sigma / total, torch.log(sigma) / 4  # in, skip, out, noise


def train_torch(args, seed, x, y):
    """The averaged network after the same training, by PyTorch's own means."""
    torch.manual_seed(1000 + seed)
    net = UNet(1, CLASSES, **NET)
    average = UNet(1, CLASSES, **NET)
    average.load_state_dict(net.state_dict())
    weights, means = list(net.parameters()), list(average.parameters())
    optimiser = torch.optim.Adam(weights, lr=TRAIN["rate"], betas=(0.9, 0.999), eps=1e-8)
    start = time.monotonic()
    for step in range(1, args.steps + 1):
        share = min(1.0, step / TRAIN["warmup"])
        done = max(0, step - TRAIN["warmup"]) / (args.steps - TRAIN["warmup"])
        optimiser.param_groups[0]["lr"] = TRAIN["rate"] * share * (1 + math.cos(math.pi * done)) / 2
        pick = torch.randint(0, len(x), (TRAIN["batch"],))
        label = y[pick].masked_fill(torch.rand(TRAIN["batch"]) < TRAIN["dropout"], CLASSES)
        sigma = torch.exp(1.2 * torch.randn(TRAIN["batch"]) - 0.507)
        c_in, c_skip, c_out, c_noise = coefficients(sigma[:, None, None, None])
        noisy = x[pick] + sigma[:, None, None, None] * torch.randn_like(x[pick])
        target = (x[pick] - c_skip * noisy) / c_out
        loss = (net(c_in * noisy, c_noise.ravel(), label) - target).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, TRAIN["clip"])
        optimiser.step()
        decay = (1 - 1 / step) ** (TRAIN["gamma"] + 1)
        torch._foreach_mul_(means, decay)
        torch._foreach_add_(means, [w.detach() for w in weights], alpha=1 - decay)
    return average.eval(), time.monotonic() - start


@torch.inference_mode()
def losses(net, x, y):
    """[level][picture] squared error of D per pixel; the noise is the same for every net."""
    generator = torch.Generator().manual_seed(7)
    found = []
    for level in LEVELS:
        sigma = torch.tensor(level, dtype=torch.float32)
        c_in, c_skip, c_out, c_noise = coefficients(sigma)
        noisy = x + sigma * torch.randn(x.shape, generator=generator)
        d = torch.cat([c_skip * a + c_out * net(c_in * a, c_noise.expand(len(a)), b)
                       for a, b in zip(noisy.split(500), y.split(500))])
        found.append((d - x).square().double().mean((1, 2, 3)).numpy())
    return np.array(found)


def report(ours, theirs):
    """[seed][level][picture] of both sides -> the table; the largest difference."""
    print("sigma     madloop   PyTorch   difference  standard error  between trainings")
    worst = 0.0
    for i, level in enumerate(LEVELS):
        a, b = (np.mean([side[i] for side in sides], 0) for sides in (ours, theirs))
        per_cent = 100 * (a.mean() / b.mean() - 1)
        error = 100 * (a - b).std(ddof=1) / math.sqrt(len(a)) / b.mean()
        means = [[side[i].mean() for side in sides] for sides in (ours, theirs)]
        spread = ""
        if len(ours) > 1:
            spread = f"{100 * np.mean(np.std(means, 1, ddof=1)) / b.mean():.2f} %"
        print(f"{level:7.3f}  {a.mean():9.5f} {b.mean():9.5f} {per_cent:9.2f} % {error:12.2f} %   "
              f"{spread:>12}")
        worst = max(worst, abs(per_cent))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of MNIST's files")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1, help="trainings on either side")
    parser.add_argument("--limit", type=float, default=1.0, help="per cent; beyond it: exit 1")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    table = tensor_table(args)
    x, y = load_mnist(args.data, "train", SIZE)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="madloop-parity-") as folder:
        for seed in range(1, args.seeds + 1):
            state, rows, seconds = train_madloop(args, seed, pathlib.Path(folder))
            # madloop's units: pictures in -1..1, then one centre per pixel and one scale.
            centre = state["centre"].reshape(1, 1, SIZE, SIZE)
            low, high = x[rows["train"]].min(), x[rows["train"]].max()
            units = ((2 * (x - low) / (high - low) - 1 - torch.from_numpy(centre)) /
                     float(state["scale"].item())).float()
            net = UNet(1, CLASSES, **NET)
            load_block(net, state["average"], table)
            held = units[rows["reference"]], y[rows["reference"]]
            ours.append(losses(net.eval(), *held))
            peer, peer_seconds = train_torch(args, seed, units[rows["train"]], y[rows["train"]])
            theirs.append(losses(peer, *held))
            print(f"seed {seed}: {len(rows['train'])} rows, {args.steps} steps: madloop "
                  f"{seconds:.0f} s, PyTorch {peer_seconds:.0f} s", flush=True)
    worst = report(ours, theirs)
    print(f"largest difference {worst:.2f} %, limit {args.limit} %")
    sys.exit(int(worst > args.limit))


if __name__ == "__main__":
    main()
