"""Run folders made by h5py alone, as the product contract describes them: fixtures for the verbs
that read runs. What the C code writes is tested elsewhere; here it is only read."""
import os

import h5py
import numpy as np


def text(value):
    return np.bytes_(value.encode("utf-8"))


def write_run(folder, config, metrics, floor=None, theory=None, lineage=None, loss=None,
              n_done=None, attributes=None, model=None):
    """metrics: {name: [R][G]} or {name: ([R][G], {attribute: text})}."""
    os.makedirs(folder, exist_ok=True)
    first = next(iter(metrics.values()))
    n_rep, n_gen = (first[0] if isinstance(first, tuple) else first).shape
    with h5py.File(os.path.join(folder, "run.h5"), "w") as f:
        f.attrs["conventions"] = text("madloop-1")
        f.attrs["version"] = text("0.1.0")
        f.attrs["config"] = text(config)
        f.attrs["config_hash"] = text("00000000deadbeef")
        f.attrs["seed"] = text("1")
        f.attrs["threads"] = 2.0
        f.attrs["n_done"] = np.int64(n_gen if n_done is None else n_done)
        for key, value in (attributes or {}).items():
            f.attrs[key] = value
        f["generation"] = np.arange(1, n_gen + 1, dtype=np.int32)
        f["replicate"] = np.arange(n_rep, dtype=np.int32)
        for group, series in (("metrics", metrics), ("floor", floor), ("theory", theory),
                              ("lineage", lineage), ("model", model)):
            for name, value in (series or {}).items():
                extra = {}
                if isinstance(value, tuple):
                    value, extra = value
                f[f"{group}/{name}"] = np.asarray(value, dtype=np.float64)
                for key, words in extra.items():
                    f[f"{group}/{name}"].attrs[key] = text(words)
        if loss is not None:
            f["loss/train"] = np.asarray(loss, dtype=np.float64)


def write_gen(folder, generation, samples, real=None, labels=None):
    """samples, real: [R][n][dim]; labels: [R][n]."""
    with h5py.File(os.path.join(folder, f"gen-{generation:04d}.h5"), "w") as f:
        f.attrs["conventions"] = text("madloop-1")
        f.attrs["generation"] = np.int64(generation)
        f["samples"] = np.asarray(samples, dtype=np.float64)
        if real is not None:
            f["real"] = np.asarray(real, dtype=np.float64)
        if labels is not None:
            f["labels"] = np.asarray(labels, dtype=np.int64)


def config(family="fresh", world="ring", name="demo", **more):
    lines = [f"name: {name}", "seed: 1", "replicates: 5", "generations: 10",
             "world:", f"  kind: {world}"]
    lines += [f"  {key[6:]}: {value}" for key, value in more.items() if key.startswith("world_")]
    lines += ["model:", "  kind: diffusion", "loop:", f"  family: {family}",
              f"  real: {'none' if family == 'fully_synthetic' else 'fresh'}",
              f"  n_real: {more.get('n_real', 2000)}", "measure:", "  n: 2000",
              "  metrics: [precision, recall]"]
    return "\n".join(lines) + "\n"


RECALL = {"long_name": "Recall", "units": "1", "direction": "higher"}
PRECISION = {"long_name": "Precision", "units": "1", "direction": "higher"}
FRECHET = {"long_name": "Frechet distance", "units": "x^2", "direction": "lower"}
LOG_DET = {"long_name": "Log-determinant of the covariance", "units": "1", "direction": "target"}


def ring(rng, n, scale=1.0, n_modes=8):
    at = rng.integers(0, n_modes, n) * 2 * np.pi / n_modes
    return np.stack([np.cos(at), np.sin(at)], 1) * scale + 0.05 * rng.standard_normal((n, 2))
