"""What the end-to-end checks share: running madloop, comparing what runs left."""
import os
import pathlib
import subprocess
import sys
import tempfile

MADLOOP = os.environ.get("MADLOOP", "build/release/sim/cli/madloop")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def skip(reason):
    """End the check as skipped (CTest's return code 77), saying what it lacked."""
    print(f"skipped: {reason}")
    sys.exit(77)


try:
    import h5py
    import numpy as np
except ImportError as error:
    skip(f"needs numpy and h5py: {error}")


def data_root():
    """The folder with real data files, or the end of the check."""
    root = pathlib.Path(os.environ.get("MADLOOP_DATA", ROOT / ".." / "shared" / "data"))
    if not root.is_dir():
        skip(f"no data folder at {root} (set MADLOOP_DATA)")
    return root


def madloop(*arguments, code=0, timeout=280, **keywords):
    """Run a verb; fail unless it exits with `code`. Returns (stdout, stderr)."""
    done = subprocess.run([MADLOOP, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, **keywords)
    if code is not None and done.returncode != code:
        raise AssertionError(f"madloop {' '.join(map(str, arguments))}: exit {done.returncode}, "
                             f"expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def workspace():
    return tempfile.TemporaryDirectory(prefix="madloop-test-")


def contents(folder):
    """Everything of a run that must be bit-identical: {path: bytes}."""
    found = {}
    with h5py.File(folder / "run.h5") as run:
        assert run.attrs["n_done"] == run["generation"].size or "stop_reason" in run.attrs, \
            f"{folder} is not finished"
        for group in ("metrics", "floor", "theory", "lineage", "loss", "data", "model", "audit",
                      "bias", "select", "correct", "channel"):
            for name, dataset in run.get(group, {}).items():
                found[f"{group}/{name}"] = dataset[()].tobytes()
    for path in sorted(folder.glob("gen-*.h5")):
        with h5py.File(path) as gen:
            def keep(name, item, path=path):
                if isinstance(item, h5py.Dataset):
                    found[f"{path.name}/{name}"] = item[()].tobytes()
            gen.visititems(keep)
    return found


def assert_same(a, b, what):
    a, b = contents(a), contents(b)
    assert a.keys() == b.keys(), f"{what}: other datasets: {sorted(a.keys() ^ b.keys())}"
    assert len(a) > 3, f"{what}: next to nothing to compare"
    different = [name for name in a if a[name] != b[name]]
    assert not different, f"{what}: bits differ in {different}"
