"""Recompute what num_print prints with numpy and scipy. usage: check_num.py NUM_PRINT"""
import json
import subprocess
import sys

try:
    import numpy as np
    from scipy import linalg, special, stats
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

failures = []
worst = {}


def close(what, got, expected, rel, absolute, where):
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    if np.array_equal(got, expected):
        return
    error = np.max(np.abs(got - expected) / (rel * np.abs(expected) + absolute))
    worst[what] = max(worst.get(what, 0.0), error)
    if not error <= 1.0:
        failures.append(f"{what} {where}: got {got}, expected {expected}")


def check_scalar(line):
    a, b = line["args"]
    value, what = line["value"][0], line["what"]
    if what == "digamma":
        close(what, value, special.digamma(a), 1e-13, 1e-13, a)
    elif what == "trigamma":
        close(what, value, special.polygamma(1, a), 1e-12, 0, a)
    elif what == "normal_cdf":
        close(what, value, special.ndtr(a), 1e-15 * (1 + a * a), 0, a)  # condition number z^2
    elif what == "normal_quantile":
        close(what, value, special.ndtri(a), 1e-12, 1e-12, a)
    elif what == "student_t":
        # forward, scipy's own inverse is off by 2e-9: a relative error r in t is r d ln P / d ln t in P
        slope = 2 * value * stats.t.pdf(value, a) / b
        close(what, 2 * stats.t.sf(value, a), b, 1e-9 * slope, 0, (a, b))
    elif what == "chi_square_quantile":
        close(what, value, special.gammaincinv(a / 2, b) * 2, 1e-10, 0, (a, b))
    elif what == "log_c4":  # gammaln cancels for large n: the tolerance is its own rounding
        direct = 0.5 * np.log(2 / (a - 1)) + special.gammaln(a / 2) - special.gammaln((a - 1) / 2)
        close(what, value, direct, 1e-14, 2e-15 + 1e-15 * abs(special.gammaln(a / 2)), a)
    else:
        failures.append(f"unknown line {what}")


def check_laws(line):
    n, dim = line["n"], line["dim"]
    x = np.array(line["x"]).reshape(2, n, dim)
    mean = x.mean(axis=1)
    cov = np.array([np.atleast_2d(np.cov(part, rowvar=False)) for part in x])
    where, scale = (n, dim), np.abs(cov).max()
    close("mean", line["mean"], mean.ravel(), 0, 1e-14 * np.sqrt(scale), where)
    close("cov", line["cov"], cov.ravel(), 0, 1e-14 * scale, where)
    # singular values of S1^1/2 S2^1/2, the roots from the rows themselves: sqrtm of the product and
    # eigenvalues of it are only good to sqrt(eps) where covariances are badly conditioned
    roots = [linalg.svd(part - part.mean(0), full_matrices=False)[1:] for part in x]
    half = [v.T * s @ v / np.sqrt(n - 1) for s, v in roots]
    trace = linalg.svdvals(half[0] @ half[1]).sum()
    bures = np.sum((mean[0] - mean[1]) ** 2) + np.trace(cov[0] + cov[1]) - 2 * trace
    # a covariance rounded to eps has roots good to sqrt(eps) along directions it does not have
    tolerance = 1e-7 if n <= dim else 1e-11
    close("bures_sq", line["bures_sq"][0], bures, 0, tolerance * np.trace(cov[0] + cov[1]), where)
    values = linalg.eigvalsh(cov[0])
    flat = values[0] <= 1e-12 * values[-1]
    close("log_det", float(line["log_det"]), -np.inf if flat else np.linalg.slogdet(cov[0])[1], 0,
          1e-10, where)
    w = np.linalg.lstsq(x[0], np.array(line["y"]), rcond=None)[0]
    close("least_squares", line["least_squares"], w, 1e-9, 1e-12, where)


output = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout
lines = [json.loads(line.replace(": [inf]", ": [Infinity]")) for line in output.splitlines()]
for entry in lines:
    check_laws(entry) if entry["what"] == "laws" else check_scalar(entry)
print(len(lines), "lines; worst error as a share of its tolerance:",
      {key: float(f"{value:.2g}") for key, value in worst.items()})
print("\n".join(failures[:20]))
sys.exit(1 if failures or len(lines) < 100 else 0)
