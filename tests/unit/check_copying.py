"""Recompute the measures that look at training rows with numpy and scipy. usage: check_copying.py GROUP_PRINT"""
import sys

try:
    import numpy as np
    from scipy import stats
    from scipy.special import digamma, gammaln, logsumexp
    from sklearn.neighbors import NearestNeighbors
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from group_cases import close, failures, finish, pairs_of_sets, run

rng = np.random.default_rng(7301)
GROUPS = ["copying", "copying_cells", "memory", "training_entropy", "fld"]


def squares(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(-1)


# ---- data copying ----------------------------------------------------------------------------------


def z_of(test, fake, u):
    n, m = len(test), len(fake)
    return (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)


def zu(test, fake, train):
    near = [squares(rows, train).min(1) for rows in (test, fake)]
    far = near[1][:, None] > near[0][None]
    level = near[1][:, None] == near[0][None]
    return z_of(test, fake, far.sum() + level.sum() / 2)


def zu_scipy(test, fake, train):
    """An independent code, for rows without ties."""
    search = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(train)
    near = [search.kneighbors(rows)[0][:, 0] for rows in (test, fake)]
    return z_of(test, fake, stats.mannwhitneyu(near[1], near[0]).statistic)


def cells(test, fake, train, centres, n_least):
    cell = [squares(rows, centres).argmin(1) for rows in (test, fake, train)]
    weight = z = 0
    for k in range(len(centres)):
        of = [rows[at == k] for rows, at in zip((test, fake, train), cell)]
        if len(of[1]) > n_least and len(of[0]) and len(of[2]):
            z += len(of[0]) * zu(*of)
            weight += len(of[0])
    return z / weight if weight else np.nan


# ---- memorisation ----------------------------------------------------------------------------------


def memory(test, fake, train):
    to_train, to_test = squares(fake, train), squares(test, train)
    base, distance = np.sqrt(to_test.min(1)).mean(), np.sqrt(to_train.min(1)).mean()
    ratio = distance / base if base > 0 else np.nan
    if len(train) < 2:
        return np.nan, np.nan, distance, ratio
    within = squares(train, train)
    np.fill_diagonal(within, np.inf)
    first, second = np.sort(to_train, 1)[:, :2].T
    return ((first > within.min(1)[to_train.argmin(1)]).mean(), (9 * first < second).mean(), distance,
            ratio)


def entropy(rows, k=3):
    n, dim = rows.shape
    if n <= k:
        return np.nan
    radius = np.sqrt(np.sort(squares(rows, rows), 1)[:, k])
    ball = dim / 2 * np.log(np.pi) - gammaln(dim / 2 + 1)
    with np.errstate(divide="ignore"):
        return digamma(n) - digamma(k) + ball + dim * np.log(radius).mean()


# ---- feature likelihood ----------------------------------------------------------------------------


def fit_widths(centres, rows):
    """50 steps of Adam on the mean -ln q / d of the rows; every centre has its own variance."""
    n, dim = rows.shape
    square = squares(rows, centres)
    origin = 0.81 * ((rows - rows.mean(0)) ** 2).sum(1)
    x = np.append(np.log((square.min(0) + 1e-3) / dim), 0.0)  # log variances, the origin's at last
    first, second = np.zeros_like(x), np.zeros_like(x)
    for step in range(1, 51):
        s = np.column_stack([square, origin])
        ll = -s / (2 * np.exp(x)) - dim / 2 * x
        ll[:, :-1] -= np.log(len(centres))
        share = np.exp(ll - logsumexp(ll, axis=1, keepdims=True))
        gradient = (share * (dim / 2 - s / (2 * np.exp(x)))).sum(0) / (n * dim)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient ** 2
        x = x - 0.5 * first / (1 - 0.9 ** step) / (np.sqrt(second / (1 - 0.999 ** step)) + 1e-8)
        x[:-1] = np.clip(x[:-1], -40, 20)
    return x[:-1]


def surprise(centres, width, rows):
    dim = rows.shape[1]
    ll = -squares(rows, centres) / (2 * np.exp(width)) - dim / 2 * (width + np.log(2 * np.pi))
    return -(logsumexp(ll, axis=1) - np.log(len(centres))).mean() / dim


def fld(test, fake, train):
    if np.ptp(test, axis=0).min() == 0:
        return np.nan, np.nan
    test, fake, train = [(x - test.mean(0)) / test.std(0, ddof=1) for x in (test, fake, train)]
    half = len(train) // 2
    width = fit_widths(fake, train)
    baseline = surprise(train[:half], fit_widths(train[:half], train[half:]), test)
    of_test, of_train = (surprise(fake, width, rows) for rows in (test, train))
    return 100 * (of_test - baseline), 100 * (of_train - of_test)


# ---- cases -----------------------------------------------------------------------------------------


def check(case, got):
    test, fake, train = (np.asarray(case[side], float) for side in ("real", "fake", "train"))
    close(case, "ct_zu", got["ct_zu"], zu(test, fake, train), 1e-13, 1e-15)
    if case.get("plain"):
        close(case, "ct_zu (scipy)", got["ct_zu"], zu_scipy(test, fake, train), 1e-13, 1e-15)
    close(case, "ct_cells_by_centres", got["ct_cells_by_centres"],
          cells(test, fake, train, case["centres"], case["least"]), 1e-13, 1e-15)
    for name, value, rel in zip(("authenticity", "memorised_fraction", "nn_distance", "nn_distance_vs_base"),
                                memory(test, fake, train), (0, 0, 1e-13, 1e-13)):
        close(case, name, got[name], value, rel)
    close(case, "training_entropy", got["training_entropy"], entropy(train), 1e-9, 1e-10)
    if min(len(test), len(fake), len(train)) >= 2:
        value, gap = fld(test, fake, train)
        # a difference of two: rounding of the terms, and of columns far from zero
        rounding = 1e-12 if np.abs(test).max() < 1e4 else 1e-7
        close(case, "fld", got["fld"], value, 1e-9, rounding)
        close(case, "fld_gap", got["fld_gap"], gap, 1e-9, rounding)


def all_cases():
    normal = rng.standard_normal
    for name, real, fake in pairs_of_sets(rng):
        n, dim = np.shape(real)
        yield {"name": name, "real": real, "fake": fake,
               "train": np.asarray(real)[rng.permutation(n)] + normal((n, dim)) * (n % 2),
               "centres": normal((3, dim)), "least": int(rng.integers(0, 4))}
    for n, m, k, dim in [(60, 60, 60, 1), (70, 43, 90, 2), (200, 301, 150, 3), (40, 80, 130, 30), (90, 65, 33, 100)]:
        test, train, fake = normal((n, dim)), normal((k, dim)), 0.9 * normal((m, dim))
        yield {"name": f"fresh {n} {m} {k} {dim}", "real": test, "fake": fake, "train": train,
               "centres": normal((5, dim)), "least": 5, "plain": True}
        fake = np.concatenate([train[:20], train[5:15] + 1e-4 * normal((10, dim)), fake])
        yield {"name": f"copies {n} {m} {k} {dim}", "real": test, "fake": fake, "train": train,
               "centres": normal((2, dim)), "least": 20, "plain": True}
    grid = lambda n: rng.integers(0, 4, (n, 2))
    yield {"name": "ties", "real": grid(80), "fake": grid(95), "train": rng.integers(0, 9, (12, 2)),
           "centres": [[0, 0], [3, 3], [0, 0], [1.5, 1.5]], "least": 3}
    far = np.concatenate([normal((50, 2)), normal((50, 2)) + 40])
    yield {"name": "one training row", "real": grid(30), "fake": grid(20), "train": grid(1), "centres": [[0, 0]],
           "least": 0}
    once, all_the_same = rng.permutation(12)[:, None] * [1.0, 0.5], np.full((20, 2), 0.5)
    yield {"name": "repeated training rows", "real": grid(30), "fake": once, "train": np.repeat(once, 3, 0),
           "centres": [[0, 0]], "least": 0}
    yield {"name": "training rows a point", "real": grid(30), "fake": grid(25), "train": all_the_same,
           "centres": [[0, 0]], "least": 0}
    yield {"name": "all one point", "real": all_the_same, "fake": all_the_same[:9], "train": all_the_same[:7],
           "centres": [[0, 0]], "least": 0}
    yield {"name": "a cell without training rows", "real": far, "fake": far[::-1] + 0.1, "train": far[:50] + 0.2,
           "centres": [[0, 0], [40, 40]], "least": 20}
    yield {"name": "a cell without model rows", "real": far, "fake": far[:40] + 0.1, "train": far + 0.2,
           "centres": [[0, 0], [40, 40]], "least": 20}
    yield {"name": "every row a training row", "real": far, "fake": far, "train": far, "centres": [[0, 0]], "least": 0}


cases = [{**case, "groups": GROUPS if len(case["train"]) > 1 and len(case["real"]) > 1 else GROUPS[:-1],
          "keys": [f"ct_cell_rows={case['least']}"], "centres": np.asarray(case["centres"], float)}
         for case in all_cases()]
for one, values in zip(cases, run(sys.argv[1], cases)):
    check(one, values)
for scale in (1e-150, 1e150):  # ranks and scaled columns do not hang on the unit
    one = next(case for case in cases if case["name"].startswith("copies 200"))
    moved = {side: np.asarray(one[side]) * scale for side in ("real", "fake", "train", "centres")}
    here, there = run(sys.argv[1], [one, {**one, **moved}])
    here["nn_distance"] *= scale
    here["training_entropy"] += one["train"].shape[1] * np.log(scale)
    for name, value in here.items():
        close({"name": f"scale {scale}"}, name, there[name], value, 1e-9)
n = 900
big = {"name": "threads", "real": rng.standard_normal((n, 5)), "fake": rng.standard_normal((n - 1, 5)),
       "train": rng.standard_normal((n + 77, 5)), "centres": rng.standard_normal((4, 5)), "groups": GROUPS}
by_threads = run(sys.argv[1], [{**big, "threads": t} for t in (1, 2, 3, 5)])
if any(values != by_threads[0] for values in by_threads):
    failures.append("values differ with the number of threads")
check({**big, "least": 20, "plain": True}, by_threads[0])
few = run(sys.argv[1], [{**big, "keys": ["fld_rows=899"], "groups": ["fld"]}])[0]
if not np.isnan(few["fld"]):
    failures.append("fld_rows is not heeded")
finish(len(cases) + 7)
