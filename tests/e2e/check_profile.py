"""`madloop profile`: every verdict against scipy's t-tests on the arrays of the run files."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import madloop, skip, workspace

import h5py
import numpy as np

try:
    from scipy.stats import ttest_1samp
except ImportError as error:
    skip(f"needs scipy: {error}")

GAUSS = """
replicates: 40
generations: 40
world: {kind: gauss, dim: 2}
model: {kind: gauss}
loop: {family: fully_synthetic, n_initial: 25, n_synthetic: 25}
measure: {n: 150, metrics: [frechet, trace, tail_mass_emp_q, precision], preview: 0}
"""
MODES = """
replicates: 24
generations: 9
world: {kind: ring, modes: 8}
model: {kind: kde}
loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100}
measure: {n: 150, metrics: [frechet, trace, bridge_mass, hq_ratio, modes_covered, impossible_share], preview: 0}
"""
DEFAULTS = {"factor": 10.0, "share": 0.1, "rare": 0.01, "p": 0.01}


def claim(values, level, direction, p):
    """What a one-sided t-test of the mean against a level says."""
    above = ttest_1samp(values, level, alternative="greater").pvalue
    p_yes = above if direction == ">" else 1 - above
    return "yes" if p_yes < p else "no" if 1 - p_yes < p else "open"


def expected(run, few, many, t):
    """Definitions 1 to 8 of one run, from its arrays alone."""
    metrics = {name: values[()] for name, values in run["metrics"].items()}
    last = lambda name: metrics[name][:, -1]
    first = lambda name: metrics[name][:, 0]
    risk = metrics["frechet"]
    third = risk.shape[1] // 3
    growth = np.log(risk[:, -third:].mean(1) / risk[:, -2 * third:-third].mean(1))
    rise = np.log(last("frechet") / first("frechet"))
    scaling = "-"
    if few is not None:
        a, b = few["metrics/frechet"][()], many["metrics/frechet"][()]
        gain = np.log(a / b)
        scaling = claim(gain[:, -1] - (1 - t["share"]) * gain[:, 0], 0, "<", t["p"])
    tail = "tail_mass_emp_q" if "tail_mass_emp_q" in metrics else "modes_covered"
    beyond = "hq_ratio" if "hq_ratio" in metrics else "precision"
    bridges = claim(last("bridge_mass") - first("bridge_mass"), t["rare"], ">", t["p"]) \
        if "bridge_mass" in metrics else "-"
    return [claim(rise, np.log(t["factor"]), ">", t["p"]),
            claim(rise, 0, ">", t["p"]),
            claim(growth, np.log(1 + t["share"]), ">", t["p"]),
            scaling,
            claim(np.log(last("trace") / first("trace")), np.log(1 - t["share"]), "<", t["p"]),
            bridges,
            claim(last(tail) - (1 - t["share"]) * first(tail), 0, "<", t["p"]),
            claim(last(beyond) - first(beyond), -t["rare"], "<", t["p"])]


with workspace() as work:
    work = pathlib.Path(work)
    (work / "gauss.yaml").write_text(GAUSS)
    (work / "modes.yaml").write_text(MODES)
    runs = {"few": ("gauss", []), "many": ("gauss", ["loop.n_initial=100", "loop.n_synthetic=100"]),
            "fresh": ("gauss", ["loop.family=fresh", "loop.n_real=25"]), "modes": ("modes", [])}
    for name, (config, keys) in runs.items():
        madloop("run", work / f"{config}.yaml", *keys, "-o", work / name, "-t", 1)
    files = {name: h5py.File(work / name / "run.h5") for name in runs}

    def verdicts(*options):
        text, _ = madloop("profile", *(work / name for name in runs), "--json", *options)
        return {pathlib.Path(run["run"]).name: [f["verdict"] for f in run["profile"]]
                for run in json.loads(text)["runs"]}

    seen = set()
    for change in ({}, {"factor": 2.0}, {"share": 0.5}, {"rare": 0.3}, {"p": 0.4}):
        thresholds = DEFAULTS | change
        found = verdicts(*(f"--{key}={value}" for key, value in change.items()))
        for name in runs:
            pair = (files["few"], files["many"]) if name in ("few", "many") else (None, None)
            wanted = expected(files[name], *pair, thresholds)
            assert found[name] == wanted, (change, name, found[name], wanted)
            seen.update(found[name])
    assert seen == {"yes", "no", "open", "-"}, seen

    # the loops differ as theory says: replaced data lose their spread, smoothed ones gain it
    found = verdicts()
    assert found["few"][1] == found["few"][4] == "yes", found["few"]
    assert found["fresh"][4] != "yes" and found["fresh"][0] != "yes", found["fresh"]
    assert found["modes"][1] == found["modes"][5] == "yes" and found["modes"][4] == "no", found["modes"]

    text, _ = madloop("profile", work / "few")
    assert "log(frechet@last / frechet@1) > log(10)" in text and "takes runs that differ" in text, text
    assert "takes bridge_mass or hq_ratio, which the run does not measure" in text, text
    text, _ = madloop("profile", work / "few", work / "modes")
    assert f"run 2: {work / 'modes'}\n  4 scaling_change takes runs that differ" in text, text
    assert "  6 mode_entanglement takes bridge_mass or hq_ratio, which" in text.split("run 2")[0], text

    # sizes are those of the generations that are compared: one that has caught up is no pair
    for name, size, verdict in (("grows", "linear(25, 60)", "known"), ("passes", "linear(25, 200)", "-")):
        madloop("run", work / "gauss.yaml", f"loop.n_synthetic={size}", "-o", work / name, "-t", 1)
        text, _ = madloop("profile", work / name, work / "many", "--json")
        found = json.loads(text)["runs"][0]["profile"][3]
        assert (found["verdict"] == "-") == (verdict == "-"), (name, found)
    assert "in the first generation and the last" in found["needs"], found
    madloop("profile", work / "none", code=3)
    madloop("profile", code=2)
    madloop("profile", work / "few", "--share=1", code=2)

    # and in criteria
    (work / "paper.yaml").write_text(GAUSS + """
arms: {few: [loop.n_initial=25], many: [loop.n_initial=100, loop.n_synthetic=100]}
expect: {rises: "few:profile.rising_risk = 1", no-bridges: "many:profile.mode_entanglement = -1"}
""")
    text, _ = madloop("reproduce", work / "paper.yaml", "-o", work / "out")
    assert text.count("PASS") == 3, text
    (work / "twin.yaml").write_text((work / "paper.yaml").read_text().replace("risk = 1", "risk = 0"))
    madloop("reproduce", work / "twin.yaml", "-o", work / "out", code=1)
    print(f"{5 * len(runs) * 8} verdicts as scipy's")
