"""`madloop decompose`: parts add up, the sampler's part is the closed form, causes that are not there."""
import itertools
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import ROOT, h5py, madloop, np, workspace

EXACT = ROOT / "configs" / "exact.yaml"
SMALL = ["loop.n_initial=200", "loop.n_synthetic=200", "replicates=48", "--progress", "none"]


def parts(folder, config, *arguments):
    text, _ = madloop("decompose", config, *arguments, "-o", folder, "--json")
    return json.loads(text)


def drift(folder, **on):
    """Of ln trace, by replicate, of the run whose configuration has these texts."""
    for path in folder.glob("*/run.h5"):
        run = h5py.File(path)
        config = run.attrs["config"].decode()
        if all(text in config for text in on.values()):
            trace = run["metrics/trace"][()]
            return (np.log(trace[:, -1]) - np.log(trace[:, 0])) / (trace.shape[1] - 1)
    raise AssertionError(on)


def check_sampler(folder):
    for kind in ("ddim", "heun"):
        out = folder / kind
        found = parts(out, EXACT, f"model.sampler.kind={kind}", *SMALL)
        assert list(found["causes"]) == ["sample", "sampler"] and found["replicates"] == 48
        total = sum(c["part"] for c in found["causes"].values()) + found["rest"]["part"]
        assert math.isclose(total, found["whole"]["part"], rel_tol=1e-9, abs_tol=1e-12)
        assert math.isclose(found["sum"]["part"], found["whole"]["part"], rel_tol=1e-9)
        # null law: the part is normal about the closed form; 4 standard errors: false alarm 6e-5 (t, 47 df: 2e-4)
        part = found["causes"]["sampler"]
        error = part["half_interval"] / 2.012
        z = (part["part"] - found["sampler_closed_form"]) / error
        wrong = (part["part"] - 2 * found["sampler_closed_form"]) / error
        assert abs(z) < 4 < abs(wrong), (kind, z, wrong)
        few, many = "n_synthetic: 200\n", "n_synthetic: 3200\n"
        v = {(s, p): drift(out, rows=few if s else many, calibrate="calibrate: no" if p else
                           "calibrate: yes") for s, p in itertools.product((0, 1), repeat=2)}
        shapley = 0.5 * (v[0, 1] - v[0, 0]) + 0.5 * (v[1, 1] - v[1, 0])
        assert math.isclose(shapley.mean(), part["part"], rel_tol=1e-9)
    print("parts add up, and the sampler's is its closed form")


def check_bias(folder):
    config = ROOT / "configs" / "gauss-fresh.yaml"
    found = parts(folder / "bias", config, "replicates=40", "generations=12", "--progress", "none")
    assert list(found["causes"]) == ["sample", "bias"] and found["sampler_closed_form"] is None
    bias = found["causes"]["bias"]
    assert bias["part"] + bias["half_interval"] < 0 < -bias["part"]
    again = parts(folder / "bias", config, "replicates=40", "generations=12", "--progress", "none")
    assert again == found
    text, _ = madloop("decompose", config, "replicates=40", "generations=12", "-o", folder / "bias")
    assert "bias.kind: none" in text and "all of them off" in text
    print("a shrinking bias carries its part; finished runs are kept")


TINY = """
replicates: 3
generations: 3
world: {kind: ring}
model:
  kind: diffusion
  net: {width: 16, depth: 1}
  train: {steps: 40, batch: 32}
  sampler: {kind: heun, steps: 6}
loop: {family: fully_synthetic, n_initial: 60, n_synthetic: 60}
measure: {n: 60, metrics: [trace], preview: 0}
"""


def check_causes(folder):
    """Which causes a trained loop has, and that every combination of them runs."""
    config = folder / "tiny.yaml"
    config.write_text(TINY)
    few = ["--large", 2, "--progress", "none", "-t", 2]
    for name, keys, causes in (
            ("start", ["loop.start=warm(10)"], ["sample", "training", "sampler", "start"]),
            ("guided", ["model.guide.kind=cfg", "model.guide.w=0.5"],
             ["sample", "training", "sampler", "guidance"]),
            ("steps", ["bias.kind=steps", "bias.strength=3"], ["sample", "training", "bias"]),
            ("neon", ["post.kind=neon", "post.n=60", "post.steps=5"], ["sample", "sampler"])):
        found = parts(folder / name, config, *keys, *few)
        assert list(found["causes"]) == causes, (name, found["causes"].keys())
        total = sum(c["part"] for c in found["causes"].values()) + found["rest"]["part"]
        assert math.isclose(total, found["whole"]["part"], rel_tol=1e-9, abs_tol=1e-12), name
    # a budget is a size; a closed form is of ln trace
    cut = parts(folder / "cut", EXACT, *SMALL, "loop.budget=50")
    with h5py.File(next(p for p in (folder / "cut").glob("*/run.h5")
                        if "n_synthetic: 3200" in h5py.File(p).attrs["config"].decode())) as run:
        assert (run["lineage/n_train"][:, 1:] == 800).all(), run["lineage/n_train"][0]
    assert cut["sampler_closed_form"] is not None
    assert parts(folder / "linear", EXACT, *SMALL, "--linear")["sampler_closed_form"] is None
    # more than the sampler changes the variance, or there is more than one
    for k, other in enumerate((["loop.retain=accumulate"], ["loop.age=all"],
                               ["world.kind=grid", "world.side=2"], ["world.dim=2", "world.spectrum=1"])):
        found = parts(folder / f"other{k}", EXACT, *SMALL, *other)
        assert found["sampler_closed_form"] is None, (other, found)
    # interacting loops are one replicate a group
    loops = parts(folder / "loops", EXACT, *SMALL[:2], "replicates=6", "models=3", "cross=all", "--progress", "none")
    assert loops["replicates"] == 6
    print("causes of trained loops; budgets; groups")


def check_refused(folder):
    for words, arguments in (("do not measure 'recall'", ["--measure", "recall"]),
                             ("generations: a drift takes 2 or more", ["generations=1"]),
                             ("replicates: an interval takes 2 or more", ["replicates=1"]),
                             ("only a plain number", ["loop.n_synthetic=linear(50,60)"])):
        _, error = madloop("decompose", EXACT, *SMALL[:3], *arguments, "--progress", "none",
                           "-o", folder / "bad", code=2)
        assert words in error, error
    print("refused: one line each")


with workspace() as name:
    root = pathlib.Path(name)
    check_sampler(root)
    check_bias(root)
    check_causes(root)
    check_refused(root)
