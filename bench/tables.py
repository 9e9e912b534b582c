"""Tables of what was measured, as aligned text or markdown."""
import statistics


def number(x):
    return f"{x:.3g}" if abs(x) < 1000 else f"{x:,.0f}".replace(",", " ")


def share(x):
    return "" if x is None else f"{100 * x:.0f} %"


def text(head, body):
    widths = [max(len(str(row[i])) for row in [head, *body]) for i in range(len(head))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in [head, *body]) + "\n"


def markdown(head, body):
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def verdict(ratio, must, stretch):
    return "stretch" if ratio >= stretch else "met" if ratio >= must else "MISSED"


def calm(row):
    """Runs note how many pairs others disturbed; ratios are of the calm pairs where they are
    enough, else of all."""
    pairs = [pair for pair in row["pairs"] if not pair["disturbed"]]
    return (pairs, "") if len(pairs) >= row["n_wanted"] else (row["pairs"], "!")


def to_best_run(row, ours):
    """Our median against the fastest run of the peer in any setting, tuning included."""
    seen = [speed for speeds in row["tuning"].values() for speed in speeds]
    seen += [pair["peer_speed"] for pair in row["pairs"]]
    return (1.0 / ours if row["unit"] == "s" else ours) / max(seen)


def ratio_table(rows):
    head = ["workload", "unit", "peer", "its best setting", "madloop", "ratio (range)", "pairs",
            "to its best run", "must", "stretch", "verdict", "peak: peer", "madloop", "calm"]
    body = []
    for row in rows:
        pairs, mark = calm(row)
        ratios = [pair["ratio"] for pair in pairs]
        median = statistics.median(ratios)
        peer, ours = (statistics.median(p[side]["value"] for p in pairs) for side in
                      ("peer", "ours"))
        peaks = [statistics.median(s) if None not in s else None for s in
                 ([p[side]["of_peak"] for p in pairs] for side in ("peer", "ours"))]
        body.append([row["title"], row["unit"], number(peer), row["setting"], number(ours),
                     spread(ratios), len(ratios), f"{to_best_run(row, ours):.2f}", row["must"],
                     row["stretch"],
                     verdict(median, row["must"], row["stretch"]) + mark, *map(share, peaks),
                     f"{sum(not p['disturbed'] for p in row['pairs'])}/{len(row['pairs'])}"])
    return head, body


def thread_table(rows):
    head = ["workload", "threads", "ratio to 1 thread (range)", "pairs", "must", "stretch",
            "verdict", "bare multiply-adds", "calm"]
    body = []
    for row in rows:
        pairs, mark = calm(row)
        ratios = [pair["ratio"] for pair in pairs]
        probes = [pair["many"]["probe"]["fma_gflops_mean"] / pair["one"]["probe"]["fma_gflops_mean"]
                  for pair in pairs]
        body.append([row["title"], row["threads"], spread(ratios), len(ratios), row["must"],
                     row["stretch"],
                     verdict(statistics.median(ratios), row["must"], row["stretch"]) + mark,
                     f"{statistics.median(probes):.2f}",
                     f"{sum(not p['disturbed'] for p in row['pairs'])}/{len(row['pairs'])}"])
    return head, body


def sweep_table(sweep):
    head = [sweep["axis"], sweep["unit"], *sweep["more"], "of peak", "calm"]
    body = []
    for point in sweep["points"]:
        calm_runs = [run for run in point["runs"] if not run["disturbed"]]
        runs = calm_runs or point["runs"]
        middle = [statistics.median(run["figures"][key] for run in runs) for key in sweep["more"]]
        peak = None if runs[0]["of_peak"] is None else statistics.median(
            run["of_peak"] for run in runs)
        body.append([point["at"], number(statistics.median(run["value"] for run in runs)),
                     *map(number, middle), share(peak), f"{len(calm_runs)}/{len(point['runs'])}"])
    return head, body


def report(found, table):
    """Everything measured so far; `table` is text or markdown."""
    title = (lambda t: f"\n## {t}\n\n") if table is markdown else (lambda t: f"\n{t}\n")
    machine = found["machine"]
    out = [f"{machine['cpu']}, {machine['cores']} cores, {machine['vectors']}, "
           f"{machine['memory_gb']} GB; peers: {machine['peers']}; {machine['date']}.\n"]
    if "rates" in found:
        rates = [[r["threads"], number(r["fma_gflops"]), number(r["triad_gb_per_s"]),
                  number(r["fma_gflops"] / r["triad_gb_per_s"])] for r in found["rates"]]
        out += [title("The machine"), table(["threads", "multiply-adds, GF/s", "triad, GB/s",
                                             "flop per byte"], rates)]
    if found["ratios"]:
        out += [title("Against peers"), table(*ratio_table(found["ratios"].values()))]
    if found["threads"]:
        out += [title("Over threads"), table(*thread_table(found["threads"].values()))]
    for sweep in found["sweeps"].values():
        out += [title(sweep["title"]), table(*sweep_table(sweep))]
    return "".join(out)
