#!/usr/bin/env python3
"""Every group of measures that two files can give against its usual implementation in numpy, scipy
or scikit-learn, on the same files.

    bench/measures.py                      all but the slow ones
    bench/measures.py --only prdc,frechet2048 --rounds 5
    bench/measures.py --list

In every round the peer, madloop and madloop on one thread run in turn, each as a process of its own
that reads the files before its clock starts. The table gives medians over the rounds, the ratio
peer / madloop inside rounds with its range, how madloop gains from the threads, the largest
resident sets, and the largest relative difference of the values; a difference above the row's
tolerance ends the program with 1. Left out are classes (a histogram of labels) and the groups that
need a world.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import sys
import tempfile

import tables
from runner import Failed, Runner

PEER = "peer_measures.py"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    group: str             # of madloop
    rows: int
    dim: int
    peer: str              # of peer_measures.py
    usual: str             # what the peer is, in words
    ours: tuple = ()       # further arguments of bench_metrics; {folder} is filled in
    theirs: tuple = ()     # of the peer
    must: float = 0.0      # ratio that the design asks for
    tolerance: float = 1e-9  # of values, relative
    slow: bool = False     # minutes a round: only when asked for by name


TRAIN = ("--train", "{folder}/train.npy")
CENTRES = ("--centres", "{folder}/centres.npy", "--sigma", "1")
# scikit-learn's distances are those of the Gram formula: a row on the edge of a ball may differ.
COUNTS = 1e-3


def neighbours(name, rows, dim, usual, group=None, more=(), tolerance=COUNTS, slow=False):
    group = group or name
    return Row(name, group, rows, dim, group, usual, more, must=5.0, tolerance=tolerance, slow=slow)


def rows_of_table():
    brute = "scikit-learn NearestNeighbors (brute)"
    balls = brute + ", pairwise_distances_chunked"
    return [
        neighbours("prdc", 10000, 128, balls),
        neighbours("prdc784", 10000, 784, balls, "prdc"),
        neighbours("prdc50k", 50000, 128, balls, "prdc", slow=True),
        neighbours("memory", 10000, 128, brute, more=TRAIN),
        neighbours("memory784", 10000, 784, brute, "memory", TRAIN, slow=True),
        neighbours("copying", 10000, 128, brute + ", scipy mannwhitneyu", more=TRAIN),
        neighbours("copying_cells", 10000, 128, brute + ", scipy mannwhitneyu",
                   more=TRAIN + CENTRES),
        neighbours("c2st_knn", 10000, 128, brute),
        neighbours("dimension", 10000, 128, brute, tolerance=1e-6),
        neighbours("entropy", 10000, 128, brute, tolerance=1e-6),
        Row("frechet128", "frechet", 10000, 128, "frechet_sqrtm", "numpy cov, scipy sqrtm"),
        Row("frechet784", "frechet", 10000, 784, "frechet_sqrtm", "numpy cov, scipy sqrtm",
            tolerance=1e-6),
        Row("frechet_rows", "frechet_rows", 10000, 784, "frechet_ddof0", "numpy cov, scipy sqrtm",
            tolerance=1e-6),
        Row("frechet2048", "frechet", 10000, 2048, "frechet_sqrtm", "numpy cov, scipy sqrtm",
            must=1.0, tolerance=1e-6),
        Row("frechet2048-eigh", "frechet", 10000, 2048, "frechet_eigh", "numpy cov, two eigh",
            must=1.0, tolerance=1e-6),
        Row("kid", "kid", 10000, 128, "kid", "scikit-learn polynomial_kernel", tolerance=1e-7),
        Row("kernel", "kernel", 5000, 128, "width", "scipy pdist, numpy median"),
        Row("mmd", "mmd", 5000, 128, "mmd", "scipy pdist, scikit-learn rbf_kernel", tolerance=1e-7),
        Row("energy", "energy", 10000, 128, "energy", "scipy cdist, pdist"),
        Row("vendi_cosine", "vendi_cosine", 10000, 784, "vendi_cosine",
            "numpy eigvalsh of the d x d matrix"),
        Row("vendi_rbf", "vendi_rbf", 2000, 128, "vendi_rbf",
            "scikit-learn rbf_kernel, scipy eigvalsh"),
        Row("sliced", "sliced", 10000, 784, "sliced", "numpy sort of 128 projections",
            ("--directions", "{folder}/directions.npy")),
        Row("axis", "axis", 10000, 784, "axis", "numpy sort of every column"),
        Row("emd", "emd", 2000, 128, "emd", "scipy cdist, linear_sum_assignment"),
        Row("c2st_linear", "c2st_linear", 5000, 128, "c2st_linear",
            "scikit-learn LogisticRegression (lbfgs)", tolerance=1e-4),
        Row("c2st_quadratic", "c2st_quadratic", 5000, 32, "c2st_quadratic",
            "scikit-learn LogisticRegression (lbfgs)", tolerance=1e-4),
        Row("c2st_quadratic-nc", "c2st_quadratic", 5000, 32, "c2st_quadratic",
            "scikit-learn LogisticRegression (newton-cholesky)",
            theirs=("--solver", "newton-cholesky"), tolerance=1e-4),
        Row("fld", "fld", 2000, 128, "fld", "numpy, scipy logsumexp", TRAIN, tolerance=1e-6),
        Row("tails", "tails", 10000, 784, "tails", "scipy cdist (Mahalanobis)"),
        Row("heavy_tails", "heavy_tails", 10000, 784, "heavy_tails", "numpy norm, quantile"),
        Row("moments", "moments", 10000, 784, "moments", "numpy cov, slogdet"),
        Row("shape", "shape", 10000, 784, "shape", "numpy cov, eigvalsh"),
        Row("directions", "directions", 10000, 784, "directions", "numpy cov, eigh",
            tolerance=1e-8),
        Row("modes", "modes", 10000, 128, "modes", "scikit-learn argmin_min", CENTRES),
        Row("bridges", "bridges", 10000, 128, "bridges", "scikit-learn argmin_min", CENTRES),
        Row("power", "power", 10000, 784, "power", "numpy fft2", tolerance=1e-8),
    ]


@dataclasses.dataclass(frozen=True)
class Program:
    words: tuple


def files_of(row, folder):
    suffix = "-pictures" if row.group == "power" else ""
    return tuple(f"{folder}/{side}{suffix}.npy" for side in ("real", "fake"))


def programs(row, folder, repeats):
    real, fake = files_of(row, folder)
    ours = ("bench_metrics", row.group, "--real", real, "--fake", fake, "--threads", "{threads}",
            "--repeats", str(repeats), *(word.format(folder=folder) for word in row.ours))
    peer = (PEER, row.peer, "--folder", str(folder), "--repeats", str(repeats), *row.theirs)
    return Program(ours), Program(peer)


def difference(ours, theirs):
    """Largest relative difference of the values that both have."""
    worst = 0.0
    for name, value in theirs.items():
        mine = float(ours[name]) if ours[name] is not None else float("nan")
        gap = abs(mine - value) / max(abs(value), 1e-3)
        worst = max(worst, gap if gap == gap else float("inf"))
    return worst


def measure(runner, row, folder, args):
    ours, peer = programs(row, folder, args.repeats)
    run = {"peer": [], "ours": [], "one": []}
    for i in range(args.rounds):
        with runner.alone():
            for side, program, threads in (("peer", peer, runner.threads),
                                           ("ours", ours, runner.threads), ("one", ours, 1)):
                words = runner.command(program, threads)
                run[side].append(runner.execute(words, {}, threads))
        print(f"{row.name}: round {i + 1}: peer {run['peer'][i]['seconds']:.4g} s, "
              f"madloop {run['ours'][i]['seconds']:.4g} s, on one thread "
              f"{run['one'][i]['seconds']:.4g} s", file=sys.stderr, flush=True)
    for i in range(args.rounds):
        if run["one"][i]["values"] != run["ours"][i]["values"]:
            raise Failed(f"{row.name}: other values on one thread")
    return {"row": dataclasses.asdict(row), "runs": run, "commands": {
        "peer": " ".join(runner.command(peer, runner.threads)),
        "ours": " ".join(runner.command(ours, runner.threads))},
        "difference": difference(run["ours"][0]["values"], run["peer"][0]["values"])}


def table(found):
    head = ["group", "rows x columns", "usual implementation", "s", "madloop, s", "ratio (range)",
            "must", "rounds", "threads", "peak, MB", "madloop, MB", "difference"]
    body = []
    for f in found:
        row, runs = f["row"], f["runs"]
        seconds = {side: [r["seconds"] for r in runs[side]] for side in runs}
        ratios = [p / o for p, o in zip(seconds["peer"], seconds["ours"])]
        scale = statistics.median(a / b for a, b in zip(seconds["one"], seconds["ours"]))
        peak = {side: max(r["peak_mb"] for r in runs[side]) for side in ("peer", "ours")}
        must = ""
        if row["must"]:
            missed = statistics.median(ratios) < row["must"]
            must = f"{row['must']:g}{', MISSED' if missed else ''}"
        body.append([row["group"], f"{row['rows']} x {row['dim']}", row["usual"],
                     *(tables.number(statistics.median(seconds[side]))
                       for side in ("peer", "ours")),
                     tables.spread(ratios), must, len(ratios), f"{scale:.2f}",
                     f"{peak['peer']:.0f}", f"{peak['ours']:.0f}", f"{f['difference']:.0e}"])
    return head, body


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--python", default="/usr/bin/python3", help="interpreter of the peers")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1,
                        help="inside a process: the median counts")
    parser.add_argument("--only", default="", help="names of rows")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--lock", type=pathlib.Path, help="file that measurements lock in turn")
    parser.add_argument("-o", "--output", type=pathlib.Path,
                        default=pathlib.Path("runs/bench/measures"))
    return parser.parse_args()


def main():
    args = options()
    names = set(filter(None, args.only.split(",")))
    work = [row for row in rows_of_table() if row.name in names or not (names or row.slow)]
    if args.list:
        for row in rows_of_table():
            print(f"{row.name:18} {row.rows} x {row.dim}, {row.usual}")
        return
    runner = Runner(args.build, None, args.python, args.threads, args.lock, 0.1)
    file, found = args.output / "figures.json", {}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    args.output.mkdir(parents=True, exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        for row in work:
            folder = pathlib.Path(scratch) / f"{row.rows}x{row.dim}"
            try:
                if not folder.exists():
                    runner.execute(runner.command(Program((
                        PEER, "rows", "--folder", str(folder), "--rows", str(row.rows), "--dim",
                        str(row.dim))), args.threads), {}, args.threads)
                found[row.name] = measure(runner, row, folder, args)
            except Failed as failure:
                sys.exit(str(failure))
            file.write_text(json.dumps(found, indent=1), encoding="utf-8")
            if not found[row.name]["difference"] <= row.tolerance:
                wrong.append(f"{row.name}: values differ by {found[row.name]['difference']:.1e}")
    machine = runner.describe()
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['vectors']}; {machine['peers']}; "
          f"{args.threads} threads on both sides, {args.rounds} rounds; {machine['date']}.\n")
    in_order = [found[row.name] for row in rows_of_table() if row.name in found]
    (args.output / "table.md").write_text(tables.markdown(*table(in_order)), encoding="utf-8")
    print(tables.text(*table(in_order)), end="")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
