"""Null calibration by the program itself: floors are fresh rows against fresh rows, so the floors of
4000 replicates are 4000 independent repetitions, for the measures of worlds that test_null does not
draw from: categories, regression, densities, tails, curves and scales of a random field.

20 bands, each the central 95 % of 200 repetitions (quantiles at (n + 1) p), judged by the other 3800:
93-97 % of them must lie inside (with ties: inside 93 % counting ties, not above 97 % without). A sound
measure fails with a probability below 1e-7, as in test_null. Sabotaged twin: in the second half of the
repetitions a model fitted to 5 rows stands in the real rows' place; some measure of every world must
refuse it. test_null lists the outputs whose band is here alone (by_floors): all must be seen.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

N_BAND, N_BANDS = 200, 20
CURVES = "residual, residual_ratio, valid_share, factor_w2, factor_sd_ratio, factor_ks, factor_coverage"
CASES = {
    "zipf": ("{kind: zipf, categories: 20}", "{kind: categorical}",
             "auto, class_entropy_miller_madow, categories_seen, missing_mass"),
    "heavy": ("{kind: heavy}", "{kind: gauss}",
              "hill_index, tail_quantile_ratio, iqr_ratio, exceedance_q99, nll_excess", 120),
    "regression": ("{kind: regression, features: 4}", "{kind: linear}", "auto, excess_risk"),
    "grf": ("{kind: grf, size: 8}", "{kind: gauss}",
            "power_ratio_0, power_ratio_1, power_ratio_2, power_ratio_4, nll_excess, impossible_share"),
    "swiss": ("{kind: swiss}", "{kind: gauss}", CURVES),
    "moons": ("{kind: moons}", "{kind: gauss}", CURVES + ", found_class_kl, factor_class_information"),
    "s_curve": ("{kind: s_curve}", "{kind: gauss}", CURVES),
    "gauss": ("{kind: gauss, dim: 3}", "{kind: gauss}", "nll_excess, impossible_share, direction_ratio_min"),
    "ring": ("{kind: ring}", "{kind: kde}", "nll_excess, bridge_mass, modes_missed, mode_variance_ratio"),
}


def quantile(x, p):
    at = (N_BAND + 1) * p - 1
    i = int(at)
    return x[i] + (at - i) * (x[i + 1] - x[i])


def coverage(value):
    inside, strictly = 0, 0
    for b in range(N_BANDS):
        mine = slice(b * N_BAND, (b + 1) * N_BAND)
        others, band = np.delete(value, mine), np.sort(value[mine])
        low, high = quantile(band, 0.025), quantile(band, 0.975)
        inside += ((others >= low) & (others <= high)).mean() / N_BANDS
        strictly += ((others > low) & (others < high)).mean() / N_BANDS
    return inside, strictly


def is_calibrated(value):
    inside, strictly = coverage(value)
    return inside >= 0.93 and strictly <= 0.97, inside, strictly


def check(folder, name, world, model, metrics, n=60):
    (folder / "c.yaml").write_text(f"""name: null
replicates: {N_BAND * N_BANDS}
generations: 1
world: {world}
model: {model}
loop: {{family: fully_synthetic, n_initial: 5, n_synthetic: 0}}
measure: {{n: {n}, moments: samples, metrics: [{metrics}]}}
""")
    madloop("run", folder / "c.yaml", "-o", folder / name, "--progress", "none")
    half = N_BAND * N_BANDS // 2
    n_seen, outputs = 0, set()
    with h5py.File(folder / name / "run.h5") as file:
        for output, floor in file["floor"].items():
            value = floor[:]
            outputs.add(output)
            good, inside, strictly = is_calibrated(value)
            assert good, f"{output} of {name}: covers {inside:.4f}, without ties {strictly:.4f}"
            twin = np.concatenate([value[:half], file["metrics"][output][half:, 0]])
            n_seen += not is_calibrated(twin)[0]
        print(f"{name}: {len(file['floor'])} outputs calibrated, {n_seen} refuse the twin")
    assert n_seen > 0
    return outputs


def named_by_test_null():
    source = (pathlib.Path(__file__).parent / "test_null.c").read_text()
    return set(re.findall(r'"(\w+)"', re.search(r"by_floors\[\] = \{(.*?)\};", source, re.S)[1]))


with workspace() as where:
    outputs = set().union(*(check(pathlib.Path(where), name, *case) for name, case in CASES.items()))
    assert named_by_test_null() <= outputs, named_by_test_null() - outputs
