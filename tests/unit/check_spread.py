"""Recompute shape, tails, dimension and entropy of rows with numpy, scipy and scikit-learn. usage: check_spread.py GROUP_PRINT"""
import sys

try:
    import numpy as np
    from scipy import special, stats
    from scipy.spatial.distance import cdist
    from sklearn.linear_model import LinearRegression
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from group_cases import close, failures, finish, pairs_of_sets, run

rng = np.random.default_rng(612)


def neighbours(rows):
    """Ascending distances of each row to the others, by explicit differences."""
    distance = cdist(rows, rows)
    np.fill_diagonal(distance, np.inf)
    return np.sort(distance, 1)[:, :-1]


def cov_of(rows):
    return np.atleast_2d(np.cov(rows, rowvar=False))


def is_point(rows):
    return np.all(rows == rows[0])


def check_shape(case, real, fake, got):
    names = ["effective_rank", "participation_ratio", "spectral_slope"]
    if is_point(fake):
        expected = [np.nan] * 3
    else:
        values = np.linalg.eigvalsh(cov_of(fake))[::-1]
        kept = values[values > 1e-12 * values[0]]
        line = stats.linregress(np.log(np.arange(1, len(kept) + 1)), np.log(kept)).slope \
            if len(kept) > 1 else np.nan
        positive = np.maximum(values, 0)
        expected = [np.exp(stats.entropy(positive)), positive.sum() ** 2 / (positive ** 2).sum(), line]
    for name, value in zip(names, expected):
        close(case, name, got[name], value, 1e-9, 1e-12)
    # |trace| of the centred rows, independently of a covariance
    trace = [np.sum((a - a.mean(0)) ** 2) / (len(a) - 1) for a in (fake, real)]
    close(case, "trace_ratio", got["trace_ratio"],
          np.nan if is_point(real) else trace[0] / trace[1], 1e-9, 1e-13)


def is_singular(rows):
    if len(rows) < 2 or np.any(np.ptp(rows, 0) == 0):
        return True
    values = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(rows, rowvar=False)))
    return values[0] <= 1e-12 * values[-1]


def check_tails(case, real, fake, got):
    q = case.get("q", 0.95)
    if is_singular(real):
        for name in ("tail_mass_emp_q", "tail_mass_chi2_q"):
            close(case, name, got[name], np.nan)
        return
    inverse = np.linalg.inv(cov_of(real))
    def squares(rows):
        centred = rows - real.mean(0)
        return np.einsum("ij,jk,ik->i", centred, inverse, centred)
    for name, limit in (("tail_mass_emp_q", np.quantile(np.sqrt(squares(real)), q)),
                        ("tail_mass_chi2_q", np.sqrt(stats.chi2.ppf(q, real.shape[1])))):
        distance = np.sqrt(squares(fake))
        # where rows lie on the limit, rounding decides between the two counts
        low, high = ((distance > limit * (1 + e)).mean() for e in (1e-9, -1e-9))
        if not low - 1e-15 <= got[name] <= high + 1e-15 or (not case.get("ties") and low != high):
            failures.append(f"{case['name']}: {name} is {got[name]}, expected {low}..{high}")


def check_dimension(case, fake, got):
    distance = neighbours(np.unique(fake, axis=0))
    n, k = len(distance), case.get("k", 10)
    fit = mle = inverse_mean = np.nan
    if n >= 3:
        ratio = np.sort(np.log(distance[:, 1] / distance[:, 0]))
        kept = int(n * 0.9)
        x, y = ratio[:kept, None], -np.log(1 - np.arange(kept) / n)
        if ratio.mean() > 1e-12:
            mle = n / ratio.sum()
        if np.any(x > 1e-12):
            fit = LinearRegression(fit_intercept=False).fit(x, y).coef_[0]
    if n > k:
        each = np.log(distance[:, k - 1:k] / distance[:, :k - 1]).sum(1) / (k - 1)
        inverse_mean = 1 / each.mean() if each.mean() > 1e-12 else np.nan
    for name, value in (("twonn_fit", fit), ("twonn_mle", mle), ("mle_inverse_mean", inverse_mean)):
        close(case, name, got[name], value)


def check_entropy(case, fake, got):
    (n, dim), k = fake.shape, case.get("entropy_k", 3)
    value = np.nan
    if n > k:
        with np.errstate(divide="ignore"):
            radius = np.log(neighbours(fake)[:, k - 1])
        ball = dim / 2 * np.log(np.pi) - special.gammaln(dim / 2 + 1)
        value = special.digamma(n) - special.digamma(k) + ball + dim * radius.mean()
    close(case, "knn_entropy", got["knn_entropy"], value, 1e-9, 1e-10)


def check(case, got):
    real, fake = np.asarray(case["real"], float), np.asarray(case["fake"], float)
    if "shape" in case["groups"]:
        check_shape(case, real, fake, got)
    check_tails(case, real, fake, got)
    check_dimension(case, fake, got)
    check_entropy(case, fake, got)


def all_cases():
    normal = rng.standard_normal
    for name, real, fake in pairs_of_sets(rng):
        yield {"name": name, "real": real, "fake": fake,
               "ties": name in ("grid", "duplicated rows", "equal sets", "line")}
    keys = ["tail_quantile=0.6", "dimension_k=2", "entropy_k=1"]
    for n, m, dim in [(300, 250, 1), (80, 500, 4), (41, 40, 20)]:
        yield {"name": f"other keys {n} {m} {dim}", "real": normal((n, dim)), "fake": 1.2 * normal((m, dim)),
               "keys": keys, "q": 0.6, "k": 2, "entropy_k": 1}
    scales = 10.0 ** np.linspace(-2, 2, 7)
    yield {"name": "unequal scales", "real": normal((90, 7)) * scales, "fake": normal((80, 7)) * scales}
    spectrum = np.arange(1, 31) ** -0.8
    yield {"name": "power law", "real": normal((99, 30)) * spectrum, "fake": normal((200, 30)) * spectrum}
    yield {"name": "curve", "real": normal((99, 3)),
           "fake": np.stack([np.cos(t := rng.uniform(0, 6, 150)), np.sin(t), t], 1)}
    yield {"name": "lattice", "real": normal((20, 1)), "fake": 0.1 * np.arange(40)[:, None]}
    thrice = np.repeat(normal((30, 2)), 3, 0)
    yield {"name": "every row three times", "real": thrice, "fake": thrice + 0.5, "ties": True}
    yield {"name": "every row four times", "real": thrice, "fake": np.repeat(normal((30, 2)), 4, 0),
           "ties": True}
    yield {"name": "signed zeros", "real": normal((20, 2)),
           "fake": np.concatenate([normal((20, 2)) * [1, 0], [[1.0, -0.0], [1.0, 0.0]]])}


def with_groups(case):
    n, m = len(case["real"]), len(case["fake"])
    laws = ["moments", "shape"] if min(n, m) > 1 else []
    return {**case, "groups": laws + ["tails", "dimension", "entropy"]}


def check_scales():
    """Other units change the entropy by d ln(unit), nothing else."""
    base = with_groups({"name": "units", "real": rng.standard_normal((80, 3)),
                        "fake": rng.standard_normal((70, 3))})
    here = run(sys.argv[1], [base])[0]
    for scale in (1e-150, 3.7, 1e150):
        moved = {**base, "name": f"units of {scale}", "real": base["real"] * scale,
                 "fake": base["fake"] * scale}
        there = run(sys.argv[1], [moved])[0]
        for name in here:
            if name == "knn_entropy":
                close(moved, name, there[name], here[name] + 3 * np.log(scale))
            elif name not in ("mean_error", "mean_error_sq", "trace", "log_det"):
                close(moved, name, there[name], here[name])


cases = [with_groups(case) for case in all_cases()]
for one, values in zip(cases, run(sys.argv[1], cases)):
    check(one, values)
check_scales()
big = with_groups({"name": "threads", "real": rng.standard_normal((701, 5)),
                   "fake": np.round(rng.standard_normal((901, 5)), 1)})
by_threads = run(sys.argv[1], [{**big, "threads": t} for t in (1, 2, 3, 5)])
if any(values != by_threads[0] for values in by_threads):
    failures.append("values differ with the number of threads")
finish(len(cases) + 7)
