"""Data files written by numpy and by hand, read by the store through table_print (sys.argv[1])."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py  # noqa: F401 (used by the checks)
    import numpy as np
except ImportError:
    print("skipped: python without numpy or h5py")
    sys.exit(77)

TOOL = sys.argv[1]
WHERE = tempfile.mkdtemp(prefix="madloop-data-")
n_checks = 0


def read(reader, **keys):
    """(table, rows, classes), or (exit code, message, None)."""
    out = os.path.join(WHERE, "out")
    call = [TOOL, reader, out] + [f"{k}={v}" for k, v in keys.items()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return done.returncode, done.stderr.strip(), None
    table = json.loads(done.stdout)
    rows = np.fromfile(out + ".x").reshape(table["n_rows"], table["dim"])
    label = np.fromfile(out + ".label", np.int32) if table["labels"] else None
    return table, rows, label


def path_of(name):
    return os.path.join(WHERE, name)


def put(name, content):
    os.makedirs(os.path.dirname(path_of(name)), exist_ok=True)
    with open(path_of(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path_of(name)


def check(ok, what):
    global n_checks
    n_checks += 1
    if not ok:
        sys.exit(f"FAILED: {what}")


def refused(what, words, reader, **keys):
    """Exit code 3 and one line with these words."""
    got, message, _ = read(reader, **keys)
    words = [words] if isinstance(words, str) else words
    check(got == 3 and all(w in message for w in words) and "\n" not in message,
          f"{what}: expected exit 3 and {words}, got {got!r}: {message!r}")


def same(what, want, reader, **keys):
    table, rows, label = read(reader, **keys)
    check(isinstance(table, dict), f"{what}: refused: {rows}")
    want = np.asarray(want, float)
    check(rows.shape == want.shape and np.array_equal(rows, want), f"{what}: rows differ:\n{rows}")
    return table, label


def csv_of(content, **keys):
    return dict(reader="csv", path=put("t.csv", content), **keys)


def finish():
    shutil.rmtree(WHERE)
    print(f"{n_checks} checks passed")
