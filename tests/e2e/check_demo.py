"""The demo shows what it is for, at its full size: configs/demo.yaml.

Recall of the fully synthetic loop ends below that of the fresh loop with 95 % intervals (Student t
over the replicates) apart; generation 1 is near the floor. The twin, fresh against synthetic
augmentation, must not come apart: the check can fail.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np
from scipy import stats

from harness import ROOT, madloop, workspace


def interval(values):
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


with workspace() as work:
    work = pathlib.Path(work)
    madloop("sweep", ROOT / "configs/demo.yaml", "-o", work, "--progress", "none", timeout=1500)
    recall, floor = {}, None
    for path in work.glob("*/run.h5"):
        with h5py.File(path) as run:
            config = run.attrs["config"].decode()
            family = config.split("family: ")[1].split()[0]
            recall[family] = run["metrics/recall"][:]
            floor = run["floor/recall"][:]
    assert sorted(recall) == ["fresh", "fully_synthetic", "synthetic_augmentation"]
    ends = {family: interval(values[:, -1]) for family, values in recall.items()}
    first = recall["fresh"][:, 0]
    print(f"generation 1: recall {first.mean():.3f}, floor {floor.mean():.3f}")
    for family, (low, high) in ends.items():
        print(f"{family}: recall at the end {low:.3f} to {high:.3f}")
    assert len(first) >= 3
    assert np.array_equal(first, recall["fully_synthetic"][:, 0]), "generation 1 is common to all"
    assert first.mean() > floor.mean() - 0.1
    assert ends["fully_synthetic"][1] < ends["fresh"][0]
    assert not ends["synthetic_augmentation"][1] < ends["fresh"][0]
