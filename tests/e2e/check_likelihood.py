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


def check_divergence(folder):
    """chi2_*: ratios of the densities of stored models and the world; the same across a resume."""
    config = folder / "divergence.yaml"
    config.write_text("generations: 4\nreplicates: 2\n"
                      "world: {kind: ring, modes: 5, radius: 2, sd: 0.6, labels: none}\n"
                      "model: {kind: mixture, components: 4}\ncheckpoint: {every: 1}\n"
                      "loop: {family: fresh, n_initial: 200, n_real: 50, n_synthetic: 150}\n"
                      "measure: {n: 300, preview: 300, metrics: [chi2]}\n")
    names = ("chi2_to_real", "chi2_innovation")
    values = []
    for name in ("whole", "parts"):
        madloop("run", config, "-o", folder / name, *(["--max-hours", "1e-6"] if name == "parts" else []),
                code=130 if name == "parts" else 0)
        if name == "parts":
            madloop("resume", folder / name)
        with h5py.File(folder / name / "run.h5") as run:
            values.append(np.stack([run["metrics/" + metric][:] for metric in names]))
            assert all(np.isnan(run["floor/" + metric][:]).all() for metric in names)
    np.testing.assert_array_equal(*values)
    angle = 2 * np.pi * np.arange(5) / 5
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
    far = []
    for replicate in range(2):
        before = 1.0
        for g in range(1, 5):
            with h5py.File(folder / "whole" / f"gen-{g:04d}.h5") as file:
                model = {k: np.ravel(v[replicate]) for k, v in file[f"model/{g:04d}"].items()}
                rows = file["real"][replicate]
            real = logsumexp([stats.multivariate_normal(c, 0.36 * np.eye(2)).logpdf(rows) for c in centres], axis=0)
            ratio = np.exp(density("mixture", model, rows) - real + np.log(5))
            law = 1.0 if g == 1 else 0.25 + 0.75 * before
            twin = 1.0 if g == 1 else 0.75 + 0.25 * before
            got = values[0][:, replicate, g - 1]
            expected = [np.mean((ratio - 1) ** 2), np.mean((ratio - law) ** 2 / law)]
            np.testing.assert_allclose(got, expected, rtol=1e-9)
            far.append(abs(np.mean((ratio - twin) ** 2 / twin) / got[1] - 1))
            before = ratio
    assert max(far) > 0.1, "shares of real and synthetic rows exchanged would not be seen"


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
        check_divergence(folder)
        config.write_text("world: {kind: regression}\nmodel: {kind: linear}\n"
                          "loop: {family: fresh, n_initial: 50, n_real: 50, n_synthetic: 50}\n"
                          "measure: {n: 100, metrics: [log_likelihood]}\n")
        _, error = madloop("run", config, "--dry-run", code=2)
        assert "log_likelihood" in error, error
    print(f"{mean:.4f} nats per row, {truth:.4f} expected")


if __name__ == "__main__":
    main()
