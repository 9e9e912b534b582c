"""What stands beside every value: in run.h5 (by h5py) and in `madloop metrics --json`."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

ALWAYS = {"long_name", "units", "direction", "definition", "reference", "estimator"}
CONFIG = """generations: 3
replicates: 2
world: {kind: gauss, dim: 3}
model: {kind: kde, bandwidth: 0.2}
loop: {family: synthetic_augmentation, n_initial: 80, n_real: 50, n_synthetic: 40}
measure: {n: 50, moments: samples, k: 4, rule: le, directions: 9, c2st_k: 7,
  metrics: [auto, recall, mmd2_rbf_unbiased, energy_u, authenticity, c2st_knn_accuracy]}
"""
KEYS = {"recall": {"k": 4, "rule": "le"}, "sliced_w2": {"directions": 9},
        "c2st_knn_accuracy": {"c2st_k": 7}, "mmd2_rbf_unbiased": {"kernel_sigma": 0}}
ESTIMATOR = {"mmd2_rbf_unbiased": "U-statistic", "energy_u": "U-statistic", "recall": "plug-in",
             "frechet": "plug-in, covariances with ddof = 1",
             "c2st_knn_accuracy": "leave-one-out"}


def fnv1a(rows):
    bits = 0xcbf29ce484222325
    for byte in np.ascontiguousarray(rows, float).tobytes():
        bits = (bits ^ byte) * 0x100000001b3 % 2**64
    return bits


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def check_run(folder):
    (folder / "c.yaml").write_text(CONFIG)
    madloop("run", folder / "c.yaml", "-o", folder / "run", "--progress", "none")
    with h5py.File(folder / "run/run.h5") as run, h5py.File(folder / "run/gen-0003.h5") as gen:
        n_train = run["lineage/n_train"]
        assert n_train[0].tolist() == [80, 90, 90] and text(n_train.attrs["units"]) == "rows"
        reference = run["data/reference_hash"]
        assert reference.attrs["n"] == 50 and b"other streams" in reference.attrs["rows"]
        assert reference[0] != reference[1]
        assert reference[0] == fnv1a(gen["real"][0]) % 2**53
        assert set(run["metrics"]) == set(run["floor"])
        for group in ("metrics", "floor"):
            for name, data in run[group].items():
                attrs = {key: text(value) for key, value in data.attrs.items()}
                assert ALWAYS <= attrs.keys(), name
                assert attrs["n_real"] == attrs["n_synthetic"] == 50, name
                assert text(run[attrs["reference_set"]].attrs["long_name"]), name
                assert attrs.get("features", "raw") == "raw"
                for key, value in KEYS.get(name, {}).items():
                    assert attrs[key] == value, (name, key)
                if name in ESTIMATOR:
                    assert attrs["estimator"] == ESTIMATOR[name], name
        kernel = run["metrics/mmd2_rbf_unbiased"].attrs["beside"].decode()
        assert np.isfinite(run["metrics"][kernel][:]).all()
        assert (np.ptp(run["metrics"][kernel][:], axis=1) == 0).all()  # frozen
        memory = run["metrics/authenticity"].attrs["train_rows"].decode()
        assert run[memory].shape == (2, 3) and run["floor/authenticity"].attrs["n_train"] == 80
    print("run.h5: sizes, estimator, keys, reference rows, floors and kernel width beside every value")


def check_other_runs(folder):
    """Exact laws estimate nothing; rows of a file are held out from all training."""
    common = "generations: 2\nreplicates: 2\nmodel: {kind: gauss}\n" \
             "loop: {family: fully_synthetic, n_initial: 60, n_synthetic: 60}\n"
    (folder / "exact.yaml").write_text(common + "world: {kind: gauss, dim: 3}\nmeasure: {n: 50, metrics: [frechet]}\n")
    madloop("run", folder / "exact.yaml", "-o", folder / "exact", "--progress", "none")
    with h5py.File(folder / "exact/run.h5") as run:
        value, floor = (dict(run[f"{group}/frechet"].attrs) for group in ("metrics", "floor"))
        assert value["estimator"] == b"none: exact laws" and value["model_law"] == value["real_law"] == b"exact"
        assert "n_real" not in value and floor["n_synthetic"] == 50
        assert floor["estimator"] == ESTIMATOR["frechet"].encode()
    rows = np.random.default_rng(5).normal(size=(150, 2))
    np.save(folder / "rows.npy", rows)
    (folder / "file.yaml").write_text(common + "world: {kind: npy, path: rows.npy, reference: 0.4}\n"
                                      "measure: {n: 50, metrics: [recall]}\n")
    madloop("run", folder / "file.yaml", "-o", folder / "file", "--progress", "none")
    with h5py.File(folder / "file/run.h5") as run, h5py.File(folder / "file/gen-0002.h5") as gen:
        train, held = (set(run[f"data/{part}_rows"][:].astype(int)) for part in ("train", "reference"))
        assert not train & held and len(train | held) == 150
        reference = run["data/reference_hash"]
        assert b"data/reference_rows" in reference.attrs["rows"]
        for r, real in enumerate(gen["real"][:]):
            assert reference[r] == fnv1a(real) % 2**53
            picked = {int(np.flatnonzero((rows == x).all(1))[0]) for x in real}
            assert len(picked) == 50 and picked <= held
    print("exact laws; reference rows of a file are none that train")


def check_json(folder):
    rng = np.random.default_rng(3)
    rows = {"real": rng.normal(size=(60, 3)), "fake": rng.normal(size=(45, 3)),
            "train": rng.normal(size=(70, 3)), "test": rng.normal(size=(50, 3))}
    rows["train"][:4], rows["test"][5] = rows["real"][10:14], rows["train"][9]
    for name, x in rows.items():
        np.save(folder / f"{name}.npy", x)
    pair = folder / "real.npy", folder / "fake.npy"
    out, _ = madloop("metrics", *pair, "--train", folder / "train.npy", "--test", folder / "test.npy",
                     "--only", "all", "--k", 4, "--rule", "le", "--json")
    answer = json.loads(out)
    for name, x in rows.items():
        assert int(answer[f"{name}_hash"], 16) == fnv1a(x), name
    assert answer["n_real_in_train"] == 4 and answer["n_test_in_train"] == 1
    metrics = answer["metrics"]
    for name, row in metrics.items():
        assert ALWAYS | {"n_real", "n_synthetic", "features", "reference_set"} <= row.keys(), name
        assert row["n_real"] == len(rows[row["reference_set"]]) and row["n_synthetic"] == 45
        assert {"floor", "n_floor"} <= row.keys() or "why" in row, name
    assert metrics["recall"]["k"] == 4 and metrics["recall"]["rule"] == "le"
    for name in ("mmd2_rbf_unbiased", "vendi_rbf_q1"):
        assert metrics[name]["kernel_sigma_used"] == metrics["kernel_sigma_used"]["value"]
    for name in ("authenticity", "fld", "ct_zu"):
        assert metrics[name]["reference_set"] == "test" and metrics[name]["n_train"] == 70
    assert metrics["energy_v"]["estimator"] == "V-statistic"

    # what the files cannot give is told, and refused only by name
    left = answer["left_out"]
    assert left["class_entropy"] == "needs labels on both sides" and "pictures" in left["power_ratio_1"]
    assert not left.keys() & metrics.keys()
    listed = [line.split()[:2] for line in madloop("list", "metrics")[0].splitlines()]
    named = {name for name, group in listed if group not in ("categories", "category_rows", "excess_risk")}
    assert left.keys() | metrics.keys() == named
    out, _ = madloop("metrics", *pair)
    assert "left out (needs labels on both sides): class_entropy," in out and "emd_w2_sq" in out
    out, _ = madloop("metrics", *pair, "--train", folder / "train.npy")
    assert "warning: 4 of the real rows are training rows, too" in out
    for name, message in (("class_entropy", "needs labels"), ("power_ratio_1", "is not defined where rows are no")):
        _, error = madloop("metrics", *pair, "--only", f"all,{name}", code=2)
        assert error.count("\n") == 1 and f"'{name}' {message}" in error, error
    np.save(folder / "few.npy", rows["real"][:3])
    out, _ = madloop("metrics", folder / "few.npy", folder / "few.npy", "--only", "all", "--json")
    few = json.loads(out)["metrics"]["recall"]
    assert few["value"] is None and few["why"] == "needs at least 7 rows of FAKE"
    print("metrics --json: the same, hashes, rows shared with the training set, what is left out and why")


with workspace() as name:
    check_run(pathlib.Path(name))
    check_other_runs(pathlib.Path(name))
    check_json(pathlib.Path(name))
