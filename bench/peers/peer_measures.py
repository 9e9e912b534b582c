#!/usr/bin/env python3
"""Peer: measures as they are usually taken, with numpy, scipy and scikit-learn. JSON.

    peer_measures.py NAME --folder FOLDER [--repeats N]
    peer_measures.py rows --folder FOLDER --rows N --dim N

The second makes the files that the others, and madloop, read: real, fake and train of correlated
normal rows, directions, centres. Reading is not part of the seconds.
"""
import argparse
import json
import pathlib
import resource
import statistics
import time
import warnings

import numpy as np
import scipy.linalg
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from scipy.special import gammaln, logsumexp, psi
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin_min, pairwise_distances_chunked, roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import PolynomialFeatures, StandardScaler, normalize

MODE_SD = 1.0  # of the centres that `rows` writes


def make_rows(folder, n, dim):
    rng = np.random.default_rng(n + dim)
    mix = np.eye(dim) + 0.3 / np.sqrt(dim) * rng.standard_normal((dim, dim))
    for name, shift in (("real", 0.0), ("fake", 0.1), ("train", 0.0)):
        np.save(folder / f"{name}.npy", rng.standard_normal((n, dim)) @ mix + shift)
    for name, count in (("directions", 128), ("centres", 64)):
        np.save(folder / f"{name}.npy", rng.standard_normal((count, dim)))
    if dim == 28 * 28:
        for name in ("real", "fake"):
            np.save(folder / f"{name}-pictures.npy",
                    np.load(folder / f"{name}.npy").reshape(n, 28, 28))


# ---- laws ----------------------------------------------------------------------------------------


def law(x):
    return x.mean(0), np.cov(x, rowvar=False)


def moments(f):
    (m1, c1), (m2, c2) = law(f.real), law(f.fake)
    square = ((m1 - m2) ** 2).sum()
    return {"mean_error": np.sqrt(square), "mean_error_sq": square, "trace": np.trace(c2),
            "log_det": np.linalg.slogdet(c2)[1], "trace_ratio": np.trace(c2) / np.trace(c1)}


def shape(f):
    w = np.linalg.eigvalsh(law(f.fake)[1])[::-1]
    p = w / w.sum()
    slope = np.polyfit(np.log(np.arange(1, len(w) + 1)), np.log(w), 1)[0]
    return {"effective_rank": np.exp(-(p * np.log(p)).sum()),
            "participation_ratio": 1 / (p ** 2).sum(), "spectral_slope": slope}


def directions(f):
    w, v = np.linalg.eigh(law(f.real)[1])
    ratio = ((v.T @ law(f.fake)[1]) * v.T).sum(1) / w
    return {"direction_ratio_first": ratio[-1], "direction_ratio_last": ratio[0],
            "direction_ratio_min": ratio.min(), "direction_ratio_max": ratio.max()}


def frechet_from(m1, c1, m2, c2, trace):
    value = ((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * trace
    return {"frechet": value, "gaussian_w2": np.sqrt(value)}


def frechet_sqrtm(f):
    """As the usual FID code."""
    (m1, c1), (m2, c2) = law(f.real), law(f.fake)
    root = scipy.linalg.sqrtm(c1 @ c2, disp=False)[0]
    return frechet_from(m1, c1, m2, c2, np.trace(np.real(root)))


def frechet_eigh(f):
    """By two symmetric eigenproblems: the fastest way in numpy."""
    (m1, c1), (m2, c2) = law(f.real), law(f.fake)
    w, v = np.linalg.eigh(c1)
    half = (v * np.sqrt(np.maximum(w, 0))) @ v.T
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ c2 @ half), 0)).sum()
    return frechet_from(m1, c1, m2, c2, trace)


def frechet_ddof0(f):
    (m1, c1), (m2, c2) = ((x.mean(0), np.cov(x, rowvar=False, ddof=0)) for x in (f.real, f.fake))
    root = scipy.linalg.sqrtm(c1 @ c2, disp=False)[0]
    value = frechet_from(m1, c1, m2, c2, np.trace(np.real(root)))["frechet"]
    return {"frechet_ddof0": value}


def heavy_tails(f):
    real, fake = (np.sort(np.linalg.norm(x, axis=1)) for x in (f.real, f.fake))
    top = len(fake) // 100
    return {"hill_index": top / np.log(fake[-top:] / fake[-top - 1]).sum(),
            "tail_quantile_ratio": np.quantile(fake, 0.999) / np.quantile(fake, 0.99),
            "iqr_ratio": stats.iqr(fake) / stats.iqr(real),
            "exceedance_q99": (fake > np.quantile(real, 0.99)).mean()}


def tails(f):
    mean, cov = law(f.real)
    inverse = np.linalg.inv(cov)
    far = [cdist(x, mean[None], "mahalanobis", VI=inverse)[:, 0] for x in (f.real, f.fake)]
    limit = stats.chi2.ppf(0.95, f.real.shape[1])
    return {"tail_mass_emp_q": (far[1] > np.quantile(far[0], 0.95)).mean(),
            "tail_mass_chi2_q": (far[1] ** 2 > limit).mean()}


# ---- distances of samples ------------------------------------------------------------------------


def sliced(f):
    theta = f.directions / np.linalg.norm(f.directions, axis=1, keepdims=True)
    real, fake = (np.sort(x @ theta.T, 0) for x in (f.real, f.fake))
    square = ((real - fake) ** 2).mean()
    return {"sliced_w2_sq": square, "sliced_w2": np.sqrt(square)}


def axis(f):
    return {"axis_w2_sq": ((np.sort(f.real, 0) - np.sort(f.fake, 0)) ** 2).mean()}


def emd(f):
    cost = cdist(f.real, f.fake, "sqeuclidean")
    return {"emd_w2_sq": cost[linear_sum_assignment(cost)].mean()}


def energy(f):
    n, m = len(f.real), len(f.fake)
    cross = cdist(f.real, f.fake).sum()
    real, fake = (2 * pdist(x).sum() for x in (f.real, f.fake))
    return {"energy_v": 2 * cross / (n * m) - real / n ** 2 - fake / m ** 2,
            "energy_u": 2 * cross / (n * m) - real / (n * (n - 1)) - fake / (m * (m - 1))}


def width(f):
    return {"kernel_sigma_used": np.median(pdist(f.real))}


def unbiased(kernel, f):
    n, m = len(f.real), len(f.fake)
    xx, yy = kernel(f.real, f.real), kernel(f.fake, f.fake)
    return ((xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) -
            2 * kernel(f.real, f.fake).mean())


def mmd(f):
    gamma = 0.5 / np.median(pdist(f.real)) ** 2
    return {"mmd2_rbf_unbiased": unbiased(lambda x, y: rbf_kernel(x, y, gamma), f)}


def kid(f):
    return {"kid_unbiased": unbiased(polynomial_kernel, f)}  # (x.y / d + 1)^3


# ---- spread --------------------------------------------------------------------------------------


def scores(name, p):
    p = p[p > 1e-12]
    return {f"vendi_{name}_q05": np.sqrt(p).sum() ** 2,
            f"vendi_{name}_q1": np.exp(-(p * np.log(p)).sum()),
            f"vendi_{name}_q2": 1 / (p ** 2).sum(), f"vendi_{name}_qinf": 1 / p.max()}


def vendi_cosine(f):
    """By the smaller of the two matrices that have the spectrum."""
    z = normalize(f.fake)
    return scores("cosine", np.linalg.eigvalsh(z.T @ z / len(z)))


def vendi_rbf(f):
    gamma = 0.5 / np.median(pdist(f.real)) ** 2
    return scores("rbf", scipy.linalg.eigvalsh(rbf_kernel(f.fake, gamma=gamma) / len(f.fake)))


# ---- neighbours ----------------------------------------------------------------------------------


def nearest(of, rows, k):
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(of).kneighbors(rows)


def prdc(f, k=5):
    """Distances in blocks of rows: no matrix of all pairs is kept."""
    ball = [nearest(x, x, k + 1)[0][:, k] for x in (f.real, f.fake)]
    inside = np.zeros(len(f.real), int)
    precise = np.zeros(len(f.fake), bool)

    def look(d, start):
        in_real = d < ball[0][start:start + len(d), None]
        inside[start:start + len(d)] = in_real.sum(1)
        np.logical_or(precise, in_real.any(0), out=precise)
        return (d < ball[1]).any(1)

    recalled = np.concatenate(list(pairwise_distances_chunked(f.real, f.fake, reduce_func=look)))
    return {"precision": precise.mean(), "recall": recalled.mean(),
            "density": inside.sum() / (k * len(f.fake)), "coverage": (inside > 0).mean()}


def memory(f):
    to, row = nearest(f.train, f.fake, 2)
    other = nearest(f.train, f.train, 2)[0][:, 1]
    base = nearest(f.train, f.real, 1)[0][:, 0]
    return {"authenticity": (to[:, 0] > other[row[:, 0]]).mean(),
            "memorised_fraction": (to[:, 0] < to[:, 1] / 3).mean(),
            "nn_distance_vs_base": to[:, 0].mean() / base.mean()}


def z_of(fake, real):
    n, m = len(real), len(fake)
    u = stats.mannwhitneyu(fake, real).statistic
    return (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)


def copying(f):
    return {"ct_zu": z_of(*(nearest(f.train, x, 1)[0][:, 0] for x in (f.fake, f.real)))}


def copying_cells(f, least=20):
    cell = [pairwise_distances_argmin_min(x, f.centres)[0] for x in (f.fake, f.real, f.train)]
    total = weight = 0.0
    for k in range(len(f.centres)):
        fake, real, train = (x[at == k] for x, at in zip((f.fake, f.real, f.train), cell))
        if len(fake) > least and len(real) and len(train):
            total += len(real) * z_of(*(nearest(train, x, 1)[0][:, 0] for x in (fake, real)))
            weight += len(real)
    return {"ct_cells_by_centres": total / weight}


def c2st_knn(f, k=5):
    rows = np.concatenate([f.real, f.fake])
    side = np.repeat([0, 1], [len(f.real), len(f.fake)])
    votes = side[nearest(rows, rows, k + 1)[1][:, 1:]].sum(1)
    return {"c2st_knn_accuracy": ((2 * votes > k) == side).mean()}


def dimension(f, k=10):
    r = nearest(f.fake, f.fake, k + 1)[0][:, 1:]
    ratio = np.sort(np.log(r[:, 1] / r[:, 0]))
    n = len(ratio)
    kept = ratio[:9 * n // 10]
    level = -np.log1p(-np.arange(len(kept)) / n)
    each = np.log(r[:, -1:] / r[:, :-1]).sum(1) / (k - 1)
    return {"twonn_fit": (kept @ level) / (kept @ kept), "twonn_mle": 1 / ratio.mean(),
            "mle_inverse_mean": 1 / each.mean()}


def entropy(f, k=3):
    n, d = f.fake.shape
    r = nearest(f.fake, f.fake, k + 1)[0][:, k]
    ball = d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)
    return {"knn_entropy": psi(n) - psi(k) + ball + d * np.log(r).mean()}


# ---- classifiers and densities -------------------------------------------------------------------


def area(f, prepare):
    """Mean log-loss + 0.0005 |w|^2, as madloop has it: C = 1 / (2 0.0005 n)."""
    x = np.concatenate([f.real, f.fake])
    y = np.repeat([0, 1], [len(f.real), len(f.fake)])
    fold = np.concatenate([np.arange(len(f.real)) % 5, np.arange(len(f.fake)) % 5])
    score = np.zeros(len(x))
    for k in range(5):
        z = prepare(StandardScaler().fit(x[fold != k]).transform(x))
        fit = LogisticRegression(C=1000 / (fold != k).sum(), solver=f.solver, tol=1e-6,
                                 max_iter=1000)
        fit.fit(z[fold != k], y[fold != k])
        score[fold == k] = fit.decision_function(z[fold == k])
    return roc_auc_score(y, score)


def c2st_linear(f):
    return {"c2st_linear_auc": area(f, lambda z: z)}


def c2st_quadratic(f):
    return {"c2st_quadratic_auc": area(f, PolynomialFeatures(2, include_bias=False).fit_transform)}


def log_mixture(square, log_variance, dim):
    ll = -square / (2 * np.exp(log_variance)) - dim / 2 * log_variance
    return ll - np.log(square.shape[1])


def fit_widths(centres, rows):
    """50 steps of Adam on mean -ln q / d; every centre has its own variance, so has the origin."""
    dim = rows.shape[1]
    square = cdist(rows, centres, "sqeuclidean")
    origin = 0.81 * ((rows - rows.mean(0)) ** 2).sum(1)
    x = np.append(np.log((square.min(0) + 1e-3) / dim), 0.0)
    first, second = np.zeros_like(x), np.zeros_like(x)
    for step in range(1, 51):
        ll = np.column_stack([log_mixture(square, x[:-1], dim),
                              -origin / (2 * np.exp(x[-1])) - dim / 2 * x[-1]])
        share = np.exp(ll - logsumexp(ll, axis=1, keepdims=True))
        weighed = np.append((share[:, :-1] * square).sum(0), share[:, -1] @ origin)
        gradient = (dim / 2 * share.sum(0) - weighed / (2 * np.exp(x))) / (len(rows) * dim)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient ** 2
        x = x - 0.5 * first / (1 - 0.9 ** step) / (np.sqrt(second / (1 - 0.999 ** step)) + 1e-8)
        x[:-1] = np.clip(x[:-1], -40, 20)
    return x[:-1]


def surprise(centres, log_variance, rows):
    dim = rows.shape[1]
    ll = log_mixture(cdist(rows, centres, "sqeuclidean"), log_variance, dim)
    return 0.5 * np.log(2 * np.pi) - logsumexp(ll, axis=1).mean() / dim


def fld(f):
    scaler = StandardScaler().fit(f.real)
    scale = np.sqrt(1 - 1 / len(f.real))  # ddof = 1
    real, fake, train = (scale * scaler.transform(x) for x in (f.real, f.fake, f.train))
    half = len(train) // 2
    log_variance = fit_widths(fake, train)
    baseline = surprise(train[:half], fit_widths(train[:half], train[half:]), real)
    of_real, of_train = (surprise(fake, log_variance, x) for x in (real, train))
    return {"fld": 100 * (of_real - baseline), "fld_gap": 100 * (of_train - of_real)}


# ---- modes and pictures --------------------------------------------------------------------------


def modes(f):
    at, distance = pairwise_distances_argmin_min(f.fake, f.centres)
    limit = MODE_SD * np.sqrt(stats.chi2.ppf(1 - 2 * stats.norm.sf(3), f.fake.shape[1]))
    return {"hq_ratio": (distance <= limit).mean(),
            "modes_covered": len(np.unique(at[distance <= limit]))}


def bridges(f):
    at, distance = pairwise_distances_argmin_min(f.fake, f.centres)
    return {"bridge_mass": (distance > 5 * MODE_SD).mean(),
            "modes_missed": len(f.centres) - len(np.unique(at))}


def power(f):
    """Variances of Fourier coefficients in rings of waves, of the model over the real ones."""
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(28, 1 / 28), np.fft.fftfreq(28, 1 / 28)))
    ring = np.clip(np.floor(np.log2(np.maximum(k, 0.5))) + 1, 0, 5).astype(int)
    of = []
    for x in (f.real_pictures, f.fake_pictures):
        square = np.abs(np.fft.fft2(x - x.mean(0))) ** 2
        of.append(np.bincount(ring.ravel(), (square.sum(0) / (len(x) - 1)).ravel(), 6))
    names = ["0", "1", "2", "4", "8", "16"]
    return {f"power_ratio_{n}": b / a for n, a, b in zip(names, *of)}


# ---- the program ---------------------------------------------------------------------------------

WAYS = {way.__name__: way for way in (
    moments, shape, directions, frechet_sqrtm, frechet_eigh, frechet_ddof0, tails, heavy_tails,
    sliced, axis, emd, energy, width, mmd, kid, vendi_cosine, vendi_rbf, prdc, memory, copying,
    copying_cells, c2st_knn, dimension, entropy, c2st_linear, c2st_quadratic, fld, modes, bridges,
    power)}


class Files:
    """Arrays of a folder by their names, each read when first asked for."""

    def __init__(self, folder, solver):
        self.folder, self.solver = folder, solver

    def __getattr__(self, name):
        value = np.load(self.folder / f"{name.replace('_', '-')}.npy")
        setattr(self, name, value)
        return value


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["rows", *WAYS])
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--solver", default="lbfgs", help="of scikit-learn's LogisticRegression")
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    if args.name == "rows":
        args.folder.mkdir(parents=True, exist_ok=True)
        make_rows(args.folder, args.rows, args.dim)
        print(json.dumps({"rows": args.rows, "dim": args.dim}))
        return
    warnings.simplefilter("ignore")
    files, seconds = Files(args.folder, args.solver), []
    for name in ("real", "fake", "train", "directions", "centres"):
        getattr(files, name)
    if args.name == "power":
        files.real_pictures, files.fake_pictures
    for _ in range(args.repeats):
        start = time.perf_counter()
        values = WAYS[args.name](files)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"workload": args.name, "seconds": statistics.median(seconds),
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                      "values": {name: float(value) for name, value in values.items()}}))


if __name__ == "__main__":
    main()
