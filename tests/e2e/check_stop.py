"""The block `stop`: decisions, what a stopped run leaves, and what every verb makes of it; `rates`: error rates of
Gaussian loops whose truth is known.

Decisions are taken again in numpy and scipy from /metrics alone and must be those of the program.

Null laws of `rates`: N_RUNS runs at the boundary of the null, each of which ends by its test with a probability of at
most alpha = 0.05. A check fails when more of them do than the 1e-6 quantile of Binomial(N_RUNS, alpha) (two checks of an
honest rule: 2e-6 for new seeds). The twin tests every look at alpha by itself, on the same runs, and must fail. Only means
are null here: the values of the loops are close to normal, not normal.
"""
import csv
import json
import math
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, assert_same, h5py, madloop, np, skip, workspace

try:
    from scipy import special, stats
except ImportError as error:
    skip(f"needs scipy: {error}")

N_RUNS, ALPHA = 500, 0.05
LOOP = """name: stop
seed: 1
replicates: {R}
generations: {G}
world: {{kind: gauss, dim: {d}}}
model: {{kind: gauss}}
loop: {{family: fully_synthetic, n_initial: {n}, n_synthetic: {n}}}
measure: {{metrics: [{metric}], n: 50, preview: 2}}
"""


# ---- the decision again ------------------------------------------------------------------------


def decide(value, rule, every=1, level=None):
    """(reason, generation) of [R][G] values; level: of each test, else alpha over all of them."""
    n_rep, n_gen = value.shape
    looks = [t for t in range(1, n_gen + 1) if t % every == 0 or t == n_gen]
    window, alpha = rule.get("window", 5), rule.get("alpha", 0.05)
    n_tests = (("below" in rule) + ("above" in rule)) * len(looks)
    n_tests += ("plateau" in rule) * sum(t > window for t in looks)
    critical = stats.t.isf(level or alpha / n_tests, n_rep - 1)

    def t_of(x, c):
        return (x.mean() - c) / (x.std(ddof=1) / math.sqrt(n_rep))

    for t in looks:
        now = value[:, t - 1]
        if "below" in rule and -t_of(now, rule["below"]) > critical:
            return "below", t
        if "above" in rule and t_of(now, rule["above"]) > critical:
            return "above", t
        if "plateau" in rule and t > window:
            margin = rule["plateau"] * window
            moves = [value[:, s - 1] - value[:, t - window - 1] for s in range(t - window + 1, t + 1)]
            if all(t_of(m, -margin) > critical and -t_of(m, margin) > critical for m in moves):
                return "plateau", t
    return "generations", n_gen


def read(folder, metric):
    with h5py.File(folder / "run.h5") as run:
        attrs = dict(run.attrs)
        return run[f"metrics/{metric}"][:], {k: v.decode() if isinstance(v, bytes) else v
                                             for k, v in attrs.items()}


def words(rule):
    return [f"stop.{key}={value!r}" if key != "metric" else f"stop.metric={value}" for key, value in rule.items()]


# ---- one run -----------------------------------------------------------------------------------

RULES = {
    "below": ({"metric": "log_det", "below": -2.0}, 1),
    "above": ({"metric": "mean_error", "above": 0.5, "alpha": 0.2}, 3),
    "plateau": ({"metric": "trace_ratio", "plateau": 0.035, "window": 6}, 4),
    "generations": ({"metric": "log_det", "below": -1e6, "plateau": 1e-9}, 7),
}


def check_decisions(work):
    config = work / "stop.yaml"
    config.write_text(LOOP.format(R=10, G=50, d=4, n=100, metric="moments"))
    for want, (rule, every) in RULES.items():
        folder = work / want
        _, said = madloop("run", config, *words(rule), f"checkpoint.every={every}", "-o", folder, "--progress", "none")
        value, attrs = read(folder, rule["metric"])
        n_done = int(attrs["n_done"])
        assert np.isfinite(value[:, :n_done]).all() and np.isnan(value[:, n_done:]).all()
        whole = work / f"{want}-whole"                   # the same run without a rule has the same columns
        madloop("run", config, f"checkpoint.every={every}", "-o", whole, "--progress", "none")
        undisturbed, _ = read(whole, rule["metric"])
        assert (undisturbed[:, :n_done] == value[:, :n_done]).all()
        assert decide(undisturbed, rule, every) == (want, n_done), (want, n_done, decide(undisturbed, rule, every))
        assert attrs["stop_reason"] == want and attrs["stop_generation"] == n_done
        assert attrs["stop_metric"] == rule["metric"] and attrs["stop_alpha"] == rule.get("alpha", ALPHA)
        assert math.isclose(attrs["stop_mean"], value[:, n_done - 1].mean(), rel_tol=1e-12)
        assert ("stop_statistic" in attrs) == (want != "generations")
        assert (f"after generation {n_done} of 50: {attrs['stop_message']}" in said) == (n_done < 50), said
        event = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
        assert event["event"] == "done" and event["generation"] == n_done and event["reason"] == attrs["stop_message"]
        print(f"{want}: {attrs['stop_message']}: generation {n_done}, as in scipy")
    return work / "below", work / "below-whole"


def check_budget(work):
    config = work / "stop.yaml"
    folder = work / "samples"
    madloop("run", config, "replicates=1", "stop.samples=2001", "-o", folder)
    _, attrs = read(folder, "log_det")
    assert (attrs["stop_reason"], attrs["n_done"], attrs["stop_statistic"]) == ("samples", 21, 2100.0)
    assert "stop_metric" not in attrs and "stop_alpha" not in attrs


def check_verbs(work, stopped, whole):
    """Every verb takes a stopped run for a finished one of its generations."""
    value, attrs = read(stopped, "log_det")
    n_done = int(attrs["n_done"])
    out, _ = madloop("status", stopped, "--json")
    row = json.loads(out)[0]
    assert (row["state"], row["n_done"], row["generations"], row["stop_reason"]) == ("done", n_done, 50, "below")
    out, _ = madloop("status", whole)
    assert out.split() == ["done", "50/50", str(whole)], out     # nothing new without a rule
    with h5py.File(whole / "run.h5") as run:
        assert not [name for name in run.attrs if name.startswith("stop")]
    assert "stop" not in (whole / "config.yaml").read_text().replace("name: stop", "").splitlines()[2:]
    before = (stopped / "run.h5").read_bytes(), (stopped / "log.jsonl").read_bytes()
    madloop("resume", stopped)
    madloop("run", work / "stop.yaml", *words(RULES["below"][0]), "checkpoint.every=1", "-o", stopped, code=3)
    assert before == ((stopped / "run.h5").read_bytes(), (stopped / "log.jsonl").read_bytes())
    out, _ = madloop("table", stopped, "--format", "csv")
    rows = list(csv.DictReader(out.splitlines()))
    last = next(row for row in rows if row["metric"] == "log_det")
    assert int(last["last_generation"]) == n_done
    assert math.isclose(float(last["last"]), value[:, n_done - 1].mean(), rel_tol=1e-12)
    out, _ = madloop("profile", stopped, "--json")
    finding = {f["definition"]: f for f in json.loads(out)["runs"][0]["profile"]}["variance_loss"]
    assert finding["verdict"] != "-" and math.isfinite(finding["measured"]), finding
    madloop("plot", stopped, "-o", work / "figures", "--format", "svg")
    madloop("sample", stopped, "-n", 5, "-o", work / "drawn.npy")
    madloop("sample", stopped, "-n", 5, "-o", work / "none.npy", "--generation", n_done + 1, code=2)
    madloop("info", stopped)


def check_paper(work):
    """@last of a run that its rule ended is the last generation done; one beyond it does not exist."""
    paper = work / "paper.yaml"
    text = LOOP.format(R=10, G=50, d=4, n=100, metric="moments")
    paper.write_text(text + "stop: {metric: log_det, below: -2}\nexpect:\n"
                     "  ended: E(log_det@last) < -2\n  shrinks: log_det@last < log_det@1\n")
    out, _ = madloop("reproduce", paper, "-o", work / "papers")
    assert "fail" not in out.lower().replace("failed: 0", ""), out
    paper.write_text(text + "stop: {metric: log_det, below: -2}\nexpect:\n  beyond: E(log_det@50) < -2\n")
    _, said = madloop("reproduce", paper, "-o", work / "papers", code=None)
    assert "its stop rule ended the run" in said + _, (said, _)


def check_same_bits(work):
    """Threads, interruptions and kills between any two looks change no bit of a stopped run."""
    config = work / "same.yaml"
    config.write_text(LOOP.format(R=6, G=400, d=8, n=300, metric="moments") + "checkpoint: {every: 7}\n"
                      "stop: {metric: log_det, below: -30, plateau: 1e-7, samples: 1e7}\n")
    one = work / "one"
    madloop("run", config, "-o", one, "--threads", 1)
    attributes = read(one, "log_det")[1]
    assert attributes["stop_reason"] == "below" and attributes["n_done"] < 400, attributes
    many = work / "many"
    madloop("run", config, "-o", many, "--threads", 5)
    assert_same(one, many, "threads")
    killed, n_stops, pause = work / "killed", 0, 0.004
    command = [MADLOOP, "run", config, "-o", killed]
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGINT if n_stops % 2 == 0 else signal.SIGKILL)
        if process.wait(timeout=60) == 0:
            break
        n_stops += 1
        pause *= 1.1
        command = [MADLOOP, "resume", killed] if (killed / "config.yaml").exists() else command
    assert_same(one, killed, f"{n_stops} interruptions")
    for folder in (many, killed):
        other = read(folder, "log_det")[1]
        same = [name for name in attributes if name.startswith("stop")]
        assert len(same) == 9 and all(other[name] == attributes[name] for name in same), other
    print(f"same bits and reasons on 5 threads and after {n_stops} interruptions")


def check_sweep(work):
    config = work / "stop.yaml"
    grid = [*words(RULES["below"][0]), "seed=1-3", "-o", work / "sweep", "--progress", "none"]
    madloop("sweep", config, *grid)
    times = {path: path.stat().st_mtime_ns for path in (work / "sweep").glob("*/run.h5")}
    assert len(times) == 3
    madloop("sweep", config, *grid)
    assert times == {path: path.stat().st_mtime_ns for path in (work / "sweep").glob("*/run.h5")}
    out, _ = madloop("status", work / "sweep", "--json")
    assert [row["state"] for row in json.loads(out)] == ["done"] * 3
    madloop("run", config, *words(RULES["plateau"][0]), "--smoke", "-o", work / "tiny")
    madloop("run", config, *words(RULES["below"][0]), "models=2", "cross=mixed(0.9)", "-o", work / "two")
    value, attrs = read(work / "two", "log_det")
    pairs = value.reshape(10, 2, -1).mean(1)             # the unit is the pair
    assert attrs["stop_generation"] == decide(np.where(np.isnan(pairs), 0.0, pairs), RULES["below"][0])[1]


# ---- error rates -------------------------------------------------------------------------------


def decisions(work, name, config, rule, n_runs):
    """Of n_runs seeds: runs that the honest rule ends, that testing every look at alpha would, and where they end."""
    path, folder = work / f"{name}.yaml", work / name
    path.write_text(config)
    madloop("sweep", path, *words(rule), f"seed=1-{n_runs}", "-o", folder, "--progress", "none", timeout=900)
    n_false, n_twin, at = 0, 0, []
    runs = list(folder.glob("*/"))
    assert len(runs) == n_runs
    for run in runs:
        value, attrs = read(run, rule["metric"])
        reason, n_gen = decide(value, rule)              # of the columns that are there: none is looked at behind the end
        assert (attrs["stop_reason"], attrs["stop_generation"]) == (reason, n_gen), (name, attrs["seed"])
        n_false += reason != "generations"
        n_twin += decide(value, rule, level=ALPHA)[0] != "generations"
        at += [n_gen] if reason != "generations" else []
    return n_false, n_twin, at


def check_null(work, name, config, rule):
    limit = stats.binom.isf(1e-6, N_RUNS, ALPHA)
    n_false, n_twin, _ = decisions(work, name, config, rule, N_RUNS)
    print(f"{name}: {n_false} of {N_RUNS} runs ended at alpha {ALPHA}, limit {limit:.0f}; "
          f"every look at alpha by itself: {n_twin}")
    assert n_false <= limit, name
    assert n_twin > limit, f"{name}: the twin passed"


def check_rates(work):
    # E trace_t = trace_0 in every generation (unbiased covariance): a martingale, so looks are strongly dependent
    config = LOOP.format(R=8, G=30, d=20, n=200, metric="moments")
    check_null(work, "below", config, {"metric": "trace_ratio", "below": 1.0})
    check_null(work, "above", config, {"metric": "trace_ratio", "above": 1.0})
    # E log det_t falls by the same amount in every generation: the margin is exactly that
    d, n = 4, 100
    drift = d * math.log(2 / (n - 1)) + sum(special.digamma((n - j) / 2) for j in range(1, d + 1))
    config = LOOP.format(R=8, G=30, d=d, n=n, metric="moments")
    check_null(work, "drift", config, {"metric": "log_det", "plateau": -drift, "window": 4})
    check_power(work, d, n, drift)


def check_power(work, d, n, drift):
    """A run that passes its threshold ends at the latest look with at least the power of that look alone: noncentral t
    (log det_t is a sum of t terms, each normal within its skewness of order n^-1/2)."""
    below, n_gen, n_rep, n_runs = -1.0, 60, 8, 50
    step_sd = math.sqrt(sum(special.polygamma(1, (n - j) / 2) for j in range(1, d + 1)))
    critical = stats.t.isf(ALPHA / n_gen, n_rep - 1)
    power = stats.nct.sf(critical, n_rep - 1, (below - drift * n_gen) / (step_sd * math.sqrt(n_gen / n_rep)))
    config = LOOP.format(R=n_rep, G=n_gen, d=d, n=n, metric="moments")
    n_stopped, _, at = decisions(work, "falls", config, {"metric": "log_det", "below": below}, n_runs)
    print(f"power: the mean passes in generation {below / drift:.0f}: {n_stopped} of {n_runs} runs end, the last look alone "
          f"would end {n_runs * power:.0f}; median generation {np.median(at):.0f}")
    assert n_stopped >= stats.binom.ppf(1e-6, n_runs, power)
    n_stopped, _, at = decisions(work, "still", config, {"metric": "log_det", "plateau": -8 * drift, "window": 4}, n_runs)
    print(f"power: a drift of an eighth of the margin: {n_stopped} of {n_runs} runs end, median generation {np.median(at):.0f}")
    assert n_stopped == n_runs


if __name__ == "__main__":
    with workspace() as folder:
        here = pathlib.Path(folder)
        if "rates" in sys.argv[1:]:
            check_rates(here)
        else:
            stopped_run, whole_run = check_decisions(here)
            check_budget(here)
            check_verbs(here, stopped_run, whole_run)
            check_paper(here)
            check_sweep(here)
            check_same_bits(here)
