"""What the words of a configuration do, seen from outside: floors, warm starts, bias, limits.

Null laws and limits stand beside each check; |z| < 4.89 is a false alarm of 1e-6.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

import loops
from harness import madloop, workspace

GAUSS = """
world: {kind: gauss, dim: 4, spectrum: 0}
model: {kind: gauss, ddof: unbiased}
loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100}
measure: {n: 500, moments: samples, metrics: [frechet, recall]}
"""
WORDS = """
world: {kind: zipf, categories: 5}
model: {kind: categorical}
loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100}
bias: {kind: temperature, strength: [1, 0.5]}
measure: {n: 500, moments: model, metrics: [heterozygosity]}
replicates: 3
generations: 3
checkpoint: {every: 1}
"""
DIFFUSION = loops.DIFFUSION + """
loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100}
"""


def run(work, name, text, *overrides, code=0):
    config = work / "meaning.yaml"
    config.write_text(text)
    madloop("run", config, *overrides, "-o", work / name, "--progress", "none", code=code)
    return h5py.File(work / name / "run.h5")


def check_floor(work):
    """Two disjoint real sets: E frechet = d(d+5)/4 (1/n + 1/m) + O(n^-2), here 0.036."""
    with run(work, "floor", GAUSS, "replicates=200", "generations=1") as f:
        floor, recall = f["floor/frechet"][:], f["floor/recall"][:]
        assert f["floor/recall"].attrs["k"] == 5 and f["metrics/recall"].attrs["k"] == 5
    expected = 4 * 9 / 4 * (2 / 500)
    z = (floor.mean() - expected) / (floor.std(ddof=1) / np.sqrt(len(floor)))
    assert abs(z) < 4.89, z
    assert 0.8 < recall.mean() < 0.999, "a set against itself would give 1"
    print(f"floor: frechet {floor.mean():.4f}, expected {expected:.4f}, z {z:.2f}")


def check_warm(work):
    """warm(N) makes N optimiser steps from generation 2 on, scratch as many as train.steps."""
    seen = {}
    for start in ("scratch", "warm(1)", "warm(25)"):
        with run(work, start, DIFFUSION, "generations=3", f"loop.start={start}") as f:
            seen[start] = (f["cost/samples_seen"][0], f["metrics/sliced_w2"][0])
    batch = 64
    for start, steps in (("scratch", 60), ("warm(1)", 1), ("warm(25)", 25)):
        assert list(seen[start][0]) == [60 * batch, steps * batch, steps * batch], seen[start]
    assert seen["warm(1)"][1][0] == seen["scratch"][1][0], "generation 1 is always from scratch"
    assert seen["warm(1)"][1][1] != seen["warm(25)"][1][1]
    print("warm starts make the steps they are told")


def check_first_generation(work):
    """No bias touches generation 1; its first effect is a factor lam in generation 2."""
    curves = {}
    for strength in ("1", "0.5"):
        with run(work, f"bias{strength}", GAUSS, "replicates=50", "generations=3",
                 "measure.metrics=trace", "measure.moments=model",
                 "bias.kind=shrink", f"bias.strength={strength}") as f:
            curves[strength] = f["metrics/trace"][:]
    assert np.array_equal(curves["1"][:, 0], curves["0.5"][:, 0])
    assert np.allclose(curves["0.5"][:, 1] / curves["1"][:, 1], 0.5)
    assert np.allclose(curves["0.5"][:, 2] / curves["1"][:, 2], 0.25)
    print("bias acts from generation 2 on: factors 1, 0.5, 0.25")


def check_sweep_limit(work):
    """--max-hours ends a sweep, not each of its runs."""
    config = work / "meaning.yaml"
    config.write_text(GAUSS)
    madloop("sweep", config, "seed=1-40", "generations=200", "replicates=50", "--max-hours",
            "0.00005", "-o", work / "limited", "--progress", "none", code=130)
    done = [path for path in (work / "limited").glob("*/run.h5")]
    assert len(done) < 40, "every point ran"
    print(f"--max-hours: {len(done)} of 40 points were started")


def check_schedules(work):
    """A list is read in generations 2, 3, ...: of what is done to rows, in the one that trains on them."""
    keys = ["replicates=3", "generations=4", "loop.family=fresh", "loop.n_real=100", "measure.n=100"]
    with run(work, "bias", GAUSS, *keys, "bias.kind=shrink", "bias.strength=[0.9,0.5,0.7]") as f:
        assert (f["bias/strength"][:, 1:] == [0.9, 0.5, 0.7]).all(), f["bias/strength"][:]
        assert np.allclose(f["bias/lam_eff"][:, 1:], [0.9, 0.5, 0.7], atol=0.2)
    with run(work, "detector", GAUSS, *keys, "channel.kind=detector", "channel.tpr=[0,1,0]") as f:
        assert (f["channel/tpr"][:, 1:] == [0, 1, 0]).all(), f["channel/tpr"][:]
    with run(work, "correct", GAUSS, *keys, "correct.kind=statistics", "correct.gamma=[0,1,0]") as f:
        moved = f["correct/moved"][:, 1:]
        assert (moved[:, [0, 2]] == 0).all() and (moved[:, 1] > 0).all(), moved
    for share in ("topfrac", "random"):  # equal budgets, whatever the share
        with run(work, share, GAUSS, *keys, f"select.kind={share}", "select.share=0.37") as f:
            assert (f["select/n_drawn"][:, 1:] == 271).all(), f["select/n_drawn"][:]
    with run(work, "verifier", GAUSS, *keys, "select.kind=verifier", "select.phi=[1,1,0.5]",
             "select.psi=[1,0,0.5]") as f:
        kept = f["select/good_kept"][:, 1:]
        assert (kept[:, 1] == 1).all() and (kept[:, [0, 2]] < 1).all(), kept


def check_biased_law(work):
    """Of categories it measures the exact law, p^(1/tau) / Z with the tau of the generation that trains."""
    name = "metrics/heterozygosity"
    with run(work, "words", WORDS) as own, run(work, "cold", WORDS, "measure.bias=yes") as cold:
        assert (own[name][:, 0] == cold[name][:, 0]).all(), "tau 1"
        for g in (2, 3):
            with h5py.File(work / "words" / f"gen-{g:04}.h5") as stored:
                p = stored[f"model/{g:04}/p"][:] ** 2
            p /= p.sum(axis=1, keepdims=True)
            assert np.allclose(cold[name][:, g - 1], 1 - (p**2).sum(axis=1), rtol=1e-12)
        assert name.replace("metrics", "theory") not in cold


def check_biased_rows(work):
    """measure.bias: yes measures what the loop hands on; the trajectory stays."""
    keys = ["replicates=20", "generations=3", "bias.kind=shrink", "bias.strength=0.5",
            "measure.metrics=[trace]"]
    with run(work, "own", GAUSS, *keys) as own, run(work, "handed", GAUSS, *keys, "measure.bias=yes") as handed:
        ratio = handed["metrics/trace"][:] / own["metrics/trace"][:]
        assert np.allclose(ratio, 0.5, rtol=1e-12), ratio  # the same numbers, shrunk
        assert (own["bias/lam_eff"][:, 1:] == handed["bias/lam_eff"][:, 1:]).all()
    print("schedules are read in the generation that trains; measured with the bias")
    for words, key in (("there is none (bias.kind)", []), ("measure.moments", [*keys[2:4], "measure.moments=model"])):
        config = work / "meaning.yaml"
        _, message = madloop("run", config, *key, "measure.bias=yes", "-o", work / "no", code=2)
        assert "measure.bias is yes" in message and words in message, message


with workspace() as folder:
    folder = pathlib.Path(folder)
    check_floor(folder)
    check_warm(folder)
    check_first_generation(folder)
    check_sweep_limit(folder)
    check_schedules(folder)
    check_biased_rows(folder)
    check_biased_law(folder)
