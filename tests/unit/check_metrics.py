"""Recompute every measure with numpy, scipy and scikit-learn. usage: check_metrics.py METRIC_PRINT"""
import json
import subprocess
import sys

try:
    import numpy as np
    from scipy import linalg, stats
    from scipy.spatial.distance import jensenshannon
    from sklearn.neighbors import NearestNeighbors
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

failures = []
rng = np.random.default_rng(20250)


def close(case, name, got, expected, rel=1e-11, absolute=1e-13):
    got, expected = float(got), float(expected)
    same = got == expected or (np.isnan(got) and np.isnan(expected))
    if not (same or abs(got - expected) <= rel * abs(expected) + absolute):
        failures.append(f"{case['name']}: {name} is {got!r}, expected {expected!r}")


def directions(n, dim):
    """Box-Muller over 16-word blocks of the streams of (seed 7, replicate 3, generation 0, purpose 10)."""
    rows = []
    for item in range(n):
        seed = np.random.SeedSequence(7, spawn_key=(3, 0, 10, item))
        blocks = -(-dim // 16)
        words = np.random.PCG64DXSM(seed).random_raw(8 * blocks).reshape(-1, 8)
        radius = np.sqrt(-2 * np.log((words >> np.uint64(11) | np.uint64(1)) * 2.0**-53))
        angle = 2 * np.pi * (words & np.uint64(0xFFFFFFFF)) * 2.0**-32
        rows.append(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:dim])
    rows = np.array(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def prdc(real, fake, k, rule):
    """By full matrices of explicit differences."""
    square = lambda a, b: ((a[:, None] - b[None]) ** 2).sum(-1)
    ball = lambda a: (np.zeros(len(a)) if len(a) < k + 2 else np.sort(
        np.where(np.eye(len(a), dtype=bool), np.inf, square(a, a)), 1)[:, k - 1])
    inside = np.less if rule == "lt" else np.less_equal
    cross = square(real, fake)
    in_real, in_fake = inside(cross, ball(real)[:, None]), inside(cross, ball(fake)[None])
    real_known, fake_known = (np.where(len(a) < k + 2, np.nan, 1.0) for a in (real, fake))
    return [real_known * in_real.any(0).mean(), fake_known * in_fake.any(1).mean(),
            real_known * in_real.sum() / (k * len(fake)), real_known * in_real.any(1).mean()]


def prdc_sklearn(real, fake, k):
    """Strict rule from scikit-learn's trees: an independent code, for data without ties."""
    tree = lambda a: NearestNeighbors(algorithm="kd_tree").fit(a)
    ball = lambda a: tree(a).kneighbors(a, k + 1)[0][:, -1]
    real_ball, fake_ball = ball(real), ball(fake)
    distance, index = tree(real).kneighbors(fake, len(real))
    hits = distance < real_ball[index]
    back, back_index = tree(fake).kneighbors(real, len(fake))
    covered = np.zeros(len(real), bool)
    covered[index[hits]] = True
    return [hits.any(1).mean(), (back < fake_ball[back_index]).any(1).mean(),
            hits.sum() / (k * len(fake)), covered.mean()]


def frechet(real, fake):
    mean, cov = [], []
    for x in (real, fake):
        mean.append(x.mean(0))
        cov.append(np.atleast_2d(np.cov(x, rowvar=False)))
    if min(len(real), len(fake)) > real.shape[1]:
        trace = np.trace(linalg.sqrtm(cov[0] @ cov[1])).real
        tolerance = 1e-9
    else:  # singular: sum of the singular values of X1 X2^T, exact where sqrtm is not
        scaled = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (real, fake)]
        trace = linalg.svdvals(scaled[0] @ scaled[1].T).sum()
        tolerance = 1e-6
    scale = np.trace(cov[0] + cov[1])
    value = np.sum((mean[0] - mean[1]) ** 2) + scale - 2 * trace
    return max(value, 0), tolerance * max(scale, 1e-300), cov, mean


def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def kl(p, q):
    with np.errstate(divide="ignore"):
        return (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()


def distances(case, got, prefix, p, q):
    """Of two discrete laws. scipy gives the root of the Jensen-Shannon divergence."""
    close(case, prefix + "jsd", got[prefix + "jsd"], jensenshannon(p, q) ** 2, 1e-9, 1e-14)
    close(case, prefix + "tv", got[prefix + "tv"], np.abs(p - q).sum() / 2, 1e-12, 1e-15)


def miller_madow(labels):
    """The entropy of scipy and half the classes that occur but one, over n."""
    count = np.unique(labels, return_counts=True)[1]
    return stats.entropy(count) + (len(count) - 1) / (2 * len(labels))


def check(case, got):
    real, fake, k, rule = case["real"], case["fake"], case["k"], case["rule"]
    dim = real.shape[1]
    square, tolerance, cov, mean = frechet(real, fake)
    close(case, "frechet", got["frechet"], square, 0, tolerance)
    # a root turns an error e of the square into sqrt(e) near 0
    close(case, "gaussian_w2", got["gaussian_w2"], np.sqrt(square), 0,
          min(np.sqrt(tolerance), tolerance / max(np.sqrt(square), 1e-300)))
    parts = [(len(x) - 1) / len(x) for x in (real, fake)]  # of covariances that divide by n
    traces = [np.trace(c) for c in cov]
    cross = (np.sum((mean[0] - mean[1]) ** 2) + sum(traces) - square) / 2
    biased = (square - sum((1 - a) * t for a, t in zip(parts, traces))
              + 2 * (1 - np.sqrt(parts[0] * parts[1])) * cross)
    close(case, "frechet_ddof0", got["frechet_ddof0"], biased, 0, tolerance)
    shift = np.linalg.norm(mean[0] - mean[1])
    close(case, "mean_error", got["mean_error"], shift, 1e-9)
    close(case, "mean_error_sq", got["mean_error_sq"], shift ** 2, 1e-9)
    close(case, "trace", got["trace"], np.trace(cov[1]))
    values = linalg.eigvalsh(cov[1])
    flat = values[0] <= 1e-12 * values[-1]
    close(case, "log_det", got["log_det"], -np.inf if flat else np.linalg.slogdet(cov[1])[1], 1e-9, 1e-9)
    names = ["precision", "recall", "density", "coverage"]
    for name, value in zip(names, prdc(real, fake, k, rule)):
        close(case, name, got[name], value, 1e-15)
    if rule == "lt" and not case["ties"] and min(len(real), len(fake)) >= k + 2:
        for name, value in zip(names, prdc_sklearn(real, fake, k)):
            close(case, name + " (scikit-learn)", got[name], value, 1e-15)
    theta = directions(case["directions"], dim)
    steps = np.lcm(len(real), len(fake))  # both quantile functions on all steps of either
    quantiles = [np.repeat(np.sort(x @ theta.T, 0), steps // len(x), 0) for x in (real, fake)]
    squares = (quantiles[0] - quantiles[1]) ** 2
    wide = np.abs(np.concatenate([real, fake])).max() ** 2
    close(case, "sliced_w2_sq", got["sliced_w2_sq"], squares.mean(), 1e-12, 1e-14 * wide)
    close(case, "sliced_w2", got["sliced_w2"], np.sqrt(squares.mean()), 1e-12, 1e-7 * np.sqrt(wide))
    if dim > 1 and case["regression"]:
        w = [np.linalg.pinv(c[:-1, :-1]) @ c[:-1, -1] for c in cov]
        risk = (w[1] - w[0]) @ cov[0][:-1, :-1] @ (w[1] - w[0])
        close(case, "excess_risk", got["excess_risk"], risk, 1e-8)
    if "centres" in case:
        distance = np.sqrt(((fake[:, None] - case["centres"][None]) ** 2).sum(-1))
        nearest, limit = distance.argmin(1), 3 * case["sd"]
        if dim > 3:
            limit = case["sd"] * np.sqrt(stats.chi2.ppf(1 - 2 * stats.norm.sf(3), dim))
        good = distance.min(1) <= limit
        share = np.bincount(nearest, minlength=len(case["centres"])) / len(fake)
        close(case, "modes_covered", got["modes_covered"], len(set(nearest[good])))
        close(case, "hq_ratio", got["hq_ratio"], good.mean(), 1e-15)
        close(case, "mode_kl_fake_true", got["mode_kl_fake_true"], kl(share, case["weights"]))
        distances(case, got, "mode_", share, case["weights"])
    if "labels" in case:
        share = np.bincount(case["labels"], minlength=case["classes"]) / len(fake)
        close(case, "class_entropy", got["class_entropy"], entropy(share))
        close(case, "class_entropy_normalised", got["class_entropy_normalised"],
              entropy(share) / np.log(case["classes"]) if case["classes"] > 1 else np.nan)
        close(case, "class_entropy_exp", got["class_entropy_exp"], np.exp(stats.entropy(share)))
        close(case, "class_entropy_miller_madow", got["class_entropy_miller_madow"],
              miller_madow(case["labels"]))
        true = np.bincount(case["real_labels"], minlength=case["classes"]) / len(real)
        close(case, "class_kl_fake_true", got["class_kl_fake_true"], kl(share, true))
        distances(case, got, "class_", share, true)
    if "p" in case:
        p, truth, part = case["p"], case["truth"], got["categories"]
        close(case, "categories", part["modes_covered"], (p > 0).sum())
        close(case, "categories kl", part["mode_kl_fake_true"], kl(p, truth))
        close(case, "categories entropy", part["class_entropy"], entropy(p))
        close(case, "categories normalised", part["class_entropy_normalised"],
              entropy(p) / np.log(len(p)) if len(p) > 1 else np.nan)
        close(case, "categories exp", part["class_entropy_exp"], np.exp(stats.entropy(p)))
        distances(case, part, "mode_", p, truth)
        close(case, "category rows", part["class_entropy_miller_madow"],
              miller_madow(case.get("labels", np.zeros(len(fake)))))
        seen = np.unique(case.get("labels", [0])).astype(int)
        close(case, "categories seen", part["categories_seen"], len(seen))
        close(case, "missing mass", part["missing_mass"], np.delete(truth, seen).sum())
        close(case, "heterozygosity", part["heterozygosity"], 1 - (p ** 2).sum())


def make(name, real, fake, k=5, rule="lt", n_directions=16, ties=False, regression=True, **more):
    return {"name": name, "real": np.asarray(real, float), "fake": np.asarray(fake, float), "k": k,
            "rule": rule, "directions": n_directions, "ties": ties, "regression": regression, **more}


def all_cases():
    normal = rng.standard_normal
    for n, m, dim in [(50, 50, 1), (200, 200, 2), (67, 131, 3), (300, 300, 8), (130, 61, 17),
                      (100, 100, 64), (40, 30, 64)]:
        for k in (1, 5):
            real, fake = normal((n, dim)), 0.8 * normal((m, dim)) + 0.3
            yield make(f"normal {n} {m} {dim} k{k}", real, fake, k, regression=m > dim)
    scales = 10.0 ** np.linspace(-3, 3, 6)
    yield make("unequal scales", normal((150, 6)) * scales, normal((150, 6)) * scales * 1.1)
    yield make("far from zero", normal((150, 3)) + 1e4, normal((150, 3)) + 1e4, regression=False)
    yield make("130 directions", normal((90, 5)), normal((90, 5)), n_directions=130)
    for rule in ("lt", "le"):
        grid = rng.integers(0, 4, (120, 2))
        yield make(f"grid ties {rule}", grid, rng.integers(0, 5, (100, 2)), 3, rule, ties=True)
        twice = np.repeat(normal((30, 3)), 2, 0)
        yield make(f"duplicated rows {rule}", twice, twice[::-1] + 0.01, 2, rule, ties=True)
        yield make(f"equal sets {rule}", twice, twice, 5, rule, ties=True)
        same = normal((80, 4))
        yield make(f"equal sets without ties {rule}", same, same, 5, rule, ties=True)
        yield make(f"points {rule}", np.ones((20, 2)), np.ones((20, 2)), 5, rule, ties=True)
        yield make(f"one point {rule}", normal((20, 2)), np.ones((20, 2)), 5, rule, ties=True)
    yield make("two rows", normal((2, 3)), normal((2, 3)), regression=False)
    yield make("k + 1 rows", normal((6, 2)), normal((6, 2)))
    yield make("k + 2 rows", normal((7, 2)), normal((7, 2)))
    for dim, n_modes in [(1, 3), (2, 25), (3, 4), (4, 5), (8, 6)]:
        centres, weights = 3 * normal((n_modes, dim)), rng.dirichlet(np.ones(n_modes))
        fake = centres[rng.integers(0, max(n_modes - 1, 1), 400)] + 0.35 * normal((400, dim))
        labels = rng.integers(0, n_modes, 400)
        yield make(f"modes {dim}", normal((90, dim)), fake, centres=centres, weights=weights, sd=0.3,
                   labels=labels, real_labels=rng.integers(0, n_modes + 1, 90), classes=n_modes + 2)
    yield make("one class", normal((20, 2)), normal((20, 2)), labels=np.zeros(20, int),
               real_labels=np.zeros(20, int), classes=1)
    yield make("no common class", normal((8, 2)), normal((20, 2)), labels=np.arange(20) % 3,
               real_labels=np.full(8, 3), classes=4)
    for n in (1, 2, 30):
        p, truth = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n))
        if n > 2:
            p[3:7] = 0
            p /= p.sum()
        yield make(f"categories {n}", normal((9, 1)), normal((40, 1)), p=p, truth=truth,
                   labels=rng.integers(0, n, 40), real_labels=np.zeros(9, int), classes=n)
    yield make("impossible category", normal((9, 1)), normal((9, 1)), p=np.array([0.5, 0.5]),
               truth=np.array([1.0, 0.0]))


def as_text(case):
    modes = len(case.get("centres", ()))
    parts = [len(case["real"]), len(case["fake"]), case["real"].shape[1], case["k"], case["rule"],
             case["directions"], modes, case.get("classes", 0), len(case.get("p", ()))]
    arrays = [case["real"], case["fake"]]
    if modes:
        arrays += [np.array([case["sd"]]), case["centres"], case["weights"]]
    arrays += [np.asarray(case[key], float) for key in ("labels", "real_labels", "truth", "p") if key in case]
    return " ".join([str(part) for part in parts] + [float(x).hex() for a in arrays for x in a.ravel()])


cases = list(all_cases())
run = subprocess.run([sys.argv[1]], input="\n".join(map(as_text, cases)) + "\n", text=True,
                     capture_output=True)
lines = [json.loads(line) for line in run.stdout.splitlines()]
if run.returncode != 0 or len(lines) != len(cases):
    sys.exit(f"metric_print stopped with {run.returncode} after {len(lines)} cases: {run.stderr}")
for one, values in zip(cases, lines):
    check(one, values)
print(f"{len(cases)} cases, {len(failures)} failures")
print("\n".join(failures[:30]))
sys.exit(1 if failures else 0)
