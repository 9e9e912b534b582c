"""`madloop table` against numpy and scipy: every number of every row, in every format."""
import csv
import io
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import ROOT, h5py, madloop, skip, workspace
import numpy as np
from runfixture import FRECHET, RECALL, config, write_run

try:
    from scipy import stats
except ImportError as error:
    skip(f"needs scipy: {error}")


def mean_half(x):
    """Mean and 95 % half-width of what was measured (NaN = not measured)."""
    x = np.asarray(x)[~np.isnan(x)]
    if x.size == 0:
        return np.nan, np.nan
    if x.size == 1 or not np.isfinite(x).all():
        return x.mean(), np.nan
    return x.mean(), stats.t.ppf(0.975, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size)


def half_life(curve):
    """First crossing of half of the first value, linear between generations."""
    kept = [(g + 1, v) for g, v in enumerate(curve) if not np.isnan(v)]
    if not kept or kept[0][0] != 1 or not 0 < kept[0][1] < np.inf:
        return np.nan
    half = kept[0][1] / 2
    for (g0, v0), (g1, v1) in zip(kept, kept[1:]):
        if v1 < half:
            return g0 + (v0 - half) / (v0 - v1) * (g1 - g0)
    return np.nan


def trend(first, last):
    difference = np.asarray(last) - np.asarray(first)
    if np.sum(~np.isnan(difference)) < 2:
        return "-"
    return {-1: "falls", 0: "holds", 1: "rises"}[
        (lambda p: 0 if np.isnan(p.pvalue) or p.pvalue > 0.05 else int(np.sign(p.statistic)))(
            stats.ttest_1samp(difference[~np.isnan(difference)], 0.0))]


def close(got, want, what):
    got = np.nan if got is None or got == "" else float(got)
    assert (np.isnan(got) and np.isnan(want)) or np.isclose(got, want, rtol=1e-9, atol=1e-14), \
        f"{what}: {got}, expected {want}"


rng = np.random.default_rng(11)
R, G = 6, 9
fall = np.exp(-np.arange(G) / 3)[None] * (1 + 0.05 * rng.standard_normal((R, G)))
rise = 0.1 + 0.2 * np.arange(G)[None] + 0.02 * rng.standard_normal((R, G))
flat = 1 + 0.3 * rng.standard_normal((R, G))
holes = fall.copy()
holes[1, :] = np.nan          # a replicate that was never measured
holes[:, 3] = np.nan          # a generation that was not measured
metrics = {"recall": (fall, RECALL), "frechet": (rise, FRECHET), "trace": flat, "holes": holes}
floor = {"recall": 0.9 + 0.01 * rng.standard_normal(R)}
theory = {"recall": np.exp(-np.arange(G) / 3)}

with workspace() as work:
    work = pathlib.Path(work)
    for family in ("fresh", "fully_synthetic"):
        write_run(work / "sweep" / family, config(family), metrics, floor, theory)
    out, _ = madloop("table", work / "sweep", "--json")
    rows = json.loads(out)
    assert len(rows) == 8, len(rows)
    assert {row["run"] for row in rows} == {"fresh", "fully_synthetic"}  # not also real=...
    for row in rows:
        name = row["metric"]
        x = metrics[name][0] if isinstance(metrics[name], tuple) else metrics[name]
        parts = {"first": x[:, 0], "last": x[:, -1], "change": x[:, -1] - x[:, 0],
                 "floor": floor.get(name, [np.nan])}
        for key, values in parts.items():
            mean, half = mean_half(values)
            close(row[key]["mean"], mean, f"{name} {key}")
            close(row[key]["half"], half, f"{name} {key} half")
            close(row[key]["ci_low"], mean - half, f"{name} {key} low")
        close(row["theory"], theory[name][-1] if name in theory else np.nan, f"{name} theory")
        curve = [mean_half(x[:, g])[0] for g in range(G)]
        close(row["half_life"], half_life(curve), f"{name} half-life")
        assert row["trend"] == trend(x[:, 0], x[:, -1]), (name, row["trend"])
        assert row["n_replicates"] == R and row["last_generation"] == G
    found = {row["metric"]: row["trend"] for row in rows}
    assert found == {"recall": "falls", "frechet": "rises", "trace": "holds", "holes": "falls"}

    # the same numbers as CSV; metrics picked and ordered
    out, _ = madloop("table", work / "sweep", "--format", "csv", "--metrics", "trace,recall")
    table = list(csv.DictReader(io.StringIO(out)))
    assert [row["metric"] for row in table] == ["trace", "trace", "recall", "recall"]
    by_name = {(row["run"], row["metric"]): row for row in rows}
    for row in table:
        twin = by_name[row["run"], row["metric"]]
        for key in ("first", "last", "change", "floor"):
            for part, column in (("mean", key), ("half", f"{key}_half")):
                want = twin[key][part]
                close(row[column], np.nan if want is None else want, column)

    # the readable formats: one row a run and metric, cells that hold together
    for form, mark in (("text", None), ("markdown", "|"), ("latex", "&")):
        out, _ = madloop("table", work / "sweep", "-f", form)
        assert "recall" in out and "fully" in out and "falls" in out
        if mark is not None:
            body = [line for line in out.splitlines() if line.count(mark) > 5]
            assert len({line.count(mark) for line in body}) == 1 and len(body) >= 9, form
    assert "fully\\_synthetic" in madloop("table", work / "sweep", "-f", "latex")[0]

    # one replicate, one generation, collapse to -inf, nothing done yet
    log_det = np.array([[0.0, -3.0, -np.inf]])
    write_run(work / "one", config(), {"log_det": log_det, "recall": np.ones((1, 3))})
    rows = json.loads(madloop("table", work / "one", "--json")[0])
    row = next(r for r in rows if r["metric"] == "log_det")
    assert row["last"]["mean"] == "-inf" and row["last"]["half"] is None and row["trend"] == "-"
    write_run(work / "none", config(), {"recall": np.full((2, 3), np.nan)}, n_done=0)
    row = json.loads(madloop("table", work / "none", "--json")[0])[0]
    assert row["last_generation"] == 0 and row["first"]["mean"] is None

    # what models report of their fits: rows of their own, without the companions of a measure
    write_run(work / "reports", config(), metrics, floor, theory,
              model={"recall": (rise, {"units": "1"})})
    rows = json.loads(madloop("table", work / "reports", "--json")[0])
    assert [row["metric"] for row in rows][-1] == "model/recall" and len(rows) == 5
    assert rows[-1]["floor"]["mean"] is None and rows[-1]["theory"] is None
    close(rows[-1]["last"]["mean"], rise[:, -1].mean(), "a report")
    rows = json.loads(madloop("table", work / "reports", "-m", "model/recall", "--json")[0])
    assert len(rows) == 1 and rows[0]["trend"] == "rises"

    # several folders at once: labels tell runs with equal configurations apart
    rows = json.loads(madloop("table", work / "one", work / "none", "--json")[0])
    assert len({row["run"] for row in rows}) == 2

    # interacting loops are one replicate a group, and no closed form of a single loop holds of them
    madloop("run", ROOT / "configs" / "gauss.yaml", "models=3", "cross=all", "shared_real=yes",
            "replicates=6", "generations=4", "-o", work / "loops")
    row = next(r for r in json.loads(madloop("table", work / "loops", "--json")[0])
               if r["metric"] == "trace")
    with h5py.File(work / "loops" / "run.h5") as run:
        last = run["metrics/trace"][:, -1].reshape(6, 3).mean(1)
        assert "theory" not in run or not run["theory"], list(run["theory"])
    close(row["last"]["mean"], last.mean(), "the mean of groups")
    close(row["last"]["half"], stats.t.ppf(0.975, 5) * last.std(ddof=1) / 6**0.5, "its interval")

    # bad input
    _, err = madloop("table", work / "nowhere", code=3)
    assert "nowhere" in err, err
    (work / "empty").mkdir()
    _, err = madloop("table", work / "empty", code=3)
    assert "run.h5" in err, err
    (work / "broken").mkdir()
    (work / "broken" / "run.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    madloop("table", work / "broken", code=3)
    _, err = madloop("table", work / "sweep", "--metrics", "recal", code=2)
    assert "did you mean 'recall'" in err, err
    _, err = madloop("table", work / "sweep", "--format", "html", code=2)
    assert "text|markdown|latex|csv" in err, err
    madloop("table", code=2)
    assert "Usage: madloop table" in madloop("table", "--help")[0]
    print("table: every number equals numpy's and scipy's")
