"""What the checks of bad input share: a call must end with its line and code and change nothing."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import time

from harness import MADLOOP, workspace

BINARY = str(pathlib.Path(MADLOOP).resolve())
GOOD = """name: good
generations: 3
replicates: 2
world: {kind: gauss, dim: 2}
model: {kind: gauss}
loop: {family: fresh, n_initial: 50, n_real: 20, n_synthetic: 20}
measure: {n: 50, preview: 8, metrics: [trace, recall]}
"""
FILE_WORLD = """model: {kind: gauss}
generations: 2
loop: {family: fully_synthetic, n_initial: 50, n_synthetic: 50}
measure: {n: 20, preview: 8, metrics: [trace]}
"""
n_refused = 0


def call(*arguments, **keywords):
    keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **keywords}
    words = [a if isinstance(a, bytes) else str(a) for a in arguments]
    done = subprocess.run([BINARY, *words], text=True, errors="replace", **keywords)
    assert not re.search(r"Sanitizer|runtime error|broken promise", done.stderr or ""), done.stderr
    assert done.returncode >= 0 or done.returncode == -signal.SIGPIPE, \
        f"{words}: killed by signal {-done.returncode}"
    return done


def snapshot():
    """Every file below here, and what it holds."""
    found = {}
    for folder, folders, files in os.walk("."):
        for name in folders:
            found[os.path.join(folder, name)] = "folder"
        for name in files:
            path = os.path.join(folder, name)
            plain = os.path.isfile(path) and not os.path.islink(path)
            found[path] = (hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if plain
                           else "other")
    return found


def refused(code, words, *arguments, spare=(), **keywords):
    """The call must end with `code` and one line on stderr that holds every word, and leave every
    file as it was; names that end like one of `spare` may change."""
    global n_refused
    n_refused += 1
    before = snapshot()
    done = call(*arguments, **keywords)
    what = f"madloop {' '.join(map(str, arguments))[:200]}"
    assert done.returncode == code, f"{what}: exit {done.returncode}, not {code}\n{done.stderr}"
    assert done.stderr.count("\n") == 1, f"{what}: not one line:\n{done.stderr}"
    assert done.stderr.startswith("madloop: "), f"{what}: {done.stderr}"
    for word in words if isinstance(words, (list, tuple)) else [words]:
        assert word in done.stderr, f"{what}: no {word!r} in {done.stderr}"
    after = snapshot()
    changed = [p for p in sorted(before.keys() | after.keys())
               if before.get(p) != after.get(p) and not p.endswith(tuple(spare) or "\0")]
    assert not changed, f"{what}: changed {changed}"
    return done


def accepted(*arguments, **keywords):
    done = call(*arguments, **keywords)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stderr}"
    return done


def put(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def run_checks(*checks):
    """In a folder of their own that holds good.yaml and its finished run."""
    with workspace() as work:
        os.chmod(work, 0o755)
        os.chdir(work)
        put("good.yaml", GOOD)
        put("known-leaks", "leak:libhdf5\n")  # what a failed close leaves is libhdf5's own
        os.environ.setdefault("LSAN_OPTIONS",
                              f"suppressions={work}/known-leaks:print_suppressions=0")
        os.environ.pop("MADLOOP_DATA", None)
        accepted("run", "good.yaml", "-o", "run", "--progress", "none")
        for check in checks:
            start = time.monotonic()
            check()
            print(f"{check.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        print(f"{n_refused} refusals, each with its line and code, nothing changed")
