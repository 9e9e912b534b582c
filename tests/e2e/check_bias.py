"""Biases through the engine: nominal beside measured strength, against closed forms.

Statistical checks are means over replicates of the measured lam_eff against its closed form, |z| <
4.89: a false alarm of 1e-6 each (6 checks). Their twins, the closed form of the neighbouring kind,
must lie beyond. The others are exact.
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import assert_same, contents, h5py, madloop, np, workspace

GAUSS = """
replicates: 60
generations: 4
world: {kind: gauss, dim: 2, spectrum: 1}
model: {kind: gauss}
loop: {family: fully_synthetic, n_initial: 1000, n_synthetic: 1000}
measure: {n: 200, metrics: [trace]}
"""
LABELS = """
replicates: 2
generations: 3
world: {kind: ring, modes: 4}
model: {kind: exact, sampler: {kind: heun}}
loop: {family: fully_synthetic, n_initial: 400, n_synthetic: 400}
measure: {n: 200, preview: 50, metrics: [frechet]}
"""


def run(work, name, text, *overrides):
    config = work / f"{name}.yaml"
    config.write_text(text)
    madloop("run", config, *overrides, "-o", work / name, "--progress", "none")
    with h5py.File(work / name / "run.h5") as f:
        series = {key: f["bias"][key][:] for key in f.get("bias", {})}
        return series, {key: f["metrics"][key][:] for key in f["metrics"]}


def phi(c):
    return math.exp(-c * c / 2) / math.sqrt(2 * math.pi)


def tail(c):
    return math.erfc(c / math.sqrt(2)) / 2


def truncated(c):
    return 1 - 2 * c * phi(c) / (1 - 2 * tail(c))


def clipped(c):
    return 1 - 2 * tail(c) - 2 * c * phi(c) + 2 * c * c * tail(c)


def check_noise(work):
    """Generation 2 comes from models of 1000 rows; lam_eff does not see their estimation error."""
    for kind, law, twin in (("truncation", truncated, clipped), ("clip", clipped, truncated)):
        for c in (0.5, 1.0, 2.0):
            series, _ = run(work, f"{kind}{c}", GAUSS, f"bias.kind={kind}", f"bias.strength={c}")
            assert np.isnan(series["lam_eff"][:, 0]).all() and "lam_eff_within" not in series
            assert (series["strength"][:, 1:] == c).all()
            lam = series["lam_eff"][:, 1]
            z, far = ((lam.mean() - f(c)) / (lam.std(ddof=1) / math.sqrt(len(lam)))
                      for f in (law, twin))
            print(f"{kind} {c}: lam_eff {lam.mean():.4f}, closed form {law(c):.4f}, z {z:.2f}, "
                  f"twin {far:.0f}")
            assert abs(z) < 4.89 < abs(far)


def check_temperature(work):
    """Of one normal law temperature is shrink, row for row but for rounding."""
    cold, measured = run(work, "cold", GAUSS, "bias.kind=temperature", "bias.strength=0.8")
    assert np.allclose(cold["lam_eff"][:, 1:], 0.8, rtol=1e-12)
    _, shrunk = run(work, "shrunk", GAUSS, "bias.kind=shrink", "bias.strength=0.8")
    assert np.allclose(measured["trace"], shrunk["trace"], rtol=1e-9)
    warm, _ = run(work, "warm", GAUSS, "bias.kind=temperature", "bias.strength=linear(0.5,2)")
    assert np.allclose(warm["lam_eff"][0, 1:], [0.5, 1.25, 2])
    assert np.array_equal(warm["strength"][0, 1:], [0.5, 1.25, 2])
    print("temperature is shrink where rows are one normal law")


def check_steps(work):
    """Published gains of DDIM, linear betas over T = 500, v = 1: 10 steps .7517, 50 steps .9491."""
    series, _ = run(work, "steps", GAUSS, "replicates=4", "generations=2", "world.dim=1",
                    "model.kind=exact", "model.sampler.kind=ddim", "model.schedule.steps=500",
                    "model.schedule.rescale=no", "model.sampler.spacing=linspace",
                    "bias.kind=steps", "bias.strength=10")
    lam = series["lam_eff"][:, 1]
    print(f"steps: lam_eff {lam.mean():.4f}, closed form {.7517 / .9491:.4f}")
    assert np.allclose(lam, .7517 / .9491, atol=2e-4), lam


def check_identity(work):
    """A strength that is no bias, and the measuring of it, change no bit of a run."""
    run(work, "plain", LABELS)
    plain = contents(work / "plain")
    for kind in ("guidance", "temperature"):
        series, _ = run(work, f"same-{kind}", LABELS, f"bias.kind={kind}", "bias.strength=1")
        for name in ("strength", "lam_eff", "lam_eff_within"):
            assert (series[name][:, 1:] == 1).all(), series[name]
        bits = contents(work / f"same-{kind}")
        assert bits.keys() - plain.keys() == {f"bias/{name}" for name in series}
        different = [name for name in plain if plain[name] != bits[name]]
        assert not different, different
    print("no bias: the same bits")


def check_guidance(work):
    """lam and w are one strength; the label is no variance."""
    by_lam, _ = run(work, "lam", LABELS, "bias.kind=guidance", "bias.strength=0.5")
    run(work, "w", LABELS, "bias.kind=guidance", "bias.w=1")
    assert_same(work / "lam", work / "w", "w in place of lam")
    assert (by_lam["strength"][:, 1:] == 0.5).all()
    within = by_lam["lam_eff_within"][:, 1:]
    assert (within < 0.95).all() and (by_lam["lam_eff"][:, 1:] > within).all()
    print(f"guidance at lam 0.5: lam_eff {by_lam['lam_eff'][0, 1]:.3f}, within {within[0, 0]:.3f}")


with workspace() as folder:
    for check in (check_noise, check_temperature, check_steps, check_identity, check_guidance):
        check(pathlib.Path(folder))
