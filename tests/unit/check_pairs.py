"""Recompute the measures of pairs of rows with numpy, scipy and scikit-learn. usage: check_pairs.py GROUP_PRINT"""
import sys

try:
    import numpy as np
    from scipy import stats
    from scipy.spatial.distance import cdist, pdist
    from sklearn.metrics.pairwise import cosine_similarity, polynomial_kernel, rbf_kernel
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from group_cases import close, failures, finish, pairs_of_sets, run

rng = np.random.default_rng(411)
GROUPS = ["kid", "kernel", "mmd", "energy", "vendi_cosine", "vendi_rbf"]
ORDERS = {"q05": 0.5, "q1": 1.0, "q2": 2.0, "qinf": np.inf}


def mmd2(k, real, fake):
    """Unbiased, and the size of its terms. k: matrix of two sets."""
    n, m = len(real), len(fake)
    if min(n, m) < 2:
        return np.nan, 0.0
    off = lambda a: (k(a, a).sum() - np.trace(k(a, a))) / (len(a) * (len(a) - 1))
    return off(real) + off(fake) - 2 * k(real, fake).mean(), np.abs(k(real, real)).max()


def vendi(k, q):
    p = np.linalg.eigvalsh(k / len(k))
    p = p[p > 1e-12]
    if q == 1:
        return np.exp(-(p * np.log(p)).sum())
    return 1 / p.max() if q == np.inf else (p ** q).sum() ** (1 / (1 - q))


def taken(rows, most):
    """The first steps of Fisher and Yates, by the stream (seed 7, replicate 3, generation 0, purpose 15)."""
    if len(rows) <= most:
        return rows
    bits = np.random.PCG64DXSM(np.random.SeedSequence(7, spawn_key=(3, 0, 15, 0)))
    order = np.arange(len(rows))
    for i in range(most):
        left = len(rows) - i
        word = next(w for w in iter(bits.random_raw, None) if w >= 2**64 % left)
        j = i + word % left
        order[[i, j]] = order[[j, i]]
    return rows[order[:most]]


def check(case, got):
    real, fake = np.asarray(case["real"], float), np.asarray(case["fake"], float)
    dim = real.shape[1]
    value, size = mmd2(lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1 / dim, coef0=1), real,
                       fake)
    close(case, "kid_unbiased", got["kid_unbiased"], value, 1e-10, 1e-13 * size)
    # the Gram formula of scikit-learn loses digits far from zero: the same kernel by cdist there
    sigma = case.get("sigma") or (np.median(pdist(real)) if len(real) > 1 else np.nan)
    near_zero = np.abs(real).max() < 1e3
    gauss = lambda a, b: (rbf_kernel(a, b, gamma=1 / (2 * sigma ** 2)) if near_zero else
                          np.exp(-cdist(a, b, "sqeuclidean") / (2 * sigma ** 2)))
    close(case, "kernel_sigma_used", got["kernel_sigma_used"], sigma, 1e-14)
    known = sigma > 0
    close(case, "mmd2_rbf_unbiased", got["mmd2_rbf_unbiased"],
          mmd2(gauss, real, fake)[0] if known else np.nan, 1e-10, 1e-13 if near_zero else 1e-12)
    wide = cdist(np.concatenate([real, fake]), np.concatenate([real, fake])).max()
    terms = [cdist(a, b).mean() for a, b in ((real, fake), (real, real), (fake, fake))]
    close(case, "energy_v", got["energy_v"], max(2 * terms[0] - terms[1] - terms[2], 0), 1e-10,
          1e-14 * wide)
    if dim == 1:  # scipy gives the root of half of it by distribution functions
        root = stats.energy_distance(real[:, 0], fake[:, 0])
        close(case, "energy_v (scipy)", got["energy_v"], root ** 2, 1e-9, 1e-13 * wide)
    value = 2 * terms[0] - sum(
        t * len(a) / (len(a) - 1) if len(a) > 1 else np.nan
        for t, a in zip(terms[1:], (real, fake)))
    close(case, "energy_u", got["energy_u"], value, 1e-10, 1e-14 * wide)
    most = case.get("most", 2000)
    rows = taken(fake, most) if dim > most else fake
    rows = rows[np.abs(rows).max(1) > 0]
    for suffix, q in ORDERS.items():
        rel = 2e-3 if q < 1 else 1e-9
        close(case, f"vendi_cosine_{suffix}", got[f"vendi_cosine_{suffix}"],
              vendi(cosine_similarity(rows), q) if len(rows) else np.nan, rel)
        close(case, f"vendi_rbf_{suffix}", got[f"vendi_rbf_{suffix}"],
              vendi(gauss(taken(fake, most), taken(fake, most)), q) if known else np.nan,
              rel if near_zero else 1e-6)


def all_cases():
    for name, real, fake in pairs_of_sets(rng):
        yield {"name": name, "real": real, "fake": fake}
        yield {"name": name + ", sigma", "real": real, "fake": fake, "keys": ["kernel_sigma=0.7"],
               "sigma": 0.7}
    normal = rng.standard_normal
    yield {"name": "few rows of many", "real": normal((60, 3)), "fake": normal((205, 3)), "most": 50,
           "keys": ["vendi_rows=50"]}
    yield {"name": "few rows of wide ones", "real": normal((60, 80)), "fake": normal((205, 80)),
           "most": 50, "keys": ["vendi_rows=50"]}
    yield {"name": "rows of zeros", "real": normal((30, 3)),
           "fake": normal((40, 3)) * (np.arange(40) % 3 > 0)[:, None]}
    yield {"name": "all rows zero", "real": normal((30, 3)), "fake": np.zeros((9, 3))}
    for n in (255, 256, 257, 700):  # the sample of the median ends at 256 rows
        yield {"name": f"median of {n}", "real": normal((n, 2)), "fake": normal((40, 2))}
    even = np.arange(512) % 2 == 0  # every second row is in the sample, and near its like
    misleading = normal((512, 2)) * np.where(even, 1e-9, 1e2)[:, None]
    yield {"name": "median that the sample misses", "real": misleading, "fake": normal((40, 2))}
    yield {"name": "median of ties", "real": rng.integers(0, 3, (700, 2)), "fake": normal((40, 2))}
    for scale in (1e-150, 1e150):
        yield {"name": f"scale {scale}", "real": normal((40, 3)), "fake": normal((50, 3)) + 0.2,
               "scale": scale}


def at_scale(case):
    """Distances in other units: energy in those, kernels with the median width as before."""
    scale = case["scale"]
    moved = {**case, "real": case["real"] * scale, "fake": case["fake"] * scale,
             "groups": ["mmd", "kernel", "energy", "vendi_cosine", "vendi_rbf", "kid"]}
    here, there = run(sys.argv[1], [{**case, "groups": moved["groups"]}, moved])
    for name in here:
        if name == "kid_unbiased":
            if scale > 1:
                close(case, name, there[name], np.nan)
        else:
            unit = scale if name in ("energy_v", "energy_u", "kernel_sigma_used") else 1
            close(case, name, there[name] / unit, here[name], 2e-3 if "q05" in name else 1e-9)


cases = [{**case, "groups": GROUPS} for case in all_cases()]
plain = [case for case in cases if "scale" not in case]
for one, values in zip(plain, run(sys.argv[1], plain)):
    check(one, values)
for one in cases:
    if "scale" in one:
        at_scale(one)
big = {"name": "threads", "real": rng.standard_normal((333, 5)), "fake": rng.standard_normal((501, 5)),
       "groups": GROUPS}
by_threads = run(sys.argv[1], [{**big, "threads": t} for t in (1, 2, 3, 5)])
if any(values != by_threads[0] for values in by_threads):
    failures.append("values differ with the number of threads")
finish(len(cases) + 4)
