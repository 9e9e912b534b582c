"""`madloop policy`: curves, the least lever and its interval against numpy and scipy from sweep.h5; CSV, JSON, the
paragraph and the figure say the same; what contradicts itself is refused. `plot --map` with several contours.
"""
import csv
import io
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np
import scipy.optimize
import scipy.stats

from harness import ROOT, madloop, workspace

CONFIG = """\
name: share
replicates: 5
generations: 8
world: {kind: gauss, dim: 2}
model: {kind: gauss, ddof: unbiased}
loop: {family: fresh, n_initial: 200, n_real: 20, n_synthetic: 180}
bias: {kind: shrink, strength: 0.8}
measure: {n: 200, metrics: [trace, frechet], preview: 0, lineage_ages: 0}
checkpoint: {every: 8}
"""
GRID = ["loop.n_real=10,40,160,640", "bias.strength=0.7,0.9", "seed=3,4"]
HOLD, N = 0.2, 10


def policy(*words, **keywords):
    return madloop("policy", *words, **keywords)[0]


def pooled(name, strength, group="metrics"):
    """[seed and replicate][n_real][generation] of one curve."""
    with h5py.File("runs/sweep.h5") as f:
        value, n_real = f[f"{group}/{name}"][:], f["loop.n_real"][:]
        keep = f["bias.strength"][:] == strength
        seed = f["seed"][:]
    rows = [np.concatenate([value[keep & (n_real == n) & (seed == s)][0] for s in (3, 4)])
            for n in (10, 40, 160, 640)]
    return np.stack(rows, 1)


def score(x):
    """The mean over its standard error after Hall's transform."""
    n, t = len(x), x.mean() / x.std(ddof=1)
    g = scipy.stats.skew(x)
    return np.sqrt(n) * (t + g * t**2 / 3 + g**2 * t**3 / 27 + g / (6 * n))


def invert(lever, damage, level, confidence=0.95):
    """Estimate, interval and what is shown, by roots of the same tests on a fine grid."""
    fine = np.unique(np.concatenate([np.linspace(a, b, 401) for a, b in zip(lever, lever[1:])]))

    def at(x):
        return np.array([np.interp(x, lever, row) for row in damage]) - level
    two, one = scipy.stats.t.ppf([0.5 + confidence / 2, confidence], len(damage) - 1)
    tests = (lambda x: at(x).mean(), lambda x: score(at(x)) - two, lambda x: score(at(x)) + two,
             lambda x: score(at(x)) + one)
    found = []
    for i, test in enumerate(tests):
        above = np.array([test(x) > 0 for x in fine])
        if not above.any() or above.all():
            found.append(np.inf if above.all() else -np.inf)
            continue
        k = np.argmin(above) if i == 1 else len(above) - np.argmax(above[::-1])
        found.append(-np.inf if k == 0 else np.inf if k == len(fine) else
                     scipy.optimize.brentq(test, fine[k - 1], fine[k], xtol=1e-12))
    return found


def number(x):
    return float("nan") if x is None else float(x)


def check_values():
    said = json.loads(policy("runs", "--hold", HOLD, "--json"))
    assert said["lever"] == said["key"] == "loop.n_real" and said["horizon"] == 8 and said["seeds"] == ["3", "4"]
    lever = np.array([10.0, 40, 160, 640])
    n_crossed = 0
    for curve, strength in zip(sorted(said["curves"], key=lambda c: c["curve"]), (0.7, 0.9)):
        assert curve["curve"] == f"bias.strength={strength}"
        trace = pooled("trace", strength)
        damage = 1 - trace[:, :, 7] / trace[:, :, 0]
        assert len(damage) == N
        half = scipy.stats.t.ppf(0.975, N - 1) * damage.std(0, ddof=1) / np.sqrt(N)
        for k, point in enumerate(curve["points"]):
            got = point["damage"]
            assert point["lever"]["mean"] == lever[k] and got["n"] == N
            np.testing.assert_allclose([got["mean"], got["low"], got["high"]],
                                       damage[:, k].mean() + half[k] * np.array([0, -1, 1]), rtol=1e-9)
            n_train, share = (pooled(name, strength, "lineage") for name in ("n_train", "real_share"))
            np.testing.assert_allclose(point["cost"]["mean"],
                                       (n_train * share)[:, k, 1:].mean(), rtol=1e-12)
        a = curve["answer"]
        want = invert(lever, damage, HOLD)
        np.testing.assert_allclose([number(a[key]) for key in ("lever", "low", "high", "shown_from")], want,
                                   rtol=1e-6)
        n_crossed += a["kind"] == "crossed"
        if a["kind"] == "crossed":
            assert a["low"] == "-inf" or number(a["low"]) <= a["lever"] <= number(a["high"])
            assert f"{a['lever']:.3g}" in curve["paragraph"] and f"n = {N} " in curve["paragraph"]
    assert n_crossed >= 1
    return said


def check_forms(said):
    rows = list(csv.DictReader(io.StringIO(policy("runs", "-d", "loss", "--hold", HOLD, "-f", "csv"))))
    points = [row for row in rows if row["row"] == "point"]
    assert len(points) == 8 and len(rows) == 10
    flat = [point for curve in said["curves"] for point in curve["points"]]
    for row, point in zip(points, flat):
        assert float(row["damage"]) == point["damage"]["mean"] and float(row["cost"]) == point["cost"]["mean"]
    for row, curve in zip((row for row in rows if row["row"] == "level"), said["curves"]):
        assert float(row["lever"]) == number(curve["answer"]["lever"]) and row["kind"] == curve["answer"]["kind"]
    text = policy("runs", "--hold", HOLD, "-o", "out")
    assert text == pathlib.Path("out/policy.txt").read_text()
    for curve in said["curves"]:
        assert curve["paragraph"] in text
    assert os.path.getsize("out/policy.png") > 5000 and os.path.getsize("out/policy.svg") > 3000
    blocks = pathlib.Path("out/policy.tsv").read_text().split("# block ")[1:]
    assert len(blocks) == 3 and len(blocks[0].strip().splitlines()) == 6
    assert float(blocks[0].splitlines()[2].split("\t")[2]) == flat[0]["damage"]["mean"]


def check_questions():
    """A measured lever, named damages, both directions, and the ends of the sweep."""
    said = json.loads(policy("runs", "--lever", "lineage.real_share@last", "--json", "--cost", "loop.n_real * 2"))
    for curve in said["curves"]:
        levers = [point["lever"]["mean"] for point in curve["points"]]
        assert levers == sorted(levers) and 0 < levers[0] < levers[-1] < 1 and curve["answer"] is None
        np.testing.assert_allclose(levers, np.array([10, 40, 160, 640]) / (180 + np.array([10, 40, 160, 640])))
        assert [point["cost"]["mean"] for point in curve["points"]] == [20, 80, 320, 1280]
    lives = json.loads(policy("runs", "-d", "half-life", "--hold", 6, "--json"))
    assert lives["hold"] == "above" and lives["metric"] == "trace"
    for curve, strength in zip(sorted(lives["curves"], key=lambda c: c["curve"]), (0.7, 0.9)):
        trace = pooled("trace", strength)
        below = trace < trace[:, :, :1] / 2
        time = np.where(below.any(2), below.argmax(2) + 1, 8)
        np.testing.assert_allclose([p["damage"]["mean"] for p in curve["points"]], time.mean(0))
        for k, point in enumerate(curve["points"]):  # all are censored at the horizon: an order statistic
            median = np.sort(np.where(below.any(2), time, np.inf)[:, k])[(N - 1) // 2]
            assert number(point["life"]["median"]) == median, (point, median)
            assert point["life"]["law"] in ("exponential", "power", "linear", "plateau")
    far = json.loads(policy("runs", "-d", "distance(frechet)", "--hold", 1e9, "--json"))
    never = json.loads(policy("runs", "-d", "frechet@horizon", "--hold", -1, "--json"))
    assert {c["answer"]["kind"] for c in far["curves"]} == {"always"}
    assert {c["answer"]["kind"] for c in never["curves"]} == {"never"}
    assert all("No swept value" in c["paragraph"] for c in never["curves"])
    # up to which lever does the trace stay at or below a level: the same crossing from the other side
    least = json.loads(policy("runs", "-d", "1 - trace@last/trace@1", "--hold", HOLD, "--json"))
    most = json.loads(policy("runs", "-d", "trace@last/trace@1 - 1", "--hold", -HOLD, "--most", "--json"))
    for a, b in zip(least["curves"], most["curves"]):
        if a["answer"]["kind"] == "crossed":
            np.testing.assert_allclose([number(b["answer"][k]) for k in ("lever", "low", "high")],
                                       [number(a["answer"][k]) for k in ("lever", "low", "high")], rtol=1e-6)
    alone = policy("single", "--hold", 0.2)
    assert "carry no statement" in alone, alone


def check_refused():
    for said, words in (("no lever", ["same"]), ("no lever", ["point"]),
                        ("go with --hold", ["runs", "--most"]),
                        ("contradict", ["runs", "--json", "-f", "csv"]),
                        ("without relation", ["runs", "-d", "trace@last > 1"]),
                        ("shortest run has 8", ["runs", "--horizon", "9"]),
                        ("has no series metrics/nothing", ["runs", "-d", "nothing@last"]),
                        ("not all runs have a measure 'trase' (did you mean 'trace'?)", ["runs", "-d", "loss(trase)"]),
                        ("no value per replicate", ["runs", "-d", "Var(trace@last)"]),
                        ("has one value", ["runs", "-l", "lineage.real_share@1"]),
                        ("no swept key", ["same2"])):
        _, error = madloop("policy", *words, code=2)
        assert said in error, f"{words}: {error}"
    _, error = madloop("policy", "nowhere", code=3)


def check_contours():
    madloop("plot", "runs", "--map", "trace@last", "--contour", "0.5,1,1.5", "-o", "maps")
    blocks = pathlib.Path("maps/map.tsv").read_text().split("# block ")[1:]
    assert [block.splitlines()[0].split(": ")[1] for block in blocks[1:4]] == [
        f"trace@last = {x:g}" for x in (0.5, 1, 1.5)]
    for list_ in ("1,2,3,4,5", "", "1,x", "1,,2"):
        _, error = madloop("plot", "runs", "--map", "trace@last", "--contour", list_, "-o", "maps", code=2)
        assert "expects 1 to 4 numbers" in error, error


def check_scenarios():
    paths = [p for p in sorted((ROOT / "configs/policy").glob("*.yaml")) if "\nsweep:" in p.read_text()]
    assert len(paths) == 3
    for path in paths:
        madloop("sweep", path, "--smoke", "-o", path.stem, "--progress", "none")
        assert "rests on n = " in policy(path.stem, "--hold", 0.1), path


with workspace() as work:
    os.chdir(work)
    pathlib.Path("share.yaml").write_text(CONFIG)
    quiet = ["--progress", "none"]
    madloop("sweep", "share.yaml", *GRID, "-o", "runs", *quiet)
    madloop("sweep", "share.yaml", "loop.n_real=10,80", "replicates=1", "-o", "single", *quiet)
    madloop("sweep", "share.yaml", "loop.n_real=10", "-o", "point", *quiet)
    madloop("sweep", "share.yaml", "seed=1,2", "-o", "same", *quiet)
    madloop("sweep", "share.yaml", "loop.n_real=10,80", "-o", "same2", *quiet)
    madloop("sweep", "share.yaml", "loop.n_real=10,80", "generations=9", "-o", "same2", *quiet)
    check_forms(check_values())
    check_questions()
    check_refused()
    check_contours()
    check_scenarios()
    print("policy: values, forms, questions and refusals hold")
