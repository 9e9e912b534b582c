"""Gaussian fresh-data loops as an array program writes them: all replicates of a loop in one array.

    fresh_numpy.py DIM N_REAL REPLICATES GENERATIONS FIRST N_POINTS STEP

runs the loops FIRST, FIRST + STEP, ... below N_POINTS: every generation is fitted (mean and unbiased
covariance) on N_REAL new rows of N(0, I) and as many of the last model with its covariance times 0.9; the
trace is kept.
"""
import sys

import numpy as np

LAM = 0.9


def loop_1d(rng, n, replicates, generations):
    x = rng.standard_normal((replicates, n))
    trace = np.empty((replicates, generations))
    for g in range(generations):
        mean, var = x.mean(1, keepdims=True), x.var(1, ddof=1, keepdims=True)
        trace[:, g] = var[:, 0]
        x = rng.standard_normal((replicates, 2 * n))
        x[:, n:] *= np.sqrt(LAM * var)
        x[:, n:] += mean
    return trace


def loop_nd(rng, dim, n, replicates, generations):
    x = rng.standard_normal((replicates, n, dim))
    trace = np.empty((replicates, generations))
    for g in range(generations):
        mean = x.mean(1, keepdims=True)
        centred = x - mean
        cov = centred.transpose(0, 2, 1) @ centred / (x.shape[1] - 1)
        trace[:, g] = np.trace(cov, axis1=1, axis2=2)
        x = rng.standard_normal((replicates, 2 * n, dim))
        factor = np.linalg.cholesky(LAM * cov)
        x[:, n:] = x[:, n:] @ factor.transpose(0, 2, 1) + mean
    return trace


def main():
    dim, n, replicates, generations, first, n_points, step = map(int, sys.argv[1:])
    for i in range(first, n_points, step):
        rng = np.random.default_rng(i)
        if dim == 1:
            trace = loop_1d(rng, n, replicates, generations)
        else:
            trace = loop_nd(rng, dim, n, replicates, generations)
        print(i, trace[:, -1].mean())


main()
