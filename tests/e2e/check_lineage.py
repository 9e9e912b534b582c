"""Ancestors of resampled rows.

With a kernel of width 0 every row is a copy: the distinct rows that a model of `kde` was fitted on are
its ancestors, which numpy counts in the saved models, in every loop. n from n rows a generation is the
Wright-Fisher model: of one row's copies, Binomial(n, i/n) from i, some are left after t generations with
the probability that the chain from 1 is not at 0, and E[ancestors] is n times that. |z| < 4.89, a false
alarm of 1e-6 in each of 11 generations; the same data a generation late must be refused. Depths by one
parent each are geometric where real rows are fresh, P(j) = phi (1 - phi)^j. Following ancestors leaves
every other bit as it is, and a resumed run ends as an undisturbed one.
"""
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, assert_same, contents, h5py, madloop, np, skip, workspace

try:
    from scipy.stats import binom
except ImportError as error:
    skip(f"needs scipy: {error}")

N, G, Z_LIMIT = 20, 12, 4.89
LOOPS = {
    "chain": "real: none, n_initial: 20, n_synthetic: 20",
    "fresh": "real: fresh, n_initial: 20, n_real: 6, n_synthetic: 14",
    "pool": "real: fixed, n_initial: 20, n_real: 10, n_synthetic: 12, retain: accumulate, age: 'uniform(3)'",
    "budget": "real: fixed, n_initial: 20, n_real: 10, n_synthetic: 30, budget: 25",
    "select": "real: none, n_initial: 20, n_synthetic: 20}\nselect: {kind: topfrac, share: 0.5",
    "models": "real: fresh, n_initial: 20, n_real: 6, n_synthetic: 14}\nmodels: 2\ncross: all\nname: two",
}


def write(folder, name, loop, replicates, more="ancestors: yes", every=1, generations=G):
    path = folder / f"{name}.yaml"
    path.write_text(f"""seed: 3
replicates: {replicates}
generations: {generations}
world: {{kind: gauss, dim: 2}}
model: {{kind: kde, bandwidth: 0}}
loop: {{{loop}}}
measure: {{n: 40, metrics: [trace], preview: 30, {more}}}
checkpoint: {{every: {every}}}
""")
    return path


def counted(rows, first):
    """(ancestors, effective, founders) of one training set."""
    distinct, count = np.unique(rows, axis=0, return_counts=True)
    founders = (distinct[:, None] == first[None]).all(2).any(1).sum()
    return len(distinct), 1 / ((count / len(rows)) ** 2).sum(), founders


def check_against_copies(folder, name):
    """What the run says is what its saved training rows are."""
    names = ("ancestors", "ancestors_effective", "founders")
    with h5py.File(folder / "run.h5") as run:
        said = [run[f"lineage/{key}"][:] for key in names]
        n_train = run["lineage/n_train"][:].astype(int)
        depth, share = run["lineage/mean_depth"][:], run["lineage/depth_share"][:]
    R = len(n_train)
    assert np.allclose(share.sum(2), 1, atol=1e-12) and np.allclose((share * np.arange(G)).sum(2), depth)
    for t in range(1, G + 1):
        with h5py.File(folder / f"gen-{t:04}.h5") as gen:
            x = gen[f"model/{t:04}/x"][:].reshape(R, -1, 2)
            ancestor = gen[f"model/{t:04}/ancestor"][:]
            samples, tag, deep = gen["samples"][:], gen["ancestor"][:], gen["depth"][:]
        if t == 1:
            first = [x[r, :n_train[r, 0]].copy() for r in range(R)]
        for r in range(R):
            rows, own = x[r, :n_train[r, t - 1]], ancestor[r, :n_train[r, t - 1]]
            if name != "models":
                got = [s[r, t - 1] for s in said]
                assert np.allclose(got, counted(rows, first[r]), rtol=1e-12), (name, r, t, got, counted(rows, first[r]))
            same = (rows[:, None] == rows[None]).all(2)
            assert ((own[:, None] == own[None]) == same).all(), f"{name}: ancestors are not copies"
            assert (ancestor[r, n_train[r, t - 1]:] == -1).all()
            if r < len(samples):
                of = {a: tuple(row) for a, row in zip(own, rows)}
                assert all(of[a] == tuple(row) for a, row in zip(tag[r], samples[r]))
                assert (deep[r] == 1 + depth[r, t - 1]).all()
    return said[0].mean(0)


def expected_alive(n, generations):
    """E[ancestors] after 0, 1, ... generations."""
    step = binom.pmf(np.arange(n + 1)[None], n, np.arange(n + 1)[:, None] / n)
    p = np.eye(n + 1)[1]
    out = []
    for _ in range(generations):
        out.append(n * (1 - p[0]))
        p = p @ step
    return np.array(out)


def check_wright_fisher(where):
    folder = where / "many"
    madloop("run", write(where, "many", LOOPS["chain"], 4000, every=G), "-o", folder, "--progress", "none")
    with h5py.File(folder / "run.h5") as run:
        alive = run["lineage/ancestors"][:]
        effective = run["lineage/ancestors_effective"][:]
    se = alive[:, 1:].std(0, ddof=1) / np.sqrt(len(alive))
    z = lambda t: np.abs(alive[:, 1:].mean(0) - t) / se
    law = expected_alive(N, G + 1)
    assert (alive[:, 0] == N).all() and (z(law[1:G]) < Z_LIMIT).all(), z(law[1:G])
    assert (z(law[2:G + 1]) > Z_LIMIT).all(), "the twin, a generation late, is not refused"
    # sum p^2: two rows are of one ancestor with probability 1 - (1 - 1/n)^(t - 1), and a row of its own
    f = 1 / effective
    fixed = 1 - (1 - 1 / N) ** np.arange(G)  # of two draws with replacement, generation t is t - 1 on
    pair = 1 / N + (1 - 1 / N) * fixed
    z = np.abs(f[:, 1:].mean(0) - pair[1:]) / (f[:, 1:].std(0, ddof=1) / np.sqrt(len(f)))
    assert (z < Z_LIMIT).all(), z
    print(f"Wright-Fisher: {alive.mean(0).round(2)}, expected {law[:G].round(2)}")


def check_memorised(where):
    """The exact denoiser of the rows themselves: what it gives back lies where numpy finds the parent."""
    config = write(where, "exact", LOOPS["chain"], 200, every=1)
    text = config.read_text().replace("{kind: kde, bandwidth: 0}",
                                      "{kind: exact, law: empirical, sampler: {kind: abm3, steps: 40}}")
    config.write_text(text)
    madloop("run", config, "-o", where / "exact", "--progress", "none")
    with h5py.File(where / "exact" / "run.h5") as run:
        alive = run["lineage/ancestors"][:]
    law, se = expected_alive(N, G + 1), alive[:, 1:].std(0, ddof=1) / np.sqrt(len(alive))
    z = lambda t: np.abs(alive[:, 1:].mean(0) - t) / se
    assert (z(law[1:G]) < Z_LIMIT).all() and (z(law[2:G + 1])[:4] > Z_LIMIT).all(), z(law[1:G])
    with h5py.File(where / "exact" / "gen-0001.h5") as first:
        original, name = (first[f"model/0001/{key}"][:] for key in ("mean", "ancestor"))
    original = original.reshape(200, N, 2)
    for t in range(2, G + 1):
        with h5py.File(where / "exact" / f"gen-{t:04}.h5") as gen:
            rows = gen[f"model/{t:04}/mean"][:].reshape(200, N, 2)
            ancestor = gen[f"model/{t:04}/ancestor"][:]
        near = ((rows[:, :, None] - original[:, None]) ** 2).sum(3).argmin(2)
        wrong = (np.take_along_axis(name, near, 1) != ancestor).mean()
        assert wrong < 0.02, f"generation {t}: {wrong} of the rows lie nearer to another original"


def check_geometric(where):
    madloop("run", write(where, "geo", LOOPS["fresh"], 1, generations=12), "-o", where / "geo", "--progress", "none")
    with h5py.File(where / "geo" / "run.h5") as run:
        share = run["lineage/depth_share"][0, -1]
    phi, j = 0.3, np.arange(11)
    assert np.allclose(share[:11], phi * (1 - phi) ** j, atol=1e-15), share
    assert np.isclose(share[11], 0.7 ** 11)


def check_same_bits(where, name):
    plain = where / f"{name}-plain"
    madloop("run", write(where, f"{name}-plain", LOOPS[name], 5, "lineage_ages: 0"), "-o", plain, "--progress", "none")
    with_, without = contents(where / name), contents(plain)
    for key, value in without.items():
        assert with_[key] == value, f"{name}: following ancestors changes {key}"
    threads = where / f"{name}-threads"
    madloop("run", write(where, name, LOOPS[name], 5), "-o", threads, "--progress", "none", "--threads", "3")
    assert_same(where / name, threads, f"{name} with 3 threads")


def check_resumed(where, name):
    """The first generations alone, then the rest."""
    half = where / f"{name}-half"
    config = write(where, name, LOOPS[name], 5)
    process = subprocess.Popen([MADLOOP, "run", config, "-o", half, "--progress", "none", "--threads", "1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (half / "gen-0004.h5").exists():
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with h5py.File(half / "run.h5") as run:
        n_done = int(run.attrs["n_done"])
    if n_done < G:
        madloop("resume", half, "--progress", "none")
    assert_same(where / name, half, f"{name} resumed after {n_done}")
    return n_done


def check_categories(where):
    config = where / "zipf.yaml"
    config.write_text("""replicates: 3
generations: 6
world: {kind: zipf, categories: 30}
model: {kind: categorical}
loop: {real: none, n_initial: 40, n_synthetic: 40}
measure: {metrics: [modes_covered], moments: model, ancestors: yes}
""")
    madloop("run", config, "-o", where / "zipf", "--progress", "none")
    with h5py.File(where / "zipf" / "run.h5") as run:
        assert (run["lineage/ancestors"][:] == run["metrics/modes_covered"][:]).all()
        assert "founders" not in run["lineage"]
    for t in (1, 6):
        with h5py.File(where / "zipf" / f"gen-{t:04}.h5") as gen, h5py.File(where / "zipf" / "run.h5") as run:
            p = gen[f"model/{t:04}/p"][:]
            assert np.allclose(run["lineage/ancestors_effective"][:, t - 1], 1 / (p ** 2).sum(1))


def check_refused(where):
    config = write(where, "refused", LOOPS["chain"], 2)
    config.write_text(config.read_text().replace("{kind: kde, bandwidth: 0}", "{kind: gauss}"))
    _, error = madloop("run", config, "-o", where / "refused", code=None)
    assert "measure.ancestors" in error, error


def check_leak(where):
    """Rows of the model that pass for real are not followed: NaN, not a wrong number."""
    config = write(where, "leak", LOOPS["fresh"] + "}\nchannel: {kind: leak, eps: 0.9", 2)
    madloop("run", config, "-o", where / "leak", "--progress", "none")
    with h5py.File(where / "leak" / "run.h5") as run:
        alive = run["lineage/ancestors"][:]
    assert (alive[:, 0] == N).all() and np.isnan(alive[:, 1:]).any()


def check_many_fields(where):
    """The ancestors of rows beside the model of most arrays: exact, with labels and a worse copy."""
    config = write(where, "worse", LOOPS["chain"], 2)
    text = config.read_text().replace("{kind: gauss, dim: 2}", "{kind: ring}")
    config.write_text(text.replace("{kind: kde, bandwidth: 0}", "{kind: exact, law: empirical}"))
    madloop("run", config, "bias.kind=autoguidance", "bias.w=1", "-o", where / "worse", "--progress", "none")


with workspace() as folder:
    folder = pathlib.Path(folder)
    for name, loop in LOOPS.items():
        madloop("run", write(folder, name, loop, 5), "-o", folder / name, "--progress", "none")
        print(f"{name}: ancestors {check_against_copies(folder / name, name).round(1)}")
        check_same_bits(folder, name)
        print(f"{name}: the same bits without, with 3 threads, resumed after {check_resumed(folder, name)}")
    check_wright_fisher(folder)
    check_memorised(folder)
    check_geometric(folder)
    check_categories(folder)
    check_refused(folder)
    check_leak(folder)
    check_many_fields(folder)
