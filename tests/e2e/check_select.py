"""Loops that select, from the command line: budgets, batches, threads, resuming, and what is refused."""
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, assert_same, h5py, madloop, np, workspace

CONFIG = """name: select
generations: 4
replicates: 3
world: {kind: gauss}
model: {kind: gauss}
loop: {family: custom, real: none, age: uniform(2), n_initial: 80, n_synthetic: 60}
measure: {n: 50, preview: 4, metrics: [trace, mean_error]}
"""
KINDS = ["topfrac", "bradley_terry", "human_noise", "reward_weighted", "verifier", "rank",
         "greedy_entropy", "random"]


def interrupted(config, folder, *overrides):
    """A run that SIGINT stopped after its second generation."""
    process = subprocess.Popen([MADLOOP, "run", config, *overrides, "-o", folder],
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (folder / "gen-0002.h5").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130, "the run ended before it was stopped"
    return folder


def series(run, group):
    with h5py.File(run / "run.h5") as file:
        return {name: data[()] for name, data in file[group].items()}


with workspace() as work:
    work = pathlib.Path(work)
    config = work / "select.yaml"
    config.write_text(CONFIG)

    def run(name, *overrides, code=0):
        return madloop("run", config, *overrides, "-o", work / name, code=code), work / name

    # every kind runs, reports each generation but the first, and does not see threads
    for kind in KINDS:
        _, one = run(kind, f"select.kind={kind}", "--threads=1")
        _, two = run(kind + "-threads", f"select.kind={kind}", "--threads=3")
        assert_same(one, two, kind)
        said = series(one, "select")
        assert "n_drawn" in said and len(said) > 2, said
        for name, value in said.items():
            assert np.isnan(value[:, 0]).all() and np.isfinite(value[:, 1:]).all(), (kind, name)

    # no judgement and no more candidates than rows: the trajectories of no selection
    _, plain = run("none")
    _, chance = run("chance", "select.kind=random", "select.candidates=1")
    for group in ("metrics", "lineage"):
        ours = series(chance, group)
        for name, value in series(plain, group).items():
            assert value.tobytes() == ours[name].tobytes(), name
    assert series(chance, "select")["n_drawn"][0, 1] == 60

    # equal budgets with and without judgement
    for share, n in ((0.5, 120), (0.3, 200)):
        _, judged = run(f"judged-{n}", "select.kind=topfrac", f"select.share={share}")
        assert (series(judged, "select")["n_drawn"][:, 1:] == n).all()
    assert (series(work / "random", "select")["n_drawn"][:, 1:] == 120).all()
    judged = series(work / "topfrac", "select")
    assert (judged["reward_kept"][:, 1:] > judged["reward_candidates"][:, 1:]).all()

    # more batches where few rows are good: all of them are reported, and resuming gives the same
    rare = ["select.kind=verifier", "select.phi=1", "select.psi=0", "select.threshold=1.5",
            "select.candidates=8", "loop.real=fresh", "loop.n_real=2000", "generations=100"]
    _, whole = run("whole", *rare)
    said = series(whole, "select")
    drawn, share = said["n_drawn"][:, 1:], said["good_candidates"][:, 1:]
    assert (said["good_kept"][:, 1:] == 1).all() and (drawn > 480).any(), said
    assert (np.abs(share * drawn - np.round(share * drawn)) < 1e-6).all()
    part = interrupted(config, work / "part", *rare)
    madloop("resume", part)
    assert_same(whole, part, "resumed")

    # nothing is good: one line says how far it came
    (_, err), _ = run("never", "select.kind=verifier", "select.psi=0", "select.threshold=100", code=2)
    assert len(err.splitlines()) >= 1 and "took 0 of" in err, err
    # refused before anything runs, with both keys
    (_, err), folder = run("bad", "select.kind=verifier", "select.reward.kind=validity", code=2)
    assert "select.reward.kind" in err and "world.kind" in err and not (folder / "run.h5").exists(), err
    (_, err), _ = run("dice", "select.kind=greedy_entropy", "world.kind=zipf", "model.kind=categorical",
                      "measure.metrics=auto", code=2)
    assert "greedy_entropy" in err and "zipf" in err, err
print(f"{len(KINDS)} selections run, report, stop and resume")
