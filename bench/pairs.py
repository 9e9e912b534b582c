#!/usr/bin/env python3
"""Ratios of two programs that each print one JSON object, run in turn: A B A B ...

Runs minutes apart on a shared machine differ by far more than the programs do; only the ratio
inside a pair means something. Prints the median and the range of the per-pair ratios A / B.
"""
import argparse
import json
import shlex
import statistics
import subprocess
import sys


def run(command):
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"'{command}' ended with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--a", required=True, help="command of the numerator")
    parser.add_argument("--b", required=True, help="command of the denominator")
    parser.add_argument("--key", action="append", required=True, help="figure to compare")
    parser.add_argument("--beside", default="fma_probe_gflops", help="figure of A printed along")
    parser.add_argument("--pairs", type=int, default=5)
    args = parser.parse_args()
    rows = []
    for i in range(args.pairs):
        a, b = run(args.a), run(args.b)
        rows.append((a, b))
        figures = "  ".join(f"{k} {a[k]:.4g} / {b[k]:.4g} = {a[k] / b[k]:.2f}" for k in args.key)
        print(f"pair {i + 1}: {figures}  [{args.beside} {a.get(args.beside, float('nan')):.4g}]",
              flush=True)
    for key in args.key:
        ratios = sorted(a[key] / b[key] for a, b in rows)
        print(f"{key}: median {statistics.median(ratios):.2f}, "
              f"range {ratios[0]:.2f} to {ratios[-1]:.2f} over {len(ratios)} pairs")


if __name__ == "__main__":
    main()
