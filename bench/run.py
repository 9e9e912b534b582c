#!/usr/bin/env python3
"""madloop's benches and the same work in other people's libraries, run in turn: A B A B ...

    bench/run.py --peers FOLDER            everything
    bench/run.py --peers FOLDER --only unet28,mlp256 --pairs 7
    bench/run.py --parts machine,threads,sweeps

Runs minutes apart on a shared machine differ by far more than the programs do; only the ratio
inside a pair means something. Each peer is tuned first (the fastest of its settings counts), a
probe of bare multiply-adds runs before every program, and pairs during which something else used
the cores are repeated. All raw figures and the tables are left in the folder of -o; measuring some
rows again replaces those and keeps the others.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys

import tables
import workloads
from runner import Failed, Runner

PARTS = ("machine", "ratios", "threads", "sweeps")


def say(message):
    print(message, file=sys.stderr, flush=True)


def of_peak(run, gflops):
    """Share of the multiply-add peak that our bench, or the probe before a peer, has seen."""
    if gflops is None:
        return None
    return gflops / max(run["figures"].get("fma_probe_gflops", 0.0), run["probe"]["fma_gflops"])


def speed(row, run):
    return 1.0 / run["value"] if row.unit == "s" else run["value"]


def tune(runner, row, rounds):
    """The variant of the peer with the fastest run of several in turn, and all that was seen."""
    if len(row.peers) == 1:
        return row.peers[0], {}
    seen = {peer.label: [] for peer in row.peers}
    for i in range(rounds):
        for peer in row.peers:
            run = runner.run(peer)
            seen[peer.label].append(speed(row, run))
            say(f"  {row.name}: round {i + 1}, {peer.label}: {run['value']:.4g} {row.unit}")
    best = max(row.peers, key=lambda peer: max(seen[peer.label]))
    return best, seen


def measure_pair(runner, row, peer):
    pair = {}
    for side, program, gflops in (("peer", peer, row.peer_gflops),
                                  ("ours", row.ours, row.our_gflops)):
        run = runner.run(program)
        run["of_peak"] = of_peak(run, run["figures"].get(gflops))
        pair[side] = run
    pair["peer_speed"] = speed(row, pair["peer"])
    pair["ratio"] = speed(row, pair["ours"]) / pair["peer_speed"]
    return pair


def repeat(runner, n_pairs, n_spare, pair_of, sides):
    """n_pairs calm pairs, or n_pairs + n_spare of any kind."""
    pairs = []
    while (sum(not pair["disturbed"] for pair in pairs) < n_pairs and
           len(pairs) < n_pairs + n_spare):
        with runner.alone():
            pair = pair_of()
        pair["disturbed"] = any(runner.disturbed(pair[side]) for side in sides)
        pairs.append(pair)
        say(f"  pair {len(pairs)}: " +
            " / ".join(f"{pair[side]['value']:.4g}" for side in reversed(sides)) +
            f", ratio {pair['ratio']:.2f}{' (disturbed)' if pair['disturbed'] else ''}")
    return pairs


def measure_row(runner, row, args, known):
    say(f"{row.name}: {row.title}")
    by_label = {peer.label: peer for peer in row.peers}
    if known and known["setting"] in by_label and not args.tune:
        best, seen = by_label[known["setting"]], known["tuning"]
    else:
        best, seen = tune(runner, row, args.rounds)
    pairs = repeat(runner, args.pairs, args.spare, lambda: measure_pair(runner, row, best),
                   ("peer", "ours"))
    return {"title": row.title, "unit": row.unit, "must": row.must, "stretch": row.stretch,
            "setting": best.label, "tuning": seen, "n_wanted": args.pairs, "pairs": pairs}


def measure_threads(runner, scaling, args):
    say(f"{scaling.name} on 1 and {runner.threads} threads")
    sign = -1.0 if scaling.program.figure == "seconds" else 1.0

    def pair_of():
        one, many = runner.run(scaling.program, 1), runner.run(scaling.program)
        return {"one": one, "many": many, "ratio": (many["value"] / one["value"]) ** sign}

    # The targets are for two threads; more share them in proportion.
    share = runner.threads / 2
    return {"title": scaling.title, "threads": runner.threads, "n_wanted": args.pairs,
            "must": workloads.MUST_SCALE * share, "stretch": workloads.STRETCH_SCALE * share,
            "pairs": repeat(runner, args.pairs, args.spare, pair_of, ("one", "many"))}


def measure_sweep(runner, sweep, args):
    say(f"{sweep.name}: {sweep.title}")
    points = [{"at": value, "runs": []} for value in sweep.values]
    for _ in range(max(1, args.pairs // 2)):
        for point in points:
            run = runner.run(sweep.program(point["at"]))
            gflops = next((run["figures"][key] for key in sweep.more if "gflops" in key), None)
            run["of_peak"], run["disturbed"] = of_peak(run, gflops), runner.disturbed(run)
            point["runs"].append(run)
    say("  " + ", ".join(f"{p['at']}: {statistics.median(r['value'] for r in p['runs']):.4g}"
                         for p in points))
    return {"title": sweep.title, "axis": sweep.axis, "unit": sweep.unit, "more": sweep.more,
            "points": points}


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=os.environ.get("MADLOOP_PEERS"),
                        help="folder of the peers' scripts (default: $MADLOOP_PEERS)")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--python", default="/usr/bin/python3", help="interpreter of the peers")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--only", default="", help="names of rows, sweeps and scalings")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--spare", type=int, default=5, help="pairs more when some are disturbed")
    parser.add_argument("--rounds", type=int, default=2, help="turns of the tuning")
    parser.add_argument("--tune", action="store_true", help="tune again what has been tuned")
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    parser.add_argument("--foreign", type=float, default=0.1,
                        help="cores that others may use before a run counts as disturbed")
    parser.add_argument("--lock", type=pathlib.Path, help="file that measurements lock in turn")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("runs/bench"))
    return parser.parse_args()


def work_of(args):
    """[(part, name, function of what was known -> result)] as asked for."""
    names = set(filter(None, args.only.split(",")))
    found = []
    for part, items, measure in (
            ("ratios", workloads.rows(args.quick),
             lambda runner, item, known: measure_row(runner, item, args, known)),
            ("threads", workloads.scalings(args.quick),
             lambda runner, item, known: measure_threads(runner, item, args)),
            ("sweeps", workloads.sweeps(args.quick),
             lambda runner, item, known: measure_sweep(runner, item, args))):
        if part in args.parts.split(","):
            found += [(part, item, measure) for item in items
                      if item.name in names or not (names or getattr(item, "slow", False))]
    return found


def main():
    args = options()
    work = work_of(args)
    if args.list:
        for part, item, _ in work:
            print(f"{part:8} {item.name:18} {item.title}")
        return
    runner = Runner(args.build, args.peers, args.python, args.threads, args.lock, args.foreign)
    file = args.output / "figures.json"
    found = {"ratios": {}, "threads": {}, "sweeps": {}}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    args.output.mkdir(parents=True, exist_ok=True)
    found["machine"] = runner.describe()
    if "machine" in args.parts:
        found["rates"] = [runner.machine_rates(n) for n in sorted({1, args.threads})]
    for part, item, measure in work:
        try:
            found[part][item.name] = measure(runner, item, found[part].get(item.name))
        except Failed as failure:
            sys.exit(str(failure))
        file.write_text(json.dumps(found, indent=1), encoding="utf-8")
    (args.output / "tables.md").write_text(tables.report(found, tables.markdown), encoding="utf-8")
    print(tables.report(found, tables.text), end="")


if __name__ == "__main__":
    main()
