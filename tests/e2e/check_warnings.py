"""Early warnings of `madloop profile`: alarms, events and leads again in numpy and scipy; closed forms; false alarms.

False alarms: N_RUNS run files of normal replicates whose indicators never move in the mean (autocorrelated ones among
them). Each indicator raises an alarm with a probability of at most alpha = 0.05, over all generations together; a check
fails when more runs than the 1e-6 quantile of Binomial(N_RUNS, alpha) do (4 checks: 4e-6 for a new seed). The twin tests
every generation at alpha, on the same files, and must fail. Autocorrelations are compared with F1 (q of the covariance, q^2
of the squared mean) within 4.89 standard errors of the jackknife plus 2/n, the order of what F1 leaves out.
"""
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, skip, workspace
import runfixture

try:
    from scipy import stats
except ImportError as error:
    skip(f"needs scipy: {error}")

N_RUNS, ALPHA = 400, 0.05
NAMES = ["autocorrelation", "participation", "entropy", "memorisation"]
MEASURES = {"autocorrelation": ("trace_ratio", 1), "participation": ("participation_ratio", -1),
            "entropy": ("knn_entropy", -1), "memorisation": ("memorised_fraction", 1)}
LOOP = """name: warn
replicates: {R}
generations: {G}
world: {{kind: gauss, dim: 10}}
model: {{kind: gauss, ddof: {ddof}}}
loop: {loop}
measure: {{metrics: [moments, participation_ratio, knn_entropy, memorised_fraction], n: 100, preview: 0}}
"""


# ---- again in numpy ----------------------------------------------------------------------------


def windows(x, w):
    """[R][G - w] autocorrelation of each replicate over w pairs, and [G - w] that of all."""
    z = x - x.mean(0)
    top, bottom = z[:, :-1] * z[:, 1:], (z[:, :-1] ** 2 + z[:, 1:] ** 2) / 2
    tops = np.stack([top[:, i:i + w].sum(1) for i in range(top.shape[1] - w + 1)], 1)
    bottoms = np.stack([bottom[:, i:i + w].sum(1) for i in range(top.shape[1] - w + 1)], 1)
    return tops / bottoms, tops.sum(0) / bottoms.sum(0)


def alarm_of(x, sign, w=0, level=None):
    """The generation of the alarm of [R][G] values, 0 without one; level: of each test."""
    y = windows(x, w)[0] if w else x
    d = sign * (y[:, 1:] - y[:, :1])
    with np.errstate(invalid="ignore", divide="ignore"):     # shares that no replicate leaves
        t = d.mean(0) / (d.std(0, ddof=1) / math.sqrt(len(d)))
    hit = np.nonzero(t > stats.t.isf(level or ALPHA / d.shape[1], len(d) - 1))[0]
    return int(hit[0]) + w + 2 if len(hit) else 0


def event_of(x, share):
    below = np.nonzero(x.mean(0)[1:] <= share * x[:, 0].mean())[0]
    return int(below[0]) + 2 if len(below) else 0


def lead_of(event, x, sign, w, share):
    """(lead, half of its interval), NaN where a replicate left out takes event or alarm away."""
    def both(keep):
        at, alarm = event_of(event[keep], share), alarm_of(x[keep], sign, w)
        return at - alarm if at and alarm else math.nan

    n = len(x)
    without = np.array([both(np.arange(n) != r) for r in range(n)])
    error = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return both(np.ones(n, bool)), stats.t.isf(0.025, n - 1) * error


def arrays(folder):
    with h5py.File(folder / "run.h5") as run:
        return {name: values[()] for name, values in run["metrics"].items()}


def warnings(folder, *options):
    out, _ = madloop("profile", folder, "--json", *options)
    found = json.loads(out)["runs"][0]["warnings"]
    return found["event"], {row["indicator"]: row for row in found["indicators"]}


def compare(folder, share, w, *options):
    """The program against numpy; returns its indicators."""
    x = arrays(folder)
    event, found = warnings(folder, "--event-share", share, "--window", w, *options)
    at = event_of(x[event["measure"]], share)
    assert (event["generation"] or 0) == at, (event, at)
    assert list(found) == NAMES
    for name, row in found.items():
        value, sign = x[row["measure"]], 1 if row["direction"] == "rises" else -1
        width = w if name == "autocorrelation" else 0
        assert (row["alarm"] or 0) == alarm_of(value, sign, width), (name, row)
        level = windows(value, w)[1] if width else value.mean(0)
        assert np.allclose([row["first"], row["last"]], [level[0], level[-1]], rtol=1e-9), (name, row)
        alarm = row["alarm"] or 0
        result = ("early" if alarm < at else "late") if at and alarm else \
            "no alarm" if at else "no event" if alarm else "quiet"
        assert row["result"] == result, (name, row)
        if at and alarm:
            lead, half = lead_of(x[event["measure"]], value, sign, width, share)
            assert row["lead"] == lead == at - alarm, (name, row, lead)
            assert (row["low"] is None) == math.isnan(half), (name, row)
            assert math.isnan(half) or np.allclose([row["low"], row["high"]], [lead - half, lead + half]), (name, row)
        else:
            assert row["lead"] is row["low"] is row["high"] is None
    return event, found


# ---- loops -------------------------------------------------------------------------------------


def check_collapse(work):
    config = work / "collapse.yaml"
    config.write_text(LOOP.format(R=12, G=40, ddof="ml",
                                  loop="{family: fully_synthetic, n_initial: 25, n_synthetic: 25}"))
    folder = work / "collapse"
    madloop("run", config, "-o", folder)
    event, found = compare(folder, 0.5, 10)
    compare(folder, 0.9, 5, "--feature", "mean_error_sq", "--event", "trace")
    compare(folder, 0.02, 10)
    for name in ("participation", "entropy"):
        assert found[name]["result"] == "early" and found[name]["low"] > 0.0, found[name]
        print(f"fully synthetic: trace halves in generation {event['generation']}, {name} warns "
              f"{found[name]['lead']:.0f} [{found[name]['low']:.1f}, {found[name]['high']:.1f}] generations before")


def check_fresh(work):
    """F1: the lag-1 autocorrelation is the synthetic share q."""
    n, n_rep = 1000, 200
    for q in (0.3, 0.7):
        config, folder = work / "fresh.yaml", work / f"fresh-{q}"
        n_synthetic = round(q * n)
        config.write_text(LOOP.format(R=n_rep, G=50, ddof="unbiased", loop="{family: fresh, n_initial: %d, n_real: %d, "
                                      "n_synthetic: %d}" % (n, n - n_synthetic, n_synthetic)))
        madloop("run", config, "measure.metrics=moments", "-o", folder)
        for name, expected in (("trace_ratio", q), ("mean_error_sq", q * q)):
            _, found = warnings(folder, "--window", 20, "--feature", name)
            x = arrays(folder)[name]
            last = [windows(np.delete(x, r, 0)[:, -21:], 20)[1][-1] for r in range(n_rep)]
            error = math.sqrt((n_rep - 1) * np.var(last))
            measured = found["autocorrelation"]["last"]
            print(f"q = {q}: autocorrelation of {name} {measured:.4f} +- {error:.4f}, F1 {expected:.4f}")
            assert abs(measured - expected) < 4.89 * error + 2 / n
            assert abs(measured - expected - 0.2) > 4.89 * error + 2 / n     # another q would be seen


def check_real_null(work):
    """Real rows only: no generation differs from another, and none is a collapse."""
    n_runs, path = 60, work / "null.yaml"
    path.write_text(LOOP.format(R=6, G=15, ddof="unbiased",
                                loop="{family: fresh, n_initial: 60, n_real: 60, n_synthetic: 0}"))
    madloop("sweep", path, f"seed=1-{n_runs}", "-o", work / "nulls", "--progress", "none")
    runs = sorted((work / "nulls").glob("*/"))
    out, _ = madloop("profile", *runs, "--json", "--window", 5)
    alarms = dict.fromkeys(NAMES, 0)
    for run in json.loads(out)["runs"]:
        assert run["warnings"]["event"]["generation"] is None
        for row in run["warnings"]["indicators"]:
            assert row["result"] in ("quiet", "no event")
            alarms[row["indicator"]] += row["alarm"] is not None
    limit = stats.binom.isf(1e-6, n_runs, ALPHA)
    print(f"real rows only, {n_runs} runs: false alarms {alarms}, limit {limit:.0f}")
    assert max(alarms.values()) <= limit


# ---- written by hand ---------------------------------------------------------------------------


def walk(rng, n_rep, n_gen, q):
    """A stationary autoregression."""
    x = np.empty((n_rep, n_gen))
    x[:, 0] = rng.standard_normal(n_rep) / math.sqrt(1 - q * q)
    for t in range(1, n_gen):
        x[:, t] = q * x[:, t - 1] + rng.standard_normal(n_rep)
    return x


def check_false_alarms(work):
    rng, limit = np.random.default_rng(20261), stats.binom.isf(1e-6, N_RUNS, ALPHA)
    n_rep, n_gen, w = 8, 25, 6
    folders, alarms, twins = [], dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    for i in range(N_RUNS):
        folders.append(work / "simulated" / str(i))
        metrics = {"trace_ratio": 20 + walk(rng, n_rep, n_gen, 0.7), "participation_ratio": 9 + walk(rng, n_rep, n_gen, 0.0),
                   "knn_entropy": walk(rng, n_rep, n_gen, 0.5), "memorised_fraction": walk(rng, n_rep, n_gen, 0.9)}
        runfixture.write_run(folders[-1], runfixture.config(), metrics)
    out, _ = madloop("profile", *folders, "--json", "--window", w)
    for folder, run in zip(folders, json.loads(out)["runs"]):
        x = arrays(folder)
        for row in run["warnings"]["indicators"]:
            name, (measure, sign) = row["indicator"], MEASURES[row["indicator"]]
            assert row["measure"] == measure
            width = w if name == "autocorrelation" else 0
            assert (row["alarm"] or 0) == alarm_of(x[measure], sign, width)
            alarms[name] += row["alarm"] is not None
            twins[name] += alarm_of(x[measure], sign, width, level=ALPHA) > 0
    print(f"no change, {N_RUNS} runs: false alarms {alarms}, every generation at alpha {twins}, limit {limit:.0f}")
    assert max(alarms.values()) <= limit and min(twins.values()) > limit


def check_results(work):
    """Every defined result, from arrays with small noise on a known course."""
    rng, n_rep, n_gen = np.random.default_rng(5), 6, 12

    def course(values):
        return np.asarray(values, float) + 1e-3 * rng.standard_normal((n_rep, n_gen))

    def steps(at, down=-2.0):
        return course([1.0 + (down if t >= at else 0.0) for t in range(1, n_gen + 1)])

    still = course([1.0] * n_gen)
    recall = steps(7, -0.6)
    cases = {"early": (recall, steps(3)), "late": (recall, steps(7)), "no alarm": (recall, still),
             "no event": (still, steps(3)), "quiet": (still, still)}
    for i, (want, (event, entropy)) in enumerate(cases.items()):
        folder = work / f"case-{i}"
        runfixture.write_run(folder, runfixture.config(), {"recall": event, "knn_entropy": entropy, "trace": still})
        found_event, found = warnings(folder, "--window", 3)
        assert found_event["measure"] == "recall" and found_event["generation"] == (7 if event is recall else None)
        row = found["entropy"]
        assert row["result"] == want, (want, row)
        assert row["lead"] == {"early": 4.0, "late": 0.0}.get(want), row
        assert found["participation"]["result"] == "-" and "participation_ratio" in found["participation"]["needs"]
        out, _ = madloop("profile", folder)
        line = next(line for line in out.splitlines() if line.startswith("  entropy"))
        assert f" {want} " in line, line
    one = work / "one"
    runfixture.write_run(one, runfixture.config(), {"recall": recall[:1], "knn_entropy": still[:1]})
    assert "at least 2 replicates" in warnings(one)[1]["entropy"]["needs"]
    bare = work / "bare"
    runfixture.write_run(bare, runfixture.config(), {"frechet": still, "knn_entropy": steps(3)})
    event, found = warnings(bare, "--event", "coverage")
    assert event["measure"] is None and found["entropy"]["result"] == "-" and found["entropy"]["alarm"] == 3
    assert "--event" in found["entropy"]["needs"]
    holes = np.where(np.arange(n_gen) == 4, np.nan, steps(5))   # a hole raises no alarm, and hides no later one
    runfixture.write_run(work / "holes", runfixture.config(), {"recall": recall, "knn_entropy": holes})
    assert warnings(work / "holes")[1]["entropy"]["alarm"] == 6
    empty = work / "empty"
    runfixture.write_run(empty, runfixture.config(), {"recall": np.full((3, 4), np.nan)}, n_done=0)
    assert all(row["result"] == "-" for row in warnings(empty)[1].values())
    _, said = madloop("profile", bare, "--event", "recal", code=2)
    assert "did you mean 'recall'" in said
    madloop("profile", bare, "--alpha", 0.9, code=2)


with workspace() as folder:
    here = pathlib.Path(folder)
    check_results(here)
    check_collapse(here)
    check_fresh(here)
    check_false_alarms(here)
    check_real_null(here)
