"""`madloop map` finds the boundary that the full grid has, in a quarter of its runs, where the closed form
puts it; `plot --map` draws the full grid; both refuse what is no map.
"""
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np
import scipy.stats

from harness import MADLOOP, madloop, workspace

CONFIG = """\
name: plane
replicates: 16
generations: 30
world: {kind: gauss, dim: 24}
model: {kind: gauss, ddof: unbiased}
loop: {family: fresh, n_initial: 500, n_real: 500, n_synthetic: 500}
bias: {kind: shrink, strength: 1}
measure: {metrics: [frechet], moments: model, preview: 0, lineage_ages: 0}
checkpoint: {every: 30}
"""
X = "bias.strength=range(0.4,0.95,0.034375)"
Y = "loop.n_synthetic=logint(20,6000,16)"
RULE = "mean(frechet, 15, last) < theory.frechet@1"
QUIET = ["--progress", "none"]
ALPHA, LOOKS = 0.05, 3


def trace(*words, **keywords):
    out, _ = madloop("map", "plane.yaml", f"x={X}", f"y={Y}", "-b", RULE, "-o", "map", *QUIET, "--json",
                     *words, **keywords)
    return json.loads(out)


def full_grid():
    """Of every point: -1 inside, 1 outside, 0 undecided, by the rule's test on its first look."""
    madloop("sweep", "plane.yaml", X, Y, "-o", "grid", *QUIET)
    with h5py.File("grid/sweep.h5") as f:
        level = f["metrics/frechet"][:, :, 14:].mean(2)
        bound = f["theory/frechet"][:, 0]
        x, y = f["bias.strength"][:], f["loop.n_synthetic"][:]
    shape = (len(set(x)), len(set(y)))
    n = level.shape[1]
    z = (level.mean(1) - bound) / (level.std(1, ddof=1) / np.sqrt(n))
    limit = scipy.stats.t.ppf(1 - ALPHA / LOOKS / 2, n - 1)
    return (np.where(np.abs(z) > limit, np.sign(z), 0).reshape(shape), x.reshape(shape)[:, 0],
            y.reshape(shape)[0])


def check_boundary():
    state, x, y = full_grid()
    found = trace()
    assert found["grid"] == state.size == 272 and len(found["boundary"]) == len(x)
    n_decided = 0
    for i, ray in enumerate(found["boundary"]):
        assert ray["consistent"] and np.isclose(float(ray["x"]), x[i])
        # what the full grid has decided is not contradicted: inside below, outside above
        inside, outside = y[state[i] < 0], y[state[i] > 0]
        low, high = ray["from"] or 0, ray["to"] or np.inf
        assert inside.max(initial=0) < high and outside.min(initial=np.inf) > low, (ray, inside)
        assert low <= ray["crossing"] <= high
        n_decided += np.searchsorted(y, high) - np.searchsorted(y, low)
        assert abs(np.log(ray["crossing"] / ray["closed_form"])) < 0.1, ray
    assert found["runs"] <= 0.25 * found["grid"], found["runs"]
    looks = [cell["runs"] for cell in found["cells"]]
    assert sum(looks) == found["runs"] and len(looks) == found["points"] and max(looks) <= LOOKS
    for cell in found["cells"]:
        i, k = np.argmin(abs(x - float(cell["x"]))), list(y).index(float(cell["y"]))
        if cell["runs"] == 1:  # the same run, the same test
            assert {"holds": -1, "fails": 1, "open": 0}[cell["state"]] == state[i, k], cell
    print(f"{found['runs']} runs at {found['points']} of {found['grid']} points; brackets of "
          f"{n_decided / len(x):.2f} steps on average")
    # again: nothing is run twice, and nothing changes
    before = sorted(os.listdir("map"))
    assert trace("-j", "1") == found and sorted(os.listdir("map")) == before
    for name in ("map.svg", "map.gp", "map.tsv"):
        assert os.path.getsize(f"map/figures/{name}") > 500


def check_directions():
    """The same boundary with the sides, and the axis it is traced along, the other way round."""
    usual = trace()
    out, _ = madloop("map", "plane.yaml", f"x={X}", f"y={Y}", "-b",
                     "theory.frechet@1 > mean(frechet, 15, last)", "-o", "map", *QUIET, "--json")
    other = json.loads(out)
    assert [r["from"] for r in other["boundary"]] == [r["from"] for r in usual["boundary"]]
    # along the bias: holds at the upper end
    out, _ = madloop("map", "plane.yaml", f"x={Y}", f"y={X}", "-b", RULE, "-o", "turned", *QUIET,
                     "--json")
    turned = json.loads(out)
    n_s = np.array([float(r["x"]) for r in turned["boundary"] if r["crossing"]])
    lam = np.array([r["crossing"] for r in turned["boundary"] if r["crossing"]])
    assert len(lam) >= 8 and np.all(np.diff(lam) > -0.03)
    at = np.interp(np.log(n_s), np.log([r["crossing"] for r in usual["boundary"]]),
                   [float(r["x"]) for r in usual["boundary"]])
    inner = (at > 0.45) & (at < 0.9)
    assert np.abs(at - lam)[inner].max() < 0.02, np.abs(at - lam)[inner]


def check_nothing_to_find():
    """A criterion that holds everywhere has no boundary; one that only noise decides stays open."""
    out, _ = madloop("map", "plane.yaml", "x=bias.strength=0.8,0.9", "y=loop.n_synthetic=50,100,200",
                     "-b", "frechet@last < 1e9", "-o", "all", *QUIET, "--json", "replicates=4")
    assert all(r["crossing"] is None and None in (r["from"], r["to"])
               for r in json.loads(out)["boundary"])
    text, _ = madloop("map", "plane.yaml", "x=bias.strength=0.8,0.9", "y=loop.n_synthetic=50,100,200",
                      "-b", "frechet@1 < theory.frechet@1", "-o", "noise", *QUIET, "replicates=4")
    assert "full grid" in text


def check_failures():
    """Points whose runs fail stay open, are named, and make the exit code 1."""
    out, said = madloop("map", "plane.yaml", "x=bias.strength=0.8,0.9", "y=loop.n_synthetic=50,100,200",
                        "-b", "frechet@last < 1", "-o", "failing", *QUIET, "--json", "replicates=2",
                        "select.kind=verifier", "select.psi=0", "select.threshold=100", code=1)
    found = json.loads(out)
    assert all(cell["state"] == "open" for cell in found["cells"]) and "runs failed" in said, said


def check_figures():
    out, _ = madloop("plot", "grid", "--map", "frechet@1 / mean(frechet, 15, last)", "--contour", "1",
                     "-f", "svg,png")
    assert len(out.splitlines()) == 2 and os.path.getsize("grid/figures/map.png") > 5000
    blocks = pathlib.Path("grid/figures/map.tsv").read_text().split("# block ")
    assert "closed form" in blocks[3] and len(blocks[1].splitlines()) >= 272
    madloop("sweep", "plane.yaml", "bias.strength=0.8,0.9", "loop.n_synthetic=50,100", "seed=1,2",
            "loop.n_real=400,500", "replicates=2", "generations=3", "-o", "cube", *QUIET)
    out, _ = madloop("plot", "cube", "--map", "frechet@last", "--x", "loop.n_synthetic", "--y",
                     "loop.n_real")
    assert [pathlib.Path(line).name for line in out.splitlines()] == ["map-1.svg", "map-2.svg"]
    rows = [line.split("\t") for line in
            pathlib.Path("cube/figures/map-1.tsv").read_text().splitlines() if line[:1].isdigit()]
    with h5py.File("cube/sweep.h5") as f:
        pick = ((f["bias.strength"][:] == 0.8) & (f["loop.n_synthetic"][:] == 100) &
                (f["loop.n_real"][:] == 400))
        assert pick.sum() == 2  # two seeds in one cell
        mean = f["metrics/frechet"][:][pick, :, 2].mean()
    assert np.isclose(float(rows[2][2]), mean) and rows[2][:2] == ["1", "0"]


def check_bad_input():
    grid = ["x=bias.strength=0.5,0.6", "y=loop.n_synthetic=10,20"]
    for said, words in (
            ("expected --boundary", grid),
            ("expected x=KEY=VALUES and y=KEY=VALUES", [grid[0], "-b", "frechet@last < 1"]),
            ("'fixed' is no number", [grid[0], "y=loop.real=fixed,fresh", "-b", "frechet@last < 1"]),
            ("values must ascend", [grid[0], "y=loop.n_synthetic=20,10", "-b", "frechet@last < 1"]),
            ("at least two values", [grid[0], "y=loop.n_synthetic=20", "-b", "frechet@last < 1"]),
            ("the same key", [grid[0], grid[0].replace("x=", "y="), "-b", "frechet@last < 1"]),
            ("unknown key 'loop.n_sintetic'", [grid[0], "y=loop.n_sintetic=1,2", "-b",
                                               "frechet@last < 1"]),
            ("expected an expression, < or >", [*grid, "-b", "frechet@last = 1"]),
            ("recall", [*grid, "-b", "recall@last < 1"]),
            ("seeds of their own", [grid[0], "y=seed=1-3", "-b", "frechet@last < 1"]),
            ("at least 2 replicates", [*grid, "-b", "frechet@last < 1", "replicates=1"])):
        _, message = madloop("map", "plane.yaml", *words, "-o", "bad", code=2)
        assert said in message and message.count("\n") == 1, (words, message)
    assert not os.path.exists("bad")
    for said, words in (("expected an expression without relation", ["--map", "frechet@1 < 2"]),
                        ("the same key", ["--map", "frechet@1", "--x", "bias.strength", "--y",
                                           "bias.strength"]),
                        ("has one value in all runs", ["--map", "frechet@1", "--x", "loop.n_real"]),
                        ("no numbers", ["--map", "frechet@1", "--x", "loop.real"]),
                        ("belong to --map", ["--contour", "1"])):
        assert said in madloop("plot", "grid", *words, code=2)[1], said
    assert "no value" in madloop("plot", "grid", "--map", "log(0 - frechet@last)", code=3)[1]
    assert "two keys" in madloop("plot", sorted(pathlib.Path("grid").glob("plane-*"))[0], "--map",
                                 "frechet@1", code=2)[1]


with workspace() as work:
    os.chdir(work)
    pathlib.Path("plane.yaml").write_text(CONFIG)
    for check in (check_boundary, check_directions, check_nothing_to_find, check_failures,
                  check_figures,
                  check_bad_input):
        start = time.monotonic()
        check()
        print(f"{check.__name__}: {time.monotonic() - start:.1f} s", flush=True)
