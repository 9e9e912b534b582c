#!/usr/bin/env python3
"""Peer: precision and recall by k-nearest-neighbour balls with PyTorch or scikit-learn. JSON.

The blocks of distances and the way of picking the k-th are the user's choice there: --how and
--block, so that the fastest can be found.
"""
import argparse
import json
import statistics
import time

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rows", type=int, default=10000)
parser.add_argument("--dim", type=int, default=128)
parser.add_argument("--k", type=int, default=5)
parser.add_argument("--how", choices=["kthvalue", "topk", "sklearn"], default="topk")
parser.add_argument("--block", type=int, default=2000, help="rows of one block of distances")
parser.add_argument("--repeats", type=int, default=1)
args = parser.parse_args()
torch.set_num_threads(args.threads)
rng = np.random.default_rng(0)


def features(shift):
    """Correlated, slightly shifted normal rows."""
    mix = np.eye(args.dim) + 0.3 / np.sqrt(args.dim) * rng.standard_normal((args.dim, args.dim))
    return (rng.standard_normal((args.rows, args.dim)) @ mix + shift).astype(np.float32)


def radii(x):
    """Distance of each row to its k-th neighbour: the row itself is the first of k + 1."""
    k = args.k + 1
    blocks = (torch.cdist(part, x) for part in x.split(args.block))
    if args.how == "kthvalue":
        return torch.cat([d.kthvalue(k).values for d in blocks])
    return torch.cat([d.topk(k, largest=False).values[:, -1] for d in blocks])


def inside(x, reference, radius):
    hits = [(torch.cdist(part, reference) <= radius).any(1) for part in x.split(args.block)]
    return float(torch.cat(hits).float().mean())


def radii_sklearn(x):
    from sklearn.neighbors import NearestNeighbors
    search = NearestNeighbors(n_neighbors=args.k + 1, algorithm="brute").fit(x)
    return search.kneighbors(x)[0][:, args.k]


def inside_sklearn(x, reference, radius):
    from sklearn.metrics import pairwise_distances_chunked
    blocks = pairwise_distances_chunked(x, reference,
                                        reduce_func=lambda d, start: (d <= radius).any(1))
    return float(np.concatenate(list(blocks)).mean())


real, fake = features(0.0), features(0.1)
if args.how == "sklearn":
    ball, share = radii_sklearn, inside_sklearn
else:
    real, fake = torch.from_numpy(real), torch.from_numpy(fake)
    ball, share = radii, inside
seconds = []
with torch.inference_mode():
    for _ in range(args.repeats):
        start = time.perf_counter()
        precision, recall = share(fake, real, ball(real)), share(real, fake, ball(fake))
        seconds.append(time.perf_counter() - start)
print(json.dumps({"workload": "neighbours", "threads": args.threads, "rows": args.rows,
                  "dim": args.dim, "k": args.k, "how": args.how, "block": args.block,
                  "seconds": statistics.median(seconds), "precision": precision,
                  "recall": recall}))
