"""Models of generation 1 that runs share: same bits with and without, found again by all that a fit hangs on."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
from harness import assert_same, madloop, workspace

CONFIG = """
seed: 3
replicates: 2
generations: 2
world: {kind: gauss, dim: 2}
model:
  kind: diffusion
  net: {width: 32, depth: 2}
  train: {steps: 60, batch: 64}
  schedule: {steps: 50}
loop: {family: fully_synthetic, n_initial: 200, n_synthetic: 200}
measure: {n: 200, metrics: [trace, mean_error_sq], preview: 0}
"""


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


with workspace() as work:
    work = pathlib.Path(work)
    config, cache = work / "config.yaml", work / "cache"
    config.write_text(CONFIG)
    kept = ["--model-cache", cache]

    def run(name, *arguments):
        madloop("run", config, "-o", work / name, *arguments)
        return work / name

    plain = run("plain")
    assert_same(plain, run("first", *kept), "while models are kept")
    found = entries(cache)
    assert len(found) == 2, found
    for name, keys in {"second": [], "five": ["-t", 5]}.items():
        assert_same(plain, run(name, *kept, *keys), "with kept models")
    with h5py.File(plain / "run.h5") as a, h5py.File(work / "second" / "run.h5") as b:
        for series in ("flops", "samples_seen"):  # what training cost, not what loading did
            assert (a[f"cost/{series}"][()] == b[f"cost/{series}"][()]).all(), series
    assert entries(cache) == found
    # a bias, a budget and a longer run do not touch the fit of generation 1
    for name, keys in {"biased": ["bias.kind=truncation", "bias.strength=0.8"],
                       "longer": ["generations=3"], "other-measure": ["measure.metrics=[trace]"]}.items():
        assert_same(run(name + "-plain", *keys), run(name, *kept, *keys), name)
        assert entries(cache) == found, name
    # what bias and post ask of a fit is another fit, whichever comes first
    asked = {"worse": ["bias.kind=autoguidance", "bias.strength=0.5"],
             "scores": ["post.kind=sims", "post.w=0.5", "post.n=100", "post.steps=10"],
             "weights": ["post.kind=neon", "post.w=0.5", "post.n=100", "post.steps=10"]}
    for name, keys in asked.items():
        assert_same(run(name + "-plain", *keys), run(name, *kept, *keys), name)
    assert len(entries(cache)) == 2 * (1 + len(asked)), entries(cache)
    # and so is what other kernels round
    os.environ["MADLOOP_ISA"] = "plain"
    assert_same(run("isa-plain"), run("isa", *kept), "kernels")
    del os.environ["MADLOOP_ISA"]
    # twins: what a fit hangs on leads to models of its own
    for i, key in enumerate(["seed=4", "loop.n_initial=201", "model.train.lr=2e-3", "model.train.steps=61",
                             "world.dim=3", "world.spectrum=1"]):
        n_before = len(entries(cache))
        run(f"other-{i}", *kept, key)
        assert len(entries(cache)) == n_before + 2, key
    # an entry that is no more what it was
    path = cache / found[0] / "gen-0001.h5"
    path.write_bytes(path.read_bytes()[:1000])
    _, message = madloop("run", config, "-o", work / "damaged", *kept, code=3)
    assert found[0] in message, message
    print(f"{len(found)} models kept, found again for any threads, bias and length; 6 twins trained their own")
