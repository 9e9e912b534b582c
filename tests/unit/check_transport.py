"""Recompute the Wasserstein distances with scipy and numpy. usage: check_transport.py GROUP_PRINT"""
import sys

try:
    import numpy as np
    from scipy.optimize import linear_sum_assignment, linprog
    from scipy.spatial.distance import cdist
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from group_cases import close, failures, finish, pairs_of_sets, run

rng = np.random.default_rng(977)
GROUPS = ["axis", "sliced", "emd"]


def w2_sq_line(x, y):
    """Both quantile functions on every step of either: repeated up to the least common multiple."""
    n = np.lcm(len(x), len(y))
    return ((np.repeat(np.sort(x), n // len(x)) - np.repeat(np.sort(y), n // len(y))) ** 2).mean()


def emd(real, fake):
    cost = cdist(real, fake, "sqeuclidean")
    n, m = cost.shape
    if n == m:
        rows, cols = linear_sum_assignment(cost)
        return cost[rows, cols].mean()
    if n * m > 4000:
        times = np.lcm(n, m)
        if times <= 3000:
            big = np.repeat(np.repeat(cost, times // n, 0), times // m, 1)
            rows, cols = linear_sum_assignment(big)
            return big[rows, cols].mean()
    both = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    weight = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    done = linprog(cost.ravel(), A_eq=both[:-1], b_eq=weight[:-1], method="highs", options=options)
    return done.fun


def check(case, got):
    real, fake, theta = (np.asarray(case[key], float) for key in ("real", "fake", "directions"))
    theta = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    wide = np.abs(np.concatenate([real, fake])).max() ** 2
    lines = np.mean([w2_sq_line(real[:, k], fake[:, k]) for k in range(real.shape[1])])
    close(case, "axis_w2_sq", got["axis_w2_sq"], lines, 1e-12, 1e-30)
    sliced = np.mean([w2_sq_line(real @ t, fake @ t) for t in theta])
    close(case, "sliced_w2_sq", got["sliced_w2_sq"], sliced, 1e-11, 1e-14 * wide)
    close(case, "sliced_w2", got["sliced_w2"], np.sqrt(sliced), 1e-11, 1e-7 * np.sqrt(wide))
    most = case.get("most", 2000)
    if max(len(real), len(fake)) > most:
        close(case, "emd_w2_sq", got["emd_w2_sq"], np.nan)
        return
    # the plan of a linear program is right to 1e-9 of the costs
    close(case, "emd_w2_sq", got["emd_w2_sq"], emd(real, fake), 1e-9, 1e-12 * wide)
    if real.shape[1] == 1:
        close(case, "emd_w2_sq (closed form)", got["emd_w2_sq"], lines, 1e-12, 1e-30)


def all_cases():
    for name, real, fake in pairs_of_sets(rng):
        yield {"name": name, "real": real, "fake": fake}
    for n, m in [(1, 1), (2, 2), (7, 7), (12, 18), (16, 64), (64, 16), (31, 32), (97, 10), (200, 300)]:
        real, fake = rng.standard_normal((n, 1)), 2 * rng.standard_normal((m, 1))
        yield {"name": f"line {n} {m}", "real": real, "fake": fake}
        real, fake = rng.integers(0, 3, (n, 2)), rng.integers(0, 3, (m, 2))
        yield {"name": f"ties {n} {m}", "real": real, "fake": fake}
        if n * m < 4000:
            real, fake = rng.exponential(1, (n, 4)), rng.exponential(2, (m, 4))
            yield {"name": f"exponential {n} {m}", "real": real, "fake": fake}
    for n in (300, 500):
        real, fake = rng.standard_normal((n, 2)), rng.standard_normal((n, 2))
        yield {"name": f"plane {n}", "real": real, "fake": fake}
    real = rng.standard_normal((200, 3))
    yield {"name": "permuted", "real": real, "fake": real[rng.permutation(200)]}
    yield {"name": "too many rows", "real": real, "fake": real[:20], "keys": ["emd_rows=199"], "most": 199}


cases = [{**case, "groups": GROUPS,
          "directions": rng.standard_normal((11, np.asarray(case["real"]).shape[1])) * 3}
         for case in all_cases()]
for one, values in zip(cases, run(sys.argv[1], cases)):
    check(one, values)
for scale in (1e-150, 1e150):
    one = {**cases[3], "name": f"scale {scale}"}
    here, there = run(sys.argv[1], [one, {**one, "real": one["real"] * scale, "fake": one["fake"] * scale}])
    for name, value in here.items():
        unit = scale if name == "sliced_w2" else scale ** 2
        close(one, name, there[name] / unit, value, 1e-6 if scale < 1 else 1e-11)
big = {**cases[0], "name": "threads", "real": rng.standard_normal((333, 5)),
       "fake": rng.standard_normal((201, 5)), "directions": rng.standard_normal((37, 5))}
by_threads = run(sys.argv[1], [{**big, "threads": t} for t in (1, 2, 3, 5)])
if any(values != by_threads[0] for values in by_threads):
    failures.append("values differ with the number of threads")
finish(len(cases) + 6)
