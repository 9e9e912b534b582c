"""What `madloop audit` says of samplers, floors and classes, against known numbers.

lam_eff of N(0, v) under the exact denoiser, linear betas 1e-4..0.02 over T = 500 steps, EDM's grid
(sigma 0.002..80, rho 7), DDIM on evenly spaced steps: products of the samplers' linear updates, to four digits.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

CONFIG = """name: audit
generations: 10
replicates: 4
world: {kind: gauss, dim: 3}
model: {kind: diffusion, net: {width: 16, depth: 1}, train: {steps: 20, batch: 32}, schedule: SCHEDULE}
loop: {family: fully_synthetic, n_initial: 400, n_synthetic: 50}
measure: {n: 60, preview: 8, metrics: [trace, recall]}
"""
SCHEDULE = "{steps: 500, rescale: no}"
KNOWN = {  # sampler: ({v: lam_eff}, v = 1 after 10 generations, warning)
    "ancestral,sigma2=beta": ({1: 0.9999, 0.25: 1.0044, 0.04: 1.0142}, 0.9990, False),
    "ancestral,sigma2=beta_tilde": ({1: 0.9875, 0.25: 0.9788, 0.04: 0.9516}, 0.8801, True),
    "ddim,spacing=linspace,steps=10": ({1: 0.7517, 0.25: 0.6436, 0.04: 0.3704}, None, True),
    "ddim,spacing=linspace,steps=50": ({1: 0.9491, 0.25: 0.9265, 0.04: 0.8415}, 0.5804, True),
    "ddim,spacing=linspace,steps=100": ({1: 0.9744, 0.25: 0.9651, 0.04: 0.9203}, 0.7709, True),
    "heun,steps=18": ({1: 1.0915, 0.04: 1.1514}, 2.2863, True),
    "heun,steps=40": ({1: 1.0159, 0.04: 1.0257}, None, True),
}


def audit(config, *arguments, code=0):
    out, err = madloop("audit", config, "--json", "--seconds", 0.1, *arguments, code=code)
    return json.loads(out), err


def check_samplers(config):
    for words, (gains, after, warned) in KNOWN.items():
        kind, *keys = words.split(",")
        if kind == "heun":  # keys of the schedule have no effect then, and are refused
            config.write_text(CONFIG.replace("SCHEDULE", "{}"))
        said, _ = audit(config, f"model.sampler.kind={kind}",
                        *[f"model.sampler.{key}" for key in keys])
        rows = {row["variance"]: row for row in said["sampler"]["rows"]}
        for v, want in gains.items():
            assert abs(rows[v]["lam_eff"] - want) < 1e-4, (words, v, rows[v])
            assert rows[v]["lam_eff_last"] == rows[v]["lam_eff"]
            drift = 10 * abs(np.log(rows[v]["lam_eff"]))
            assert abs(rows[v]["log_drift"] - drift) < 1e-9
        if after is not None:
            assert abs(rows[1]["variance_after"] - after) < 1e-4, (words, rows[1])
        assert bool(said["warnings"]) == warned, (words, said["warnings"])
        if not warned:
            assert said["sampler"]["advice"] is None
            continue
        advice = said["sampler"]["advice"]["setting"]
        assert "lam_eff" in said["warnings"][0] and advice in said["warnings"][0]
        better, _ = audit(config, f"model.sampler.kind={kind}",
                          *[f"model.sampler.{key}" for key in keys], *advice.split())
        worst = max((row for row in rows.values() if row["is_data"]),
                    key=lambda row: row["log_drift"])["variance"]
        drift = {row["variance"]: row["log_drift"] for row in better["sampler"]["rows"]}
        assert drift[worst] <= 0.1 + 1e-9, (words, advice, drift[worst])
    few, _ = audit(config, "model.sampler.kind=heun", "model.sampler.steps=40", "generations=2")
    assert not few["warnings"]  # the same sampler, but too few generations to matter
    config.write_text(CONFIG.replace("SCHEDULE", SCHEDULE))


def check_strict(config):
    _, err = audit(config, "model.sampler.kind=ddim", "--strict", code=1)
    assert err == "madloop: audit: 1 warning\n", err
    audit(config, "--strict")
    text = madloop("audit", config, "model.sampler.kind=ddim", "--seconds", 0.1)[0]
    for words in ("lam_eff", "after the run", "floors", "recall", "total", "memory", "warning: "):
        assert words in text, (words, text)


def check_run_agrees(config, work):
    """The curve in run.h5, the floors and the rows of the audit are the same numbers."""
    said, _ = audit(config, "model.sampler.kind=ddim", "model.sampler.steps=50", "generations=2")
    madloop("run", config, "model.sampler.kind=ddim", "model.sampler.steps=50", "generations=2",
            "-o", work / "run", "--progress", "none")
    rows = {row["variance"]: row["lam_eff"] for row in said["sampler"]["rows"]}
    with h5py.File(work / "run/run.h5") as run:
        shared = [(rows[v], lam) for v, lam in zip(run["audit/variance"][:], run["audit/lam_eff"][:])
                  if v in rows]
        assert len(shared) >= 6 and all(a == b for a, b in shared), shared
        for floor in said["floors"]:
            values = run[f"floor/{floor['metric']}"][:floor["n"]]
            assert floor["n"] >= 3
            assert np.isclose(floor["mean"], values.mean(), rtol=1e-12)
            assert np.isclose(floor["sd"], values.std(ddof=1), rtol=1e-9)


def check_guidance(config):
    """Three spellings of one strength; a share A/B of the variance lies within the modes of a ring."""
    whole = config.read_text()
    text = whole.replace("{kind: gauss, dim: 3}", "{kind: ring, sd: 0.2}")
    config.write_text(text.replace("{kind: diffusion,", "{kind: diffusion, guide: {kind: cfg},"))
    for spelling in ("guide.w=0.5", "guide.scale=1.5", "guide.mad=0.6666666666666666"):
        said, _ = audit(config, f"model.{spelling}", "loop.n_initial=20000",
                        "measure.metrics=[trace]")
        guide = said["guidance"]
        assert abs(said["within_share"] / (0.04 / 0.54) - 1) < 0.05, said["within_share"]
        assert abs(guide["w"] - 0.5) < 1e-12 and abs(guide["mad_lambda"] - 2 / 3) < 1e-12, guide
        assert abs(guide["gain"] - said["within_share"] ** 0.5) < 1e-12, guide
    said, _ = audit(config, "model.guide.w=linear(0.5,1)", "measure.metrics=[trace]")
    assert said["guidance"]["w"] == 0.5 and said["guidance"]["w_last"] == 1, said["guidance"]
    config.write_text(text)
    assert audit(config, "measure.metrics=[trace]")[0]["guidance"] is None
    config.write_text(whole)


def check_data(config):
    """Directions of the real data: a third of the coordinates carries nearly all variance."""
    said, _ = audit(config, "world.dim=30", "world.spectrum=2", "loop.n_initial=20000",
                    "measure.metrics=[trace]")
    variance = (np.arange(1, 31) ** -2.0)
    variance /= variance.mean()
    share = np.cumsum(variance[::-1]) / 30
    of = {row["of"]: row["variance"] for row in said["sampler"]["rows"]}
    for words, q in (("90 %", 0.9), ("half", 0.5), ("10 %", 0.1)):
        got = next(v for name, v in of.items() if name.startswith(words))
        want = variance[::-1][np.searchsorted(share, q)]
        assert abs(got / want - 1) < 0.1, (words, got, want)
    whole = config.read_text()
    config.write_text(whole.replace("{kind: gauss, dim: 3}", "{kind: ring, sd: 0.1}"))
    said, _ = audit(config, "measure.metrics=[trace]", "loop.n_initial=20000")
    assert abs(said["within_share"] / (0.01 / 0.51) - 1) < 0.05, said["within_share"]
    config.write_text(re.sub("model: .*", "model: {kind: gauss}", whole))
    exact, _ = audit(config)
    assert exact["sampler"] is None and not exact["warnings"]


with workspace() as folder:
    work = pathlib.Path(folder)
    config = work / "audit.yaml"
    config.write_text(CONFIG.replace("SCHEDULE", SCHEDULE))
    check_samplers(config)
    check_strict(config)
    check_run_agrees(config, work)
    check_guidance(config)
    check_data(config)
    print(f"{len(KNOWN)} samplers give the tabulated gains")
