"""`madloop table --fits` and `--survival` against scipy and numpy: the four laws and their choice, what is degenerate,
half-lives, crossings, Kaplan-Meier curves, every format. (Coverage of the intervals: tests/stat/test_fits.c.)"""
import csv
import io
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import madloop, skip, workspace
import numpy as np
from runfixture import config, write_run

try:
    from scipy.optimize import brentq, least_squares
    from scipy.stats import norm, t as student
except ImportError as error:
    skip(f"needs scipy: {error}")

R, G = 5, 30
T = np.arange(G)
LAWS = {"exponential": lambda t, c, a, b: c + a * np.exp(-b * t), "power": lambda t, c, a, b: c + a * (t + 1.0) ** -b,
        "linear": lambda t, c, a: c + a * t, "plateau": lambda t, c: c + 0 * t}
HALF = {"exponential": lambda b: np.log(2) / b, "power": lambda b: 2 ** (1 / b) - 1}
THRESHOLDS = (0.9, 0.75, 0.5, 0.25, 0.1)


def number(x):
    return np.nan if x is None or x == "" else float(x)


def fits(folder, metrics, *options):
    write_run(folder, config("fresh"), metrics)
    rows = json.loads(madloop("table", folder, "--fits", "--json", *options)[0])
    return {row["metric"]: row["fits"] for row in rows}


def law(fit, name):
    return next(entry for entry in fit["laws"] if entry["law"] == name)


def parameters(entry):
    return [entry[key] for key in "cab" if entry[key] is not None]


def aicc(rss, n, k):
    return n * np.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def check_law(entry, t, y):
    """The law's least-squares fit and all that follows from it."""
    name, found = entry["law"], parameters(entry)
    f = LAWS[name]
    best = least_squares(lambda p: f(t, *p) - y, found, xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac")
    np.testing.assert_allclose(found, best.x, rtol=2e-6, atol=1e-12)
    np.testing.assert_allclose(entry["aicc"], aicc((best.fun**2).sum(), len(y), len(found) + 1), rtol=1e-9)
    if name in HALF:
        np.testing.assert_allclose(number(entry["half_life"]["value"]), HALF[name](found[2]), rtol=1e-12)
    else:
        assert entry["half_life"]["value"] == "inf"

    def above(x):
        return f(x, *found) - 0.5 * f(0.0, *found)

    zero = number(entry["half_life_zero"]["value"])
    if above(0.0) <= 0:
        assert np.isnan(zero)
    elif above(1e9) < 0:
        np.testing.assert_allclose(zero, brentq(above, 0.0, 1e9, xtol=1e-13, rtol=1e-13), rtol=1e-6)
    else:
        assert np.isinf(zero)
    assert number(entry["rate"]["value"]) == found[-1] if name != "plateau" else entry["rate"]["value"] is None
    for key in ("rate", "half_life", "half_life_zero"):
        value, low, high = (number(entry[key][part]) for part in ("value", "low", "high"))
        assert np.isnan(low) or low <= value <= high or np.isclose(low, high), (name, key, entry[key])


def check_laws(folder):
    rng = np.random.default_rng(21)
    exact = {"exponential": (0.3, 0.7, 0.12), "power": (0.2, 0.8, 0.6), "linear": (1, -0.01), "plateau": (0.7,)}
    noisy = {name: LAWS[name](T, *p) + 0.02 * rng.normal(size=(R, G)) for name, p in exact.items()}
    holes = noisy["power"].copy()
    holes[:, [3, 17]] = np.nan, -np.inf
    holes[2, 9] = np.nan
    metrics = noisy | {"rising": 2 - noisy["exponential"], "below_zero": noisy["exponential"] - 2, "holes": holes}
    found = fits(folder / "noisy", metrics)
    for name, x in metrics.items():
        mean = np.array([column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else np.nan for column in x.T])
        keep = np.isfinite(mean)
        assert found[name]["n_points"] == keep.sum()
        best = [law(found[name], l)["aicc"] for l in LAWS]
        tied = [l for l, value in zip(LAWS, best) if value <= min(best) + 2]
        fewest = min(len(parameters(law(found[name], l))) for l in tied)
        want = min((l for l in tied if len(parameters(law(found[name], l))) == fewest),
                   key=lambda l: law(found[name], l)["aicc"])
        assert found[name]["best"] == want, (name, best)
        for entry in found[name]["laws"]:
            if entry["at_bound"] is None:
                check_law(entry, T[keep], mean[keep])
            else:
                assert entry["half_life"]["value"] == "inf"
    assert all(found[name]["best"] == name for name in HALF)  # how often lines and plateaus: test_fits.c
    assert found["rising"]["best"] == found["below_zero"]["best"] == "exponential"

    # the line's interval is Student's with 5 replicates
    slopes = np.polyfit(T, noisy["linear"].T, 1)[0]
    half = student.ppf(0.975, R - 1) * slopes.std(ddof=1) / R**0.5
    rate = law(found["linear"], "linear")["rate"]
    np.testing.assert_allclose([rate["low"], rate["high"]], slopes.mean() + np.array([-half, half]), rtol=1e-9)

    # replicates that are alike leave nothing open; residuals of 0 are ties for the fewest parameters
    found = fits(folder / "exact", {name: LAWS[name](T, *p)[None].repeat(R, 0) for name, p in exact.items()} | {
        "jump": np.where(T > 0, 0.25, 1.0)[None].repeat(R, 0)})
    for name, p in exact.items():
        assert found[name]["best"] == name, found[name]
        entry = law(found[name], name)
        np.testing.assert_allclose(parameters(entry), p, rtol=1e-6)
        for key in ("rate", "half_life", "half_life_zero"):
            np.testing.assert_allclose(number(entry[key]["low"]), number(entry[key]["high"]), rtol=1e-6)
    assert all(parameters(law(found["plateau"], name)) == [] for name in ("exponential", "power", "linear"))
    assert law(found["linear"], "exponential")["at_bound"] == "least"
    assert law(found["jump"], "exponential")["at_bound"] == "most"


def check_rate_interval(folder):
    """Where the contrast with what of df/db is orthogonal to 1 and f is Student's +-t, of 5 replicates."""
    x = LAWS["exponential"](T, 0.2, 0.8, 0.2) + 0.05 * np.random.default_rng(22).normal(size=(R, G))
    rate = law(fits(folder / "rate", {"m": x})["m"], "exponential")["rate"]

    def score(b):
        basis = np.linalg.qr(np.stack([np.ones(G), np.exp(-b * T), T * np.exp(-b * T)], 1))[0]
        numbers = x @ basis[:, 2]
        return abs(numbers.mean()) / (numbers.std(ddof=1) / R**0.5) - student.ppf(0.975, R - 1)

    want = brentq(score, 0.05, rate["value"]), brentq(score, rate["value"], 0.6)
    np.testing.assert_allclose([rate["low"], rate["high"]], want, rtol=1e-8)


def crossing(y, fraction):
    """(generation, crossed) of one curve."""
    if not 0 < y[0] < np.inf:
        return None, False
    beyond = np.flatnonzero(y > fraction * y[0] if fraction > 1 else y < fraction * y[0])
    return (int(beyond[0]) + 1, True) if beyond.size else (int(np.flatnonzero(~np.isnan(y))[-1]) + 1, False)


def kaplan_meier(times, events):
    """[(t, at risk, events, S, low, high)] and the median with its interval."""
    times, events = np.array(times), np.array(events)
    steps, survival, variance = [], 1.0, 0.0
    for t in np.unique(times[events]):
        n, d = (times >= t).sum(), (events & (times == t)).sum()
        survival *= 1 - d / n
        low = high = np.nan
        if survival > 0:
            variance += d / (n * (n - d))
            middle, half = np.log(-np.log(survival)), norm.ppf(0.975) * np.sqrt(variance) / -np.log(survival)
            low, high = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
        steps.append((t, n, d, survival, low, high))
    at = [next((s[0] for s in steps if np.nan_to_num(s[k]) <= 0.5), np.inf) for k in (3, 4, 5)]
    return steps, at


def check_survival(folder):
    rng = np.random.default_rng(23)
    x = np.exp(-T[:20] * rng.gamma(2.0, 0.05, size=(40, 1))) * np.exp(0.1 * rng.normal(size=(40, 20)))
    x[3, 8:] = np.nan       # censored early
    x[5, 6] = -np.inf       # crosses
    x[7, 0] = -1.0          # does not count
    thresholds = (*THRESHOLDS[:4], 0.01, 1.2)
    found = fits(folder / "survival", {"m": x}, "--thresholds", ",".join(map(str, thresholds)))["m"]["survival"]
    assert [part["threshold"] for part in found] == list(thresholds)
    for part, fraction in zip(found, thresholds):
        pairs = [crossing(y, fraction) for y in x]
        assert part["generation"] == [g for g, _ in pairs] and part["crossed"] == [e for _, e in pairs]
        kept = [(g, e) for g, e in pairs if g is not None]
        steps, median = kaplan_meier(*zip(*kept))
        assert part["n"] == 39 and part["n_crossed"] == sum(e for _, e in kept)
        got = [[number(s[key]) for key in ("generation", "at_risk", "crossed", "survival", "low", "high")]
               for s in part["curve"]]
        np.testing.assert_allclose(got, np.array(steps).reshape(-1, 6), rtol=1e-8)
        np.testing.assert_array_equal([number(part["median"][key]) for key in ("value", "low", "high")], median)
    out, _ = madloop("table", folder / "survival", "--survival", "-f", "csv", "--thresholds", "0.5")
    rows = list(csv.DictReader(io.StringIO(out)))
    want = next(part for part in found if part["threshold"] == 0.5)["curve"]
    assert [int(row["generation"]) for row in rows] == [step["generation"] for step in want]
    assert [float(row["survival"]) for row in rows] == [step["survival"] for step in want]


def check_degenerate(folder):
    nan = np.full((R, G), np.nan)
    short = nan.copy()
    short[:, :3] = 3, 2, 1
    five = nan.copy()
    five[:, :5] = np.array([5, 3, 2, 1.5, 1.2]) + 0.1 * np.random.default_rng(24).normal(size=(R, 5))
    found = fits(folder / "degenerate", {"nan": nan, "short": short, "five": five, "constant": np.full((R, G), 0.3),
                                         "zero": np.zeros((R, G)), "infinite": np.full((R, G), -np.inf),
                                         "huge": np.full((R, G), 1e306) * (1 + T)})
    assert all(found[name]["best"] is None for name in ("nan", "short", "five", "infinite"))
    assert all(parameters(entry) == [] for name in ("nan", "short") for entry in found[name]["laws"])
    assert len(parameters(law(found["five"], "power"))) == 3 and law(found["five"], "power")["aicc"] == "inf"
    assert found["constant"]["best"] == found["zero"]["best"] == "plateau"
    assert [entry["c"] for entry in found["constant"]["laws"]] == [None, None, None, 0.3]
    one = fits(folder / "one", {"m": LAWS["power"](T, 0.2, 0.8, 0.6)[None]})["m"]
    assert one["best"] == "power" and one["turn"]["p"] is None and law(one, "power")["rate"]["low"] is None
    valley = np.abs(T - 12.0) + 0.5 * np.random.default_rng(25).normal(size=(8, G))
    for sign, kind in ((1, "valley"), (-1, "peak")):
        turn = fits(folder / kind, {"m": sign * valley})["m"]["turn"]
        assert turn["kind"] == kind and turn["p"] < 0.01, turn
        at = turn["generation"]
        assert at["low"] <= 13 <= at["high"] and at["value"] == 1 + np.argmin(valley.mean(0))


def check_formats(folder):
    run = folder / "noisy"
    rows = json.loads(madloop("table", run, "--fits", "--json")[0])
    table = list(csv.DictReader(io.StringIO(madloop("table", run, "--fits", "-f", "csv")[0])))
    for row, line in zip(rows, table):
        fit = row["fits"]
        entry = law(fit, fit["best"])
        assert line["metric"] == row["metric"] and line["law"] == fit["best"]
        want = [entry["c"], entry["b"], entry["rate"]["low"], entry["half_life"]["high"],
                entry["half_life_zero"]["value"], *(e["aicc"] for e in fit["laws"]), fit["turn"]["p"],
                fit["survival"][2]["median"]["value"], fit["survival"][2]["n_crossed"]]
        got = [line[key] for key in ("c", "b", "rate_low", "half_life_high", "half_life_zero", "aicc_exponential",
                                     "aicc_power", "aicc_linear", "aicc_plateau", "turn_p", "crossing_0.5",
                                     "n_crossed_0.5")]
        np.testing.assert_array_equal([number(x) for x in got], [number(x) for x in want])
    text = madloop("table", run, "--fits")[0]
    assert max(map(len, text.splitlines())) <= 120 and len(text.split("\n\n")) == 3, text
    for form, mark in (("markdown", "|"), ("latex", "&")):
        blocks = madloop("table", run, "--fits", "--survival", "-f", form)[0].split("\n\n")
        assert len(blocks) == 4, form
        for block in blocks:
            body = [line.count(mark) for line in block.splitlines() if mark in line]
            assert len(set(body)) == 1 and len(body) >= len(rows) + 1, (form, block)
    same = [madloop("table", run, "--fits", "--json")[0] for _ in range(2)]
    assert same[0] == same[1]
    for wrong in ("1", "0", "x", "", "0.5,,0.1", "1,2,3,4,5,6,7,8,9", "nan"):
        _, err = madloop("table", run, "--fits", "--thresholds", wrong, code=2)
        assert "--thresholds" in err and len(err.splitlines()) == 1, err
    assert "--fits" in madloop("table", run, "--thresholds", "0.5", code=2)[1]


with workspace() as name:
    where = pathlib.Path(name)
    check_laws(where)
    check_rate_interval(where)
    check_survival(where)
    check_degenerate(where)
    check_formats(where)
    print("fits: as scipy's and numpy's, with flags where there is none")
