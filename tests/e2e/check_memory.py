"""Peak memory does not grow with the number of generations (age last, retain replace)."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, workspace

GAUSS = """
name: memory
replicates: 8
world: {kind: gauss, dim: 10}
model: {kind: gauss}
loop: {family: fresh, n_initial: 1000, n_real: 500, n_synthetic: 500}
measure: {n: 200, preview: 64, metrics: [recall, precision, sliced_w2, trace]}
checkpoint: {every: 10}
"""


# An address sanitizer holds freed blocks back; here that would pass for growth.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")


def peak_mib(config, folder, generations, retain):
    """Largest resident set of one run."""
    process = subprocess.Popen([MADLOOP, "run", config, f"generations={generations}",
                                f"loop.retain={retain}", "-o", folder, "--progress", "none"],
                               stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


with workspace() as work:
    work = pathlib.Path(work)
    config = work / "memory.yaml"
    config.write_text(GAUSS)
    short = peak_mib(config, work / "a", 20, "replace")
    long = peak_mib(config, work / "b", 200, "replace")
    pool = peak_mib(config, work / "c", 100, "accumulate")
    print(f"peak {short:.1f} MiB for 20 generations, {long:.1f} MiB for 200; "
          f"{pool:.1f} MiB for 100 that keep every sample")
    assert long < short + 4, "memory grows with the generations"
    assert pool > short + 4, "the check cannot see growth"
