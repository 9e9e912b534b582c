"""Figures 10 to 12, 30 and 31 of Alemohammad et al. 2024 as the sweeps of configs/sweeps, against closed
forms that are written out here (method notes F3 to F7): where the boundary n_e = n_r runs within 10 %, what
memory is worth within 3 %, and that the beginning is forgotten.

Grids are coarser than in the files; d = 100 as there.
"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np
from scipy.optimize import brentq

from harness import ROOT, madloop, workspace

SWEEPS = ROOT / "configs/sweeps"
QUIET = ["--progress", "none"]


def level(d, n_r, n_s, lam):
    """F3 and F4: where E W2^2 settles, to leading order."""
    n, p, q = n_r + n_s, n_r / (n_r + n_s), n_s / (n_r + n_s)
    k = 1 + q / ((n - 1) * (1 + q))
    s = k * p / (1 - k * q * lam)
    v = 1 / (n * (1 + q) * (1 - k * q * lam))
    f = (p + q * lam**2 * s**2) * (d * d + d) / (n * (1 - q * q * lam**2))
    return d * (1 - np.sqrt(s))**2 + d * v + f / (4 * s**1.5)


def one(d, n):
    return d * (d + 5) / (4 * n)


def read(folder, *keys):
    """The keys' values in every point, and its metrics by name."""
    with h5py.File(f"{folder}/sweep.h5") as f:
        metrics = {name: d[:] for name, d in f["metrics"].items() if d.ndim == 3}
        return [f[key][:] for key in keys] + [metrics]


def check_bias():
    """Figures 12 and 31: the largest admissible n_s falls with the bias (F4; its limit is F7)."""
    madloop("sweep", SWEEPS / "fresh-bias.yaml", "bias.strength=0.5,0.7,0.85,0.95",
            "loop.n_synthetic=logint(200,10000,9)", "replicates=6", "-o", "bias", *QUIET, timeout=900)
    lam, n_s, metrics = read("bias", "bias.strength", "loop.n_synthetic")
    settled = metrics["frechet"][:, :, 29:].mean((1, 2))
    for strength in np.unique(lam):
        here = lam == strength
        x, y = np.log(n_s[here]), np.log(settled[here] / one(100, 1000))
        i = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
        assert len(i) == 1, (strength, y)
        found = np.exp(np.interp(0, y[i[0]:i[0] + 2], x[i[0]:i[0] + 2]))
        expected = brentq(lambda n: level(100, 1000, n, strength) - one(100, 1000), 60, 1e5)
        print(f"bias {strength}: admissible n_s {found:.0f}, closed form {expected:.0f}")
        assert abs(found / expected - 1) < 0.1, (strength, found, expected)


def check_sizes():
    """Figures 11 and 30: the boundary flattens to a constant n_s as n_r grows; without bias there is none."""
    madloop("sweep", SWEEPS / "fresh-sizes.yaml", "bias.strength=0.85,1", "loop.n_real=1000,2500,10000",
            "loop.n_synthetic=logint(1000,8000,7)", "-o", "sizes", *QUIET, timeout=900)
    lam, n_r, n_s, metrics = read("sizes", "bias.strength", "loop.n_real", "loop.n_synthetic")
    settled = metrics["frechet"][:, :, 29:].mean((1, 2))
    ratio = one(100, n_r) / settled
    assert np.all(ratio[lam == 1] > 1), ratio[lam == 1]
    for rows in np.unique(n_r):
        here = (lam == 0.85) & (n_r == rows)
        x, y = np.log(n_s[here]), np.log(settled[here] / one(100, rows))
        found = np.exp(np.interp(0, y, x))
        expected = brentq(lambda n: level(100, rows, n, 0.85) - one(100, rows), 100, 1e5)
        print(f"n_r {rows:.0f}: admissible n_s {found:.0f}, closed form {expected:.0f}")
        if rows >= 1000:
            assert abs(found / expected - 1) < 0.1, (rows, found, expected)


def check_initial():
    """Figure 10 left: whatever it began with, a loop settles at one level for its bias."""
    madloop("sweep", SWEEPS / "forgets-initial.yaml", "-o", "initial", *QUIET, timeout=900)
    n_ini, lam, metrics = read("initial", "loop.n_initial", "bias.strength")
    first, last = metrics["frechet"][:, :, 0], metrics["frechet"][:, :, 39:].mean(2)
    for strength in (1, 0.8):
        a, b = (np.flatnonzero((lam == strength) & (n_ini == n))[0] for n in (200, 1000))
        assert first[a].mean() > 3 * first[b].mean()
        gap = last[a].mean() - last[b].mean()
        error = np.hypot(*(last[i].std(ddof=1) / 4 for i in (a, b)))
        print(f"bias {strength}: levels {last[a].mean():.3f} and {last[b].mean():.3f}, z {gap / error:.2f}")
        assert abs(gap) < 4.89 * error
    assert last[lam == 0.8].mean() > last[lam == 1].mean()


def check_memory():
    """What the last K models are worth (F5)."""
    madloop("sweep", SWEEPS / "memory.yaml", "-o", "memory", *QUIET, timeout=900)
    age, metrics = read("memory", "loop.age")
    q, p = 10 / 11, 1 / 11
    for text, v in zip(age, metrics["mean_error_sq"][:, :, 300:].mean((1, 2))):
        k = int(text.decode().strip("uniform()") or 1) if text != b"last" else 1
        found, expected = 1 / (100 * v), (k + q) / (k * p + q)
        print(f"K = {k}: n_e/n_r {found:.3f}, closed form {expected:.3f}")
        assert abs(found / expected - 1) < 0.03, (k, found, expected)


with workspace() as work:
    os.chdir(work)
    for check in (check_memory, check_initial, check_bias, check_sizes):
        start = time.monotonic()
        check()
        print(f"{check.__name__}: {time.monotonic() - start:.1f} s", flush=True)
