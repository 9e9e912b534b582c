"""Every experiment leaves the same bits for 1, 2, 3 and 5 threads."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import loops
from harness import assert_same, contents, madloop, workspace

with workspace() as work:
    work = pathlib.Path(work)
    for name in loops.LOOPS:
        config = loops.write(work, name)
        for n_threads in (1, 2, 3, 5):
            madloop("run", config, "-o", work / f"{name}-{n_threads}", "-t", n_threads)
        for n_threads in (2, 3, 5):
            assert_same(work / f"{name}-1", work / f"{name}-{n_threads}",
                        f"{name}, 1 and {n_threads} threads")
        # the twin: another seed must not look the same
        madloop("run", config, "seed=12", "-o", work / f"{name}-twin")
        a, b = contents(work / f"{name}-1"), contents(work / f"{name}-twin")
        assert any(a[key] != b[key] for key in a if key.startswith("metrics/")), name
        print(f"{name}: {len(a)} datasets, same bits for 1, 2, 3, 5 threads")
