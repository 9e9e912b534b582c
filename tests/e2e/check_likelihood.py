"""`log_likelihood` of held-out rows: the exact model of N(0, I) in 2 dimensions has -ln(2 pi e) nats.

4 replicates of 2000 rows; ln q has sd sqrt(d / 2) = 1, so the mean has a standard error of 0.0112.
|z| < 4.89 is a false-alarm rate of 1e-6; the flow's own error (0.001 with Richardson) is added. The
twin, the log density of a law with half as much variance again, must be rejected.
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, skip, workspace

try:
    from scipy import stats
    from scipy.special import logsumexp
except ImportError as error:
    skip(str(error))

CONFIG = """name: likelihood
replicates: 4
generations: 1
world: {kind: gauss, dim: 2}
model: {kind: exact, law: gauss, likelihood: {richardson: yes}, sampler: {kind: dpmpp_2m}}
loop: {family: fully_synthetic, n_initial: 20000, n_synthetic: 100}
measure: {n: 2000, preview: 8, metrics: [log_likelihood]}
"""
ERROR = 4.89 / math.sqrt(4 * 2000) + 0.001


def density(kind, model, x):
    """ln q of the stored model by scipy."""
    normal = stats.multivariate_normal
    if kind == "gauss":
        return normal(model["mean"], model["cov"].reshape(2, 2)).logpdf(x)
    if kind == "mixture":
        parts = [np.log(w) + normal(m, c).logpdf(x) for w, m, c in
                 zip(model["weight"], model["mean"].reshape(-1, 2), model["cov"].reshape(-1, 2, 2))]
    else:
        n = int(model["n_rows"][0])
        parts = [normal(m, np.diag(model["bandwidth"] ** 2)).logpdf(x) - np.log(n)
                 for m in model["x"].reshape(-1, 2)[:n]]
    return logsumexp(parts, axis=0)


def check_closed(folder):
    """gauss, kde and mixture have closed densities."""
    config = folder / "closed.yaml"
    text = ("generations: 1\nworld: {world}\nmodel: {{kind: {kind}}}\n"
            "loop: {{family: fully_synthetic, n_initial: 300, n_synthetic: 300}}\n"
            "measure: {{n: 200, preview: 200, metrics: [log_likelihood]}}\n")

    def run(**what):
        config.write_text(text.format(**what))
        madloop("run", config, "-o", folder / "closed", "--force")
        with h5py.File(folder / "closed" / "run.h5") as file:
            return file["metrics/log_likelihood"][0, 0]

    for kind in ("gauss", "mixture", "kde"):
        value = run(world="{kind: gauss, dim: 2}", kind=kind)
        with h5py.File(folder / "closed" / "gen-0001.h5") as file:
            model = {name: np.ravel(field[0]) for name, field in file["model/0001"].items()}
            expected = density(kind, model, file["real"][0]).mean()
        np.testing.assert_allclose(value, expected, rtol=1e-11, err_msg=kind)
    # given its class, one of three modes far apart that are equally many
    ring = "{{kind: ring, modes: 3, sd: 0.01, labels: {}}}"
    gain = run(world=ring.format("modes"), kind="kde, bandwidth: 0.01") - run(world=ring.format("none"), kind="kde, bandwidth: 0.01")
    assert abs(gain - math.log(3)) < 0.05, gain
    assert np.isnan(run(world="{kind: gauss, dim: 2}", kind="kde, bandwidth: 0"))


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
        check_closed(folder)
        config.write_text("world: {kind: regression}\nmodel: {kind: linear}\n"
                          "loop: {family: fresh, n_initial: 50, n_real: 50, n_synthetic: 50}\n"
                          "measure: {n: 100, metrics: [log_likelihood]}\n")
        _, error = madloop("run", config, "--dry-run", code=2)
        assert "log_likelihood" in error, error
    print(f"{mean:.4f} nats per row, {truth:.4f} expected")


if __name__ == "__main__":
    main()
