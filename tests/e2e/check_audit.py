"""`madloop audit` against the run it speaks of: seconds and peak memory within 25 %.

Timings on a shared machine: an attempt is audit, run, audit, and counts with the mean of the two
forecasts; of up to 6 attempts one must agree, but on a machine whose run queue is longer than twice
its processors, where the check is skipped. Memory must agree every time.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, h5py, madloop, skip, workspace

TOLERANCE, ATTEMPTS = 0.25, 6
PROBE_SHARE = 0.2  # of a first run's wall time: the probe stays a part of it on any machine
CONFIGS = {
    # name: (configuration, generations the probe may run whole at most)
    "gauss": ("""replicates: 2500
generations: 200
world: {kind: gauss, dim: 3}
model: {kind: gauss}
loop: {family: fully_synthetic, n_initial: 200, n_synthetic: 200}
measure: {n: 100, preview: 16, metrics: [trace, log_det]}
checkpoint: {every: 10}
""", 190),
    "growing": ("""replicates: 6
generations: 60
world: {kind: gauss, dim: 8}
model: {kind: gauss}
loop: {family: synthetic_augmentation, n_initial: 3000, n_real: 3000, n_synthetic: 3000, retain: accumulate}
measure: {n: 200, preview: 16, metrics: [trace]}
""", 45),
    "kde": ("""replicates: 3
generations: 16
world: {kind: ring}
model: {kind: kde}
loop: {family: fresh, n_initial: 2000, n_real: 1000, n_synthetic: 2000}
measure: {n: 4000, preview: 64, metrics: [recall, precision, density, coverage]}
""", 15),
    "guided from generation 2 on": ("""replicates: 3
generations: 6
world: {kind: ring}
model: {kind: exact, sampler: {kind: heun, steps: 40}, guide: {kind: cfg, w: "linear(0, 1)"}}
loop: {family: fresh, n_initial: 2000, n_real: 1000, n_synthetic: 15000}
measure: {n: 1500, preview: 64, metrics: [recall, trace]}
""", 5),
    "diffusion": ("""replicates: 2
generations: 3
world: {kind: ring}
model: {kind: diffusion, net: {width: 64}, train: {steps: 1500, batch: 256}, schedule: {steps: 100}}
loop: {family: fresh, n_initial: 2000, n_real: 1000, n_synthetic: 1000}
measure: {n: 1000, preview: 64, metrics: [recall, sliced_w2]}
""", 2),
}


def forecast(config, seconds, *arguments):
    return json.loads(madloop("audit", config, "--json", "--seconds", seconds, *arguments)[0])


def run(config, folder):
    """(wall seconds, peak bytes by the system, peak bytes as stored)"""
    start = time.monotonic()
    process = subprocess.Popen([MADLOOP, "run", config, "-o", folder, "--progress", "none",
                                "--force"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - start
    assert process.returncode == 0
    with h5py.File(folder / "run.h5") as file:
        stored = int(file.attrs["peak_bytes"])
    assert abs(stored / (usage.ru_maxrss * 1024) - 1) < 0.05, (stored, usage.ru_maxrss)
    return wall_s, stored


def check_forecasts(work):
    for name, (text, most) in CONFIGS.items():
        config = work / f"{name}.yaml"
        config.write_text(f"name: {name.split()[0]}\n{text}")
        seconds = PROBE_SHARE * run(config, work / name)[0]
        ratios = []
        for _ in range(ATTEMPTS):
            before = forecast(config, seconds)["cost"]
            wall_s, peak = run(config, work / name)
            after = forecast(config, seconds)["cost"]
            said = (before["total_s"] + after["total_s"]) / 2
            ratios.append(said / wall_s)
            for cost in (before, after):
                assert abs(cost["peak_bytes"] / peak - 1) < TOLERANCE, \
                    f"{name}: peak {cost['peak_bytes'] / 1e6:.1f} MB said, {peak / 1e6:.1f} MB taken"
                assert cost["probe"]["generations"] <= most, (name, cost["probe"])
            if abs(ratios[-1] - 1) < TOLERANCE:
                break
        listed = ", ".join(f"{r:.2f}" for r in ratios)
        print(f"{name}: run {wall_s:.2f} s, said/took {listed}; "
              f"peak {peak / 1e6:.1f} MB, said {before['peak_bytes'] / 1e6:.1f}", flush=True)
        if abs(ratios[-1] - 1) >= TOLERANCE and os.getloadavg()[0] > 2 * os.cpu_count():
            skip(f"{name}: said/took {listed}, with {os.getloadavg()[0]:.0f} processes waiting")
        assert abs(ratios[-1] - 1) < TOLERANCE, f"{name}: said/took {listed}"


with workspace() as folder:
    check_forecasts(pathlib.Path(folder))
