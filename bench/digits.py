#!/usr/bin/env python3
"""Are generated digits digits? A classifier of real MNIST digits reads samples.

    digits.py train --data FOLDER --size 28 -o digits28.pt
    madloop sample RUN -n 2000 -o samples.npy
    digits.py score digits28.pt samples.npy --low -1 --high 1

FOLDER holds MNIST as IDX files. SAMPLES is an NPY array of rows with its labels beside it, or
gen-NNNN.h5 of a run; --low and --high are the values of black and white. Needs PyTorch.
"""
import argparse
import gzip
import json
import math
import os
import pathlib

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


def read_idx(path):
    """Bytes [n][...] of an IDX file, plain or gzip."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    shape = np.frombuffer(raw, ">u4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def area_weights(n_old, n_new):
    """[n_new][n_old] shares of the old pixels in the new pixels' cells: madloop's `resize`."""
    edge = np.arange(n_new + 1) * (n_old / n_new)
    old = np.arange(n_old)
    overlap = np.minimum(edge[1:, None], old + 1) - np.maximum(edge[:-1, None], old)
    return np.maximum(overlap, 0) * (n_new / n_old)


def load_mnist(folder, part, size):
    """Pictures [n][1][size][size] in 0..1 (smaller ones by area) and classes [n]."""
    found = [sorted(pathlib.Path(folder).glob(f"{part}-{kind}*")) for kind in ("images", "labels")]
    if not all(found):
        raise SystemExit(f"no {part}-images*, {part}-labels* in {folder}")
    pictures, labels = (read_idx(paths[0]) for paths in found)
    x = torch.from_numpy(pictures.astype(np.float32) / 255)[:, None]
    if size != x.shape[-1]:
        weights = torch.from_numpy(area_weights(x.shape[-1], size).astype(np.float32))
        x = weights @ x @ weights.T
    return x, torch.from_numpy(labels.astype(np.int64))


def classifier(size):
    def block(c_in, c_out):
        return [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]
    first, left = ([nn.MaxPool2d(2)], size // 8) if size > 20 else ([], size // 4)
    return nn.Sequential(*block(1, 32), *first, *block(32, 64), *block(64, 64), nn.MaxPool2d(2),
                         *block(64, 64), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
                         nn.Linear(64 * left * left, 128), nn.ReLU(), nn.Linear(128, 10))


@torch.no_grad()
def logits(net, x):
    net.eval()
    return torch.cat([net(part) for part in x.split(500)])


def shifted(x, generator, most=2):
    """A batch moved by one random offset of up to `most` pixels, black moving in."""
    dy, dx = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    return F.pad(x, (most + dx, most - dx, most + dy, most - dy))[..., most:-most, most:-most]


def train(args):
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    x, y = load_mnist(args.data, "train", args.size)
    test_x, test_y = load_mnist(args.data, "t10k", args.size)
    net = classifier(args.size)
    batch, n_steps = 128, args.epochs * (len(x) // 128)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, n_steps)
    for _ in range(args.epochs):
        net.train()
        order = torch.randperm(len(x), generator=generator)
        for i in range(len(x) // batch):
            rows = order[i * batch:(i + 1) * batch]
            loss = F.cross_entropy(net(shifted(x[rows], generator)), y[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    accuracy = float((logits(net, test_x).argmax(1) == test_y).float().mean())
    torch.save({"size": args.size, "accuracy": accuracy, "state": net.state_dict()}, args.output)
    print(json.dumps({"size": args.size, "epochs": args.epochs, "test_accuracy": accuracy}))


def read_samples(path, labels):
    if path.suffix == ".h5":
        import h5py
        with h5py.File(path) as gen:
            x, y = gen["samples"][:], gen["labels"][:]
        return x.reshape(-1, x.shape[-1]), y.ravel()
    x = np.load(path)
    labels = labels or path.with_name(f"{path.stem}-labels.npy")
    return x.reshape(len(x), -1), np.load(labels).ravel()


def score(args):
    saved = torch.load(args.classifier)
    size = saved["size"]
    net = classifier(size)
    net.load_state_dict(saved["state"])
    x, y = read_samples(args.samples, args.labels)
    if len(x) != len(y) or x.shape[1] != size * size:
        raise SystemExit(f"{len(x)} rows of {x.shape[1]} with {len(y)} labels: the classifier "
                         f"reads {size} x {size} pixels, one label a row")
    x = torch.from_numpy(((x - args.low) / (args.high - args.low)).astype(np.float32))
    x = x.clamp(0, 1).reshape(-1, 1, size, size)
    y = torch.from_numpy(y.astype(np.int64))
    right = (logits(net, x).argmax(1) == y).double()
    share = float(right.mean())
    by_class = {c: round(float(right[y == c].mean()), 4) for c in range(10) if (y == c).any()}
    print(json.dumps({"n": len(y), "recognised": share,
                      "standard_error": math.sqrt(share * (1 - share) / len(y)),
                      "by_class": by_class, "classifier_accuracy": saved["accuracy"]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    verbs = parser.add_subparsers(required=True)
    fit = verbs.add_parser("train", help="train a classifier and print its test accuracy")
    fit.add_argument("--data", type=pathlib.Path, required=True, help="folder of MNIST's IDX files")
    fit.add_argument("--size", type=int, default=28, help="pixels a side")
    fit.add_argument("--epochs", type=int, default=4)
    fit.add_argument("--seed", type=int, default=1)
    fit.add_argument("-o", "--output", type=pathlib.Path, required=True)
    fit.set_defaults(run=train)
    read = verbs.add_parser("score", help="share of samples recognised as their label")
    read.add_argument("classifier", type=pathlib.Path)
    read.add_argument("samples", type=pathlib.Path)
    read.add_argument("--labels", type=pathlib.Path, help="NPY (default: SAMPLES-labels.npy)")
    read.add_argument("--low", type=float, default=-1.0, help="pixel value of black")
    read.add_argument("--high", type=float, default=1.0, help="pixel value of white")
    read.set_defaults(run=score)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.run(args)


if __name__ == "__main__":
    main()
