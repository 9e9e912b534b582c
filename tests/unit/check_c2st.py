"""Recompute the classifier tests with scikit-learn. usage: check_c2st.py GROUP_PRINT"""
import sys
import warnings

try:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from group_cases import close, failures, finish, pairs_of_sets, run

rng = np.random.default_rng(9157)
warnings.simplefilter("error")
GROUPS = ["c2st_linear", "c2st_quadratic", "c2st_knn"]


def with_products(z):
    i, j = np.triu_indices(z.shape[1])
    return np.concatenate([z, z[:, i] * z[:, j]], 1)


def area(real, fake, products):
    """scikit-learn minimises |w|^2 / 2 + C sum of losses: C = 1 / (2 0.0005 n)."""
    x = np.concatenate([real, fake])
    y = np.repeat([0, 1], [len(real), len(fake)])
    fold = np.concatenate([np.arange(len(real)) % 5, np.arange(len(fake)) % 5])
    score = np.zeros(len(x))
    for k in range(5):
        scaler = StandardScaler().fit(x[fold != k])
        z = scaler.transform(x) * (np.ptp(x[fold != k], axis=0) > 0)
        z = with_products(z) if products else z
        fit = LogisticRegression(C=1000 / (fold != k).sum(), solver="newton-cholesky", tol=1e-9,
                                 max_iter=1000).fit(z[fold != k], y[fold != k])
        score[fold == k] = fit.decision_function(z[fold == k])
    return roc_auc_score(y, np.round(score, 9))  # equal rows tie, whatever rounding made of them


def accuracy(real, fake, k):
    """By the full matrix: rows at the distance of the k-th share the votes that are left."""
    x = np.concatenate([real, fake])
    y = np.repeat([0, 1], [len(real), len(fake)])
    square = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(square, np.inf)
    radius = np.sort(square, 1)[:, k - 1:k]
    nearer, level = square < radius, square == radius
    left = k - nearer.sum(1)
    own = y[None] == y[:, None]
    n_level = level.sum(1)
    twice = 2 * ((nearer & own).sum(1) * n_level + left * (level & own).sum(1))
    return np.where(twice > k * n_level, 1, np.where(twice == k * n_level, 0.5, 0)).mean()


def accuracy_sklearn(real, fake, k):
    """An independent code, for rows without ties and odd k."""
    x = np.concatenate([real, fake])
    y = np.repeat([0, 1], [len(real), len(fake)])
    search = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(x)
    votes = y[search.kneighbors(x)[1][:, 1:]].sum(1)
    return ((2 * votes > k) == y).mean()


def check(case, got):
    real, fake, k = np.asarray(case["real"], float), np.asarray(case["fake"], float), case["k"]
    close(case, "c2st_knn_accuracy", got["c2st_knn_accuracy"], accuracy(real, fake, k), 1e-15)
    if case.get("plain") and k % 2:
        close(case, "c2st_knn_accuracy (scikit-learn)", got["c2st_knn_accuracy"],
              accuracy_sklearn(real, fake, k), 1e-15)
    if case.get("smooth"):
        for name, products in (("c2st_linear_auc", False), ("c2st_quadratic_auc", True)):
            close(case, name, got[name], area(real, fake, products), 1e-12)


def all_cases():
    normal = rng.standard_normal
    for name, real, fake in pairs_of_sets(rng):
        n, m = len(real), len(fake)
        if min(n, m) >= 5:
            yield {"name": name, "real": real, "fake": fake, "k": int(rng.integers(1, 8)),
                   "smooth": np.shape(real)[1] < 20}
    for n, m, dim in [(5, 5, 1), (60, 60, 1), (7, 31, 2), (300, 300, 2), (200, 350, 8), (123, 77, 12)]:
        for k in (1, 4, 5):
            real, fake = normal((n, dim)), 0.7 * normal((m, dim)) + 0.1
            yield {"name": f"plain {n} {m} {dim}, k = {k}", "real": real, "fake": fake, "k": k, "plain": True,
                   "smooth": True}
    flat = lambda n: normal((n, 3)) * [1, 0, 10] + [0, 0.1, 1e4]
    yield {"name": "a flat column", "real": flat(100), "fake": flat(130), "k": 5, "smooth": True}
    yield {"name": "separable", "real": normal((80, 3)), "fake": normal((90, 3)) + 30, "k": 5, "smooth": True}
    heavy = lambda n: rng.standard_t(1.1, (n, 3))
    yield {"name": "heavy tails", "real": heavy(200), "fake": heavy(150), "k": 5, "plain": True, "smooth": True}
    same = normal((70, 3))
    yield {"name": "exact copies", "real": same, "fake": same, "k": 1}
    yield {"name": "all neighbours", "real": normal((9, 2)), "fake": normal((9, 2)), "k": 17}


cases = [{**case, "groups": GROUPS, "keys": [f"c2st_k={case['k']}"]} for case in all_cases()]
answers = run(sys.argv[1], cases)
for one, values in zip(cases, answers):
    check(one, values)
    if one["name"] == "exact copies":
        close(one, "the nearest is the copy", values["c2st_knn_accuracy"], 0.0)
    if one["name"] == "separable":
        close(one, "separable", values["c2st_linear_auc"], 1.0)
    if one["name"] == "points":
        # the intercept alone, the same in every fold: 20 and 15 rows, 4 and 3 held out
        close(one, "points", values["c2st_linear_auc"], 0.5)
        close(one, "points", values["c2st_quadratic_auc"], 0.5)
for scale in (1e-150, 1e150):
    one = next(case for case in cases if case["name"].startswith("plain 200 350 8, k = 5"))
    here, there = run(sys.argv[1], [one, {**one, "real": one["real"] * scale, "fake": one["fake"] * scale}])
    for name, value in here.items():
        close({"name": f"scale {scale}"}, name, there[name], value, 1e-12)
big = {"name": "threads", "real": rng.standard_normal((633, 5)), "fake": rng.standard_normal((701, 5)) * 1.1,
       "groups": GROUPS}
by_threads = run(sys.argv[1], [{**big, "threads": t} for t in (1, 2, 3, 5)])
if any(values != by_threads[0] for values in by_threads):
    failures.append("values differ with the number of threads")
check({**big, "k": 5, "plain": True, "smooth": True}, by_threads[0])
few = run(sys.argv[1], [{**big, "keys": ["c2st_columns=19"], "groups": GROUPS[:2]}])[0]
if np.isnan(few["c2st_linear_auc"]) or not np.isnan(few["c2st_quadratic_auc"]):
    failures.append("c2st_columns is not heeded: 5 columns and 15 products")
finish(len(cases) + 7)
