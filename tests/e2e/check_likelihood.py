"""`log_likelihood` of held-out rows: the exact model of N(0, I) in 2 dimensions has -ln(2 pi e) nats.

4 replicates of 2000 rows; ln q has sd sqrt(d / 2) = 1, so the mean has a standard error of 0.0112.
|z| < 4.89 is a false-alarm rate of 1e-6; the flow's own error (0.001 with Richardson) is added. The
twin, the log density of a law with half as much variance again, must be rejected.
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

CONFIG = """name: likelihood
replicates: 4
generations: 1
world: {kind: gauss, dim: 2}
model: {kind: exact, law: gauss, likelihood: {richardson: yes}, sampler: {kind: dpmpp_2m}}
loop: {family: fully_synthetic, n_initial: 20000, n_synthetic: 100}
measure: {n: 2000, preview: 8, metrics: [log_likelihood]}
"""
ERROR = 4.89 / math.sqrt(4 * 2000) + 0.001


def main():
    with workspace() as name:
        folder = pathlib.Path(name)
        config = folder / "likelihood.yaml"
        config.write_text(CONFIG)
        madloop("run", config, "-o", folder / "run")
        with h5py.File(folder / "run" / "run.h5") as run:
            mean = run["metrics/log_likelihood"][:].mean()
            assert np.isnan(run["floor/log_likelihood"][:]).all(), "a floor without a model"
        truth = -math.log(2 * math.pi) - 1
        twin = -math.log(2 * math.pi * 1.5) - 1 / 1.5
        assert abs(mean - truth) < ERROR, (mean, truth)
        assert abs(mean - twin) > ERROR, (mean, twin)
        config.write_text(CONFIG.replace(
            "{kind: exact, law: gauss, likelihood: {richardson: yes}, sampler: {kind: dpmpp_2m}}",
            "{kind: kde}"))
        _, error = madloop("run", config, "--dry-run", code=2)
        assert "a model that knows its density" in error, error
    print(f"{mean:.4f} nats per row, {truth:.4f} expected")


if __name__ == "__main__":
    main()
