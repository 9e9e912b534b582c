#!/usr/bin/env python3
"""Sweeps: what scheduling costs, what a second worker brings, and the same sweep in numpy.

    bench/sweeps.py --build build/release                 everything
    bench/sweeps.py --build build/release --only overhead --rounds 7

overhead   1000 runs of some 5 ms and 200 of some 50 ms: `sweep -j 1` against one process that runs the
           same folders from a list
scaling    `-j 2` against `-j 1`, one thread each: exact models, and small diffusion models
numpy1d    1-D fresh loops against numpy, one process a core: twenty replicates in one array, and a
           seed at a time as published scripts run them
numpy100   four d = 100 fresh loops against the same
map        the three planes of 12 x 12 points of configs/sweeps/fresh-sizes.yaml, seconds (slow: by name)

Both sides of a ratio run in turn, in every round; the table gives the median of the ratios inside rounds
and their range. Runs lie in --folder (default /dev/shm: a disk's own pace is no scheduling).
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

SMALL = """\
name: small
replicates: 10
generations: 20
world: {kind: gauss, dim: 1}
model: {kind: gauss}
loop: {family: fresh, n_initial: 1000, n_real: 1000, n_synthetic: 1000}
bias: {kind: shrink, strength: 0.9}
measure: {metrics: [frechet, trace], moments: model, preview: 0, lineage_ages: 0}
checkpoint: {every: 20}
"""
POINT = SMALL.replace("dim: 1}", "dim: 32}").replace("generations: 20", "generations: 30")
EXACT = SMALL.replace("replicates: 10", "replicates: 40").replace("generations: 20", "generations: 200"
                                                                   ).replace("every: 20", "every: 200")
TRAINED = """\
name: trained
replicates: 1
generations: 3
world: {kind: ring}
model: {kind: diffusion, train.steps: 800, sampler.kind: ddim, sampler.steps: 50}
loop: {family: fresh, n_initial: 2000, n_real: 1000, n_synthetic: 1000}
measure: {n: 1000, metrics: [frechet], preview: 0}
"""
LOOP = """\
name: loop
replicates: %(replicates)d
generations: %(generations)d
world: {kind: gauss, dim: %(dim)d}
model: {kind: gauss, ddof: unbiased}
loop: {family: fresh, n_initial: %(n_real)d, n_real: %(n_real)d, n_synthetic: %(n_real)d}
bias: {kind: shrink, strength: 0.9}
measure: {metrics: [trace], moments: model, preview: 0, lineage_ages: 0}
checkpoint: {every: %(generations)d}
"""


def timed(*words, **keywords):
    start = time.monotonic()
    subprocess.run([str(w) for w in words], check=True, stdout=subprocess.DEVNULL, **keywords)
    return time.monotonic() - start


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)
        self.quiet = ["--progress", "none"]

    def sweep(self, config, grid, *words):
        """Seconds of a whole sweep in a new folder."""
        out = self.folder / "sweep"
        shutil.rmtree(out, ignore_errors=True)
        path = self.folder / "config.yaml"
        path.write_text(config)
        return timed(self.program, "sweep", path, *grid, "-o", out, *self.quiet, *words)

    def list(self, config, grid):
        """Seconds of a process that runs the same folders from a list, their making not counted."""
        out = self.folder / "list"
        shutil.rmtree(out, ignore_errors=True)
        path = self.folder / "config.yaml"
        path.write_text(config)
        lines = subprocess.run([self.program, "sweep", path, *grid, "-o", out, "--list"], check=True,
                               capture_output=True, text=True).stdout
        tasks = self.folder / "tasks"
        tasks.write_text("".join(f"1 0 {line.split()[-1]}\n" for line in lines.splitlines()))
        with open(tasks, encoding="utf-8") as source:
            return timed(self.program, "worker", stdin=source)

    def overhead(self, config, n):
        grid = [f"seed=1-{n}"]
        return self.sweep(config, grid, "-j", "1", "--threads", "1") / self.list(config, grid)

    def scaling(self, config, grid):
        one = self.sweep(config, grid, "-j", "1", "--threads", "1")
        return one / self.sweep(config, grid, "-j", "2", "--threads", "2")

    def numpy(self, dim, n_real, replicates, generations, n_points):
        cores = len(os.sched_getaffinity(0))
        config = LOOP % dict(dim=dim, n_real=n_real, replicates=replicates, generations=generations)
        ours = self.sweep(config, [f"seed=1-{n_points}"])
        peer = [sys.executable, pathlib.Path(__file__).parent / "peers" / "fresh_numpy.py", dim, n_real,
                replicates, generations]
        start = time.monotonic()
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        parts = [subprocess.Popen([str(w) for w in (*peer, i, n_points, cores)], env=env,
                                  stdout=subprocess.DEVNULL) for i in range(cores)]
        assert all(p.wait() == 0 for p in parts)
        return (time.monotonic() - start) / ours


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--only", default="overhead,scaling,numpy1d,numpy100")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default="/dev/shm")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=a.folder) as folder:
        bench = Bench(str(pathlib.Path(a.build).resolve() / "sim/cli/madloop"), folder)
        rows = {
            "overhead": [("1000 runs of 5 ms, sweep -j 1 / list", lambda: bench.overhead(SMALL, 1000)),
                         ("200 runs of 50 ms, sweep -j 1 / list", lambda: bench.overhead(POINT, 200))],
            "scaling": [("24 exact runs, -j 1 / -j 2",
                         lambda: bench.scaling(EXACT, ["seed=1-24"])),
                        ("8 diffusion runs, -j 1 / -j 2",
                         lambda: bench.scaling(TRAINED, ["seed=1-8"]))],
            "numpy1d": [("40 loops, d = 1, n = 100 + 100, 20 replicates, numpy / ours",
                         lambda: bench.numpy(1, 100, 20, 2000, 40)),
                        ("20 loops, d = 1, n = 100 + 100, one replicate, numpy / ours",
                         lambda: bench.numpy(1, 100, 1, 20000, 20))],
            "numpy100": [("4 loops, d = 100, n = 1000 + 1000, 8 replicates, numpy / ours",
                          lambda: bench.numpy(100, 1000, 8, 40, 4))],
            "map": [("432 points of fresh-sizes.yaml, seconds", lambda: bench.sweep(
                (ROOT / "configs/sweeps/fresh-sizes.yaml").read_text(), []))],
        }
        print("| what | median | range |\n|---|---|---|")
        for name in a.only.split(","):
            for title, measure in rows[name]:
                found = [measure() for _ in range(1 if name == "map" else a.rounds)]
                print(f"| {title} | {statistics.median(found):.3g} | {min(found):.3g} to "
                      f"{max(found):.3g}, {len(found)} rounds |", flush=True)


if __name__ == "__main__":
    main()
