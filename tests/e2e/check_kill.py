"""Runs killed at random moments and resumed end with the bits of undisturbed ones.

At least 30 SIGKILLs in all, and some SIGINTs (which save and exit with 130) between them; after each one run.h5 opens in h5py and everything below n_done is
there. The moments come from a fixed seed, but where they fall in a run depends on the machine.
"""
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

import loops
from harness import MADLOOP, assert_same, madloop, workspace

MIN_KILLS = 30
moments = random.Random(20240607)


def check_readable(folder):
    """What a kill left: nothing yet, or a file whose first n_done generations are complete."""
    if not (folder / "run.h5").exists():
        return 0
    with h5py.File(folder / "run.h5") as run:
        n_done = int(run.attrs["n_done"])
        share = run["lineage/real_share"][:]
        assert np.isfinite(share[:, :n_done]).all(), f"{folder}: holes below n_done = {n_done}"
    for path in folder.glob("gen-*.h5"):
        with h5py.File(path):
            pass
    return n_done


def run_with_kills(name, config, folder, longest_s):
    """Start, kill, resume, kill, ... until it ends by itself. Returns kills and where they fell."""
    kills, places = 0, set()
    command = [MADLOOP, "run", config, "-o", folder]
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, error = process.communicate(timeout=moments.uniform(0.002, longest_s))
            assert process.returncode == 0, error.decode()
            return kills, places
        except subprocess.TimeoutExpired:
            if moments.random() < 0.3:
                process.send_signal(signal.SIGINT)
                _, error = process.communicate()
                assert process.returncode in (0, 130, -signal.SIGINT), error.decode()
            else:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
            places.add(check_readable(folder))
            started = (folder / "config.yaml").exists()
            command = [MADLOOP, "resume", folder] if started else command


with workspace() as work:
    work = pathlib.Path(work)
    total, turn = 0, 0
    names = list(loops.LOOPS)
    while total < MIN_KILLS or turn < len(names):
        name = names[turn % len(names)]
        config = loops.write(work, name)
        reference = work / f"{name}-reference"
        if not reference.exists():
            start = time.monotonic()
            madloop("run", config, "-o", reference)
            longest_s = 0.7 * (time.monotonic() - start) + 0.01
        folder = work / f"{name}-{turn}"
        kills, places = run_with_kills(name, config, folder, longest_s)
        assert_same(reference, folder, f"{name} after {kills} kills")
        print(f"{name}: {kills} kills, at n_done {sorted(places)}: same bits")
        total, turn = total + kills, turn + 1
    print(f"{total} kills")
