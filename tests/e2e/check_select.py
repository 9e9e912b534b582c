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


def check_file_rewards(work):
    """Rewards of a file are those of its nearest row: a table of categories, or an exact grid, says the same."""
    words = work / "words.yaml"
    words.write_text("""
replicates: 3
generations: 4
world: {kind: zipf, categories: 4}
model: {kind: categorical}
loop: {family: fully_synthetic, n_initial: 80, n_synthetic: 60}
measure: {metrics: [heterozygosity], preview: 4}
select: {kind: bradley_terry, candidates: 3, reward: {users: [3, 1]}}
""")
    a, b = [0, .5, 1, 1.5], [2, 0, 1, 0]
    np.save(work / "rewards.npy", np.array([[k, a[k], b[k]] for k in (2, 0, 3, 1)]))
    (work / "rewards.csv").write_text("".join(f"{k},{a[k]},{b[k]}\n" for k in range(4)))
    listed = ",".join(map(str, a + b))
    madloop("run", words, "select.reward.kind=table", f"select.reward.target=[{listed}]", "-o", work / "listed")
    for file in ("rewards.npy", "rewards.csv"):
        madloop("run", words, "select.reward.kind=file", f"select.reward.file={file}", "-o", work / file[8:])
        assert_same(work / "listed", work / file[8:], f"a table and {file}")
    madloop("run", words, "select.reward.kind=file", "select.reward.file=rewards.csv", "--max-hours", 1e-6,
            "-o", work / "stopped", code=None)
    (work / "rewards.csv").write_text("".join(f"{k},{a[k]},{b[k] + 1}\n" for k in range(4)))
    _, error = madloop("resume", work / "stopped", code=2)
    assert "the file of select.reward.file is not what this run began with" in error, error
    # points: a row is worth its nearest point's reward
    points = np.random.default_rng(1).normal(size=(40, 3))
    np.save(work / "points.npy", points)
    plane = work / "plane.yaml"
    plane.write_text(CONFIG.replace("{kind: gauss}\nmodel", "{kind: gauss, dim: 2}\nmodel"))
    madloop("run", plane, "select.kind=topfrac", "select.share=1", "select.reward.kind=file",
            "select.reward.file=points.npy", "loop.age=last", "-o", work / "points")
    with h5py.File(work / "points" / "run.h5") as run:
        kept, drawn = run["select/reward_kept"][:, 1:], run["select/reward_candidates"][:, 1:]
        assert np.allclose(kept, drawn, rtol=1e-12) and np.isfinite(kept).all()
        assert points[:, 2].min() <= kept.min() and kept.max() <= points[:, 2].max()
    for code, words_said, keys in (
            (2, "names none", ["select.reward.kind=file"]),
            (2, "select.reward.file", ["select.reward.kind=linear", "select.reward.file=points.npy"]),
            (2, "has 3 columns, expected 2", ["select.reward.kind=file", "select.reward.file=points.npy"]),
            (3, "nowhere.npy", ["select.reward.kind=file", "select.reward.file=nowhere.npy"]),
            (2, "reward.target", ["select.reward.kind=file", "select.reward.file=rewards.csv", "select.reward.target=2"])):
        _, error = madloop("run", work / "select.yaml", "select.kind=topfrac", *keys, "-o", work / "no", code=code)
        assert words_said in error and error.count("\n") == 1, (keys, error)
    print("rewards from files: as lists, by the nearest row")


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
    (_, err), _ = run("never", "select.kind=verifier", "select.psi=0", "select.threshold=100", code=1)
    assert len(err.splitlines()) >= 1 and "took 0 of" in err, err
    # refused before anything runs, with both keys
    (_, err), folder = run("bad", "select.kind=verifier", "select.reward.kind=validity", code=2)
    assert "select.reward.kind" in err and "world.kind" in err and not (folder / "run.h5").exists(), err
    (_, err), _ = run("dice", "select.kind=greedy_entropy", "world.kind=zipf", "model.kind=categorical",
                      "measure.metrics=auto", code=2)
    assert "greedy_entropy" in err and "zipf" in err, err
    check_file_rewards(work)
print(f"{len(KINDS)} selections run, report, stop and resume")
