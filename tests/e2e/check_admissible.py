"""`madloop admissible`: closed forms against formulas written here and against simulated loops."""
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, skip, workspace

try:
    from scipy.optimize import brentq
except ImportError as error:
    skip(f"needs scipy: {error}")


def ask(*arguments):
    return json.loads(madloop("admissible", *arguments, "--json")[0])


def level(n_r, n_s, lam, d):
    """F3 and F4 of the method notes, as printed there."""
    n = n_r + n_s
    p, q = n_r / n, n_s / n
    k = 1 + q / ((n - 1) * (1 + q))
    s = k * p / (1 - k * q * lam)
    v = 1 / (n * (1 + q) * (1 - k * q * lam))
    f = (p + q * lam ** 2 * s ** 2) * (d * d + d) / (n * (1 - q ** 2 * lam ** 2))
    return d * (1 - math.sqrt(s)) ** 2 + d * v + f / (4 * s ** 1.5)


def largest(n_r, lam, d, target=1.0):
    """Root of F4 above the best size."""
    def gain(x):
        return math.log(d * (d + 5) / (4 * level(n_r, math.exp(x), lam, d)) / n_r / target)
    grid = np.linspace(0, math.log(1e8), 400)
    top = grid[np.argmax([gain(x) for x in grid])]
    return math.exp(brentq(gain, top, math.log(1e8), xtol=1e-12))


def check_formulas():
    settings = [(1e4, 0.7, 100), (1e4, 0.85, 100), (1e4, 0.95, 100), (1e5, 0.7, 100), (1e5, 0.95, 100),
                (1e9, 0.7, 100), (1e9, 0.85, 100), (1e9, 0.95, 100), (1e9, 0.9, 1), (1e5, 0.9, 16)]
    for n_r, lam, d in settings:
        found = ask("--n-real", n_r, "--dim", d, "--bias", lam)
        root = largest(n_r, lam, d)
        assert found["leading_n_synthetic"] == math.floor(root), (n_r, lam, d, root, found)
        # all orders in d/n: within 3 d/n_r of the leading one
        assert abs(found["n_synthetic"] / root - 1) < 3 * (d + 5) / n_r + 1 / root, (root, found)
        limit = (4 * (2 - lam) + (d + 1) * (0.5 + 1.5 * lam - lam ** 2)) / (1 - lam) ** 2
        assert math.isclose(found["limit"], limit, rel_tol=1e-12)
        if n_r == 1e9:
            assert abs(found["n_synthetic"] / limit - 1) < 1e-4 + 1 / limit, (limit, found)
        assert found["gain"] >= 1
    printed = [ask("--n-real", 1e9, "--dim", d, "--bias", lam)["n_synthetic"]
               for d, lam in ((100, 0.85), (100, 0.95), (1, 0.9))]
    assert printed == [4928, 42985, 647], printed
    for k in (0.5, 1, 4, 10):  # F8
        found = ask("--n-real", 1e6, "--dim", 4, "--n-synthetic", k * 1e6, "--real-weight", "golden")
        assert abs(found["gain"] - (1 + math.sqrt(1 + 4 * k)) / 2) < 1e-4 * found["gain"], found
        assert abs(found["real_weight"] - (math.sqrt(1 + 4 * k) - 1) / (2 * k)) < 1e-12
    for memory in (2, 10, 100):  # F5
        found = ask("--n-real", 1e6, "--dim", 4, "--n-synthetic", 1e7, "--memory", memory)
        p, q = 1 / 11, 10 / 11
        assert abs(found["gain"] - (memory + q) / (memory * p + q)) < 1e-3 * found["gain"], found
    # F11: a leak and a detector are other sizes of the same loop
    leak = ask("--n-real", 1000, "--dim", 8, "--bias", 0.9, "--n-synthetic", 300, "--leak", 0.2)
    plain = ask("--n-real", 800, "--dim", 8, "--bias", 0.9, "--n-synthetic", 500)
    assert math.isclose(leak["n_effective"], plain["n_effective"], rel_tol=1e-9)
    sieve = ask("--n-real", 1000, "--dim", 8, "--bias", 0.9, "--n-synthetic", 2500, "--tpr", 0.8, "--fpr", 0.2)
    assert math.isclose(sieve["n_effective"], plain["n_effective"], rel_tol=1e-9)
    print(f"{len(settings)} roots, F5, F7, F8, F11")


def check_inverse():
    found = ask("--n-effective", 1500, "--dim", 100, "--bias", 0.9, "--n-synthetic", 5000)
    at = [ask("--n-real", found["n_real"] - less, "--dim", 100, "--bias", 0.9, "--n-synthetic", 5000)
          for less in (0, 1)]
    assert at[0]["n_effective"] >= 1500 > at[1]["n_effective"], (found, at)
    found = ask("--n-effective", 1500, "--dim", 10, "--share", 0.1)
    assert found["n_effective_there"] >= 1500 and found["n_synthetic"] == 9 * found["n_real"]
    assert abs(found["n_real"] / (1500 / 1.9) - 1) < 0.01, found  # F5, K = 1: n_e = n_r (1 + q)
    band = ask("--n-real", 1000, "--dim", 10, "--bias", 0.95, "--target", 1.2)
    for n, good in ((band["least_n_synthetic"], True), (band["least_n_synthetic"] - 1, False),
                    (band["n_synthetic"], True), (band["n_synthetic"] + 1, False)):
        at = ask("--n-real", 1000, "--dim", 10, "--bias", 0.95, "--target", 1.2, "--n-synthetic", n)
        assert at["admissible"] == good, (n, at)
    free = ask("--n-real", 1000, "--dim", 10)
    assert free["unbounded"] and free["n_synthetic"] is None
    text, _ = madloop("admissible", "--n-real", 1000, "--dim", 10)
    assert "unbounded" in text and "no largest size" in text.replace("\n", " "), text
    print("inverses meet their targets; no bias, no bound")


GAUSS = """
replicates: {replicates}
generations: 60
world: {{kind: gauss, dim: {d}}}
model: {{kind: gauss, ddof: unbiased}}
loop: {{family: fresh, n_initial: {n_r}, n_real: {n_r}, n_synthetic: {n_s}{more}}}
bias: {{kind: shrink, strength: {lam}}}
measure: {{metrics: [frechet], moments: model, preview: 0, lineage_ages: 0}}
checkpoint: {{every: 60}}
"""


def distances(folder, **keys):
    """E W2^2 of one fit and of the settled loop, and the standard error of the ln of their ratio."""
    config = folder / "gauss.yaml"
    config.write_text(GAUSS.format(**{"more": "", **keys}))
    out = folder / "-".join(str(x) for x in keys.values()).replace("/", "_").replace(" ", "")
    madloop("run", config, "-o", out, "--progress", "none")
    x = h5py.File(out / "run.h5")["metrics/frechet"][()]
    one, late = x[:, 0], x[:, 30:].mean(axis=1)
    error = math.sqrt(sum(a.var(ddof=1) / len(a) / a.mean() ** 2 for a in (one, late)))
    return math.log(late.mean() / one.mean()), error


def check_simulated(folder):
    """10 % below the bound the loop is nearer than one fit, 10 % above it is not. A right bound fails a
    side with probability below 1e-3 (z > 3.1); the bound of another bias must fail."""
    for n_r, lam, d, replicates in ((1000, 0.85, 100, 24), (100, 0.8, 16, 1000), (20, 0.8, 2, 8000)):
        bound = ask("--n-real", n_r, "--dim", d, "--bias", lam)["n_synthetic"]
        wrong = ask("--n-real", n_r, "--dim", d, "--bias", (1 + lam) / 2)["n_synthetic"]
        keys = {"n_r": n_r, "lam": lam, "d": d, "replicates": replicates}
        for factor, sign, n in ((0.9, -1, bound), (1.1, 1, bound), (0.9, -1, wrong)):
            gap, error = distances(folder, n_s=round(factor * n), **keys)
            assert (sign * gap / error > 3.1) == (n == bound), (keys, factor, n, gap, error)
    # memory and bias together, a fixed weight and bias together: levels, to 2 % and 4 standard errors
    for more, arguments in ((", age: uniform(5)", ["--memory", 5]), (", real_weight: 0.6", ["--real-weight", 0.6])):
        gain = ask("--n-real", 300, "--dim", 4, "--bias", 0.9, "--n-synthetic", 600, *arguments)["gain"]
        gap, error = distances(folder, n_r=300, n_s=600, lam=0.9, d=4, replicates=1500, more=more)
        assert abs(gap + math.log(gain)) < 0.02 + 4 * error, (more, gap, gain, error)
    print("bounds hold in simulated loops, within 10 %")


def check_refused():
    base = ["--n-real", 1000, "--dim", 10]
    for words, arguments in (
            ("takes --dim", ["--n-real", 10]), ("give --n-real", ["--dim", 10]),
            ("give --n-real", base + ["--n-effective", 10]),
            ("--n-effective takes", ["--dim", 10, "--n-effective", 10]),
            ("no --share", base + ["--share", 0.5]),
            ("between 0 and 1", base + ["--real-weight", "heavy"]),
            ("no formula covers --leak and a detector", base + ["--leak", 0.1, "--tpr", 0.1]),
            ("no formula covers --leak and --real-weight", base + ["--leak", 0.1, "--real-weight", "golden"]),
            ("no formula covers --leak and --memory", base + ["--leak", 0.1, "--memory", 3]),
            ("no formula covers a detector", base + ["--tpr", 0.1, "--real-weight", 0.5]),
            ("n_real >= dim", ["--n-real", 9, "--dim", 10]),
            ("10 dim", ["--n-real", 99, "--dim", 10, "--memory", 2])):
        _, error = madloop("admissible", *arguments, code=2)
        assert words in error and error.count("\n") == 1, error
    _, error = madloop("admissible", *base, "--target", 2.5, code=1)
    assert "the best is 2.0" in error, error
    _, error = madloop("admissible", "--dim", 100, "--n-effective", 1500, "--share", 0.1, "--bias", 0.9, code=1)
    assert "bias alone" in error, error
    print("refused: one line each")


def moments_at(n_r, n_s, n_initial, lam, generations):
    """F2: S_t and V_t per coordinate, exact."""
    n = n_r + n_s
    p, q = n_r / n, n_s / n
    s, v = 1.0, 1 / n_initial
    for _ in range(generations - 1):
        mixed = p + q * lam * s
        s, v = mixed + n * p * q / (n - 1) * v, q * q * v + mixed / n
    return s, v


FRESH = """
replicates: 8
generations: 20
world: {kind: gauss, dim: 2}
model: {kind: gauss, ddof: unbiased}
loop: {family: fresh, n_initial: 200, n_real: 100, n_synthetic: 100}
bias: {kind: shrink, strength: 0.9}
measure: {metrics: [trace], moments: model, preview: 0, lineage_ages: 0}
"""


def check_least_share(folder):
    """Null law: an interval of confidence 0.95 covers n* of F2; fewer than 88 of 100 then have a probability
    below 0.003 (binomial at 0.95, and Bonferroni covers more). A law without the bias must be missed."""
    config = folder / "fresh.yaml"
    config.write_text(FRESH)

    def ask_runs(*arguments):
        return json.loads(madloop("admissible", config, *arguments, "--json", "-t", 1)[0])

    def truth(lam):
        return next(n for n in range(1, 200) if moments_at(n, 200 - n, 200, lam, 20)[0] >= 0.9)

    good, other = truth(0.9), truth(0.85)
    held = missed = 0
    for seed in range(100):
        found = ask_runs("--metric", "trace", "--within", 0.1, "--generation", 20, "--confidence", 0.95, f"seed={seed}00")
        held += found["n_real_low"] <= good <= found["n_real_high"]
        missed += not found["n_real_low"] <= other <= found["n_real_high"]
    assert held >= 93, held
    assert missed >= 12, (missed, other)  # an interval of the wrong law would not pass
    assert found["runs"] == sum(p["replicates"] for p in found["points"]) // 8
    assert found["generations_trained"] == 20 * 8 * found["runs"]
    # an error that must not grow, n_synthetic constant: V_20 at most 1.5 V_1; all n_initial rows are as many
    found = ask_runs("--metric", "mean_error_sq", "--within", 0.5, "--keep", "synthetic", "loop.n_synthetic=300",
                     "--most", 250, "replicates=64")
    least = next(n for n in range(1, 300) if moments_at(n, 300, 200, 0.9, 20)[1] <= 1.5 / 200)
    assert found["n_real_low"] <= least <= found["n_real_high"] < 250, (least, found)
    assert found["share_low"] == found["n_real_low"] / (found["n_real_low"] + 300)
    text, note = madloop("admissible", config, "--metric", "trace", "--within", 0.001, "--looks", 1, code=1)
    assert "above" in text and "no n_real up to 199" in note and "open" in note, (text, note)
    for words, arguments in (
            ("modes_covered", ["--metric", "modes_covered"]), ("is no measure", ["--metric", "kid"]),
            ("one number", ["--metric", "trace", "loop.n_real=linear(1,9)"]),
            ("replicates", ["--metric", "trace", "replicates=1"]), ("models", ["--metric", "trace", "models=2"]),
            ("generation 1", ["--metric", "trace", "generations=1"]),
            ("'--most' is 300", ["--metric", "trace", "--most", 300]),
            ("give a CONFIG", []), ("give a CONFIG", ["--metric", "trace", "--dim", 3])):
        _, error = madloop("admissible", config, *arguments, code=2)
        assert words in error and error.count("\n") == 1, error
    print(f"least share: {held} of 100 intervals cover it, {missed} miss that of another bias")


SIXTEEN = """
replicates: 64
generations: 12
world: {kind: gauss, dim: 16}
model: {kind: gauss, ddof: unbiased}
loop: {family: fresh, n_initial: 300, n_real: 300, n_synthetic: 300}
bias: {kind: shrink, strength: 0.9}
measure: {metrics: [frechet], moments: model, preview: 0, lineage_ages: 0}
"""

KERNEL = """
replicates: 400
generations: 10
world: {kind: gauss, dim: 2}
model: {kind: kde, bandwidth: 0.2}
loop: {family: fresh, n_initial: 400, n_real: 400, n_synthetic: 400}
measure: {n: 2000, metrics: [frechet], preview: 0, lineage_ages: 0}
"""


def check_calibrated(folder):
    config = folder / "sixteen.yaml"
    config.write_text(SIXTEEN)

    def calibrate(*arguments, code=0):
        return json.loads(madloop("admissible", config, "--calibrate", "--json", *arguments, code=code)[0])

    found = calibrate()
    true = ask("--n-real", 300, "--dim", 16, "--bias", 0.9)["n_synthetic"]
    wrong = ask("--n-real", 300, "--dim", 16, "--bias", 0.92)["n_synthetic"]
    size = found["n_synthetic"]
    # standard error about 1.2 %, the neglect of d/n about 2 %: five errors are 8 %
    assert abs(size["value"] / true - 1) < 0.08 < abs(size["value"] / wrong - 1), (size, true, wrong)
    assert size["low"] < size["value"] < size["high"] < 1.2 * size["low"], size
    assert abs(found["d_eff"] / 16 - 1) < 0.1 and abs(found["lam_eff"] - 0.9) < 0.01, found
    assert found["lam_eff_of"] == "synthetic rows" and found["check"]["held"], found
    assert found["check"]["generations"] == 24 and found["runs"] == 7
    assert found["generations_trained"] == 64 * (4 + 2 * 12 + 24)
    # the root of the distance is the same distance; --most leaves the check out; less is asked, more is allowed
    root = calibrate("--metric", "gaussian_w2", "--most", 10)
    assert math.isclose(root["n_synthetic"]["value"], size["value"], rel_tol=1e-6) and root["check"] is None
    assert calibrate("--target", 0.8, "--most", 10)["n_synthetic"]["value"] > 1.2 * size["value"]
    free = calibrate("bias.strength=1", "--most", 10)
    assert free["lam_eff"] > 0.97 and free["n_synthetic"]["high"] == "inf", free  # no bias: no bound
    # a model that errs in every fit: its bound against runs that were not part of the calibration
    config.write_text(KERNEL)
    kernel = calibrate("--most", 10)
    assert kernel["lam_eff_of"] == "every fit", kernel
    level = {}
    for factor in (1 / 1.5, 1.5):
        out = folder / f"kernel{factor:.1f}"
        madloop("run", config, f"loop.n_synthetic={round(factor * kernel['n_synthetic']['value'])}", "generations=20",
                "checkpoint.every=20", "seed=77", "-o", out, "--progress", "none")
        x = h5py.File(out / "run.h5")["metrics/frechet"][()]
        level[factor] = x[:, 10:].mean() / x[:, 0].mean()
    assert level[1 / 1.5] < 1 < level[1.5], level
    config.write_text(SIXTEEN)
    for words, arguments in (
            ("fresh real rows", ["loop.family=synthetic_augmentation"]), ("loop.age", ["loop.age=all"]),
            ("fresh real rows", ["channel.kind=leak"]), ("4 or more", ["generations=3"]),
            ("is no distance", ["--metric", "recall"]), ("--calibrate", ["--dim", 3])):
        _, error = madloop("admissible", config, "--calibrate", "replicates=4", *arguments, code=2)
        assert words in error.splitlines()[-1], error
    print(f"calibrated: {size['value']:.0f} against {true}; kernel density {kernel['n_synthetic']['value']:.0f}, "
          f"level {level[1 / 1.5]:.2f} to {level[1.5]:.2f} of one fit's within a factor 1.5")


check_formulas()
check_inverse()
check_refused()
with workspace() as name:
    check_calibrated(pathlib.Path(name))
    check_least_share(pathlib.Path(name))
    check_simulated(pathlib.Path(name))
