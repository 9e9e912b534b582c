"""Cases for group_print, shared by the checks of measures of rows."""
import json
import subprocess

import numpy as np

failures = []


def run(program, cases):
    """The values of every case, a dict of name, real, fake, groups and, if wanted, keys, directions, train,
    centres, threads."""
    text = "\n".join(as_text(case) for case in cases) + "\n"
    done = subprocess.run([program], input=text, text=True, capture_output=True)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(cases):
        raise SystemExit(f"group_print stopped with {done.returncode} after {len(lines)} of "
                         f"{len(cases)} cases: {done.stderr}")
    return [{key: float(value) for key, value in json.loads(line).items()} for line in lines]


def as_text(case):
    real, fake = (np.asarray(case[side], float) for side in ("real", "fake"))
    keys, groups = case.get("keys", []), case["groups"]
    more = [np.asarray(case.get(name, np.zeros((0, real.shape[1]))), float)
            for name in ("directions", "train", "centres")]
    parts = [case.get("threads", 2), len(real), len(fake), real.shape[1], len(keys), *keys, len(groups),
             *groups, *map(len, more)]
    return " ".join([str(part) for part in parts] +
                    [float(x).hex() for a in (real, fake, *more) for x in a.ravel()])


def close(case, name, got, expected, rel=1e-9, absolute=0.0):
    """absolute: what rounding of the terms leaves of a difference that cancels."""
    expected = float(expected)
    same = got == expected or (np.isnan(got) and np.isnan(expected))
    if not (same or abs(got - expected) <= rel * abs(expected) + absolute):
        failures.append(f"{case['name']}: {name} is {got!r}, expected {expected!r}")


def finish(n_cases):
    print(f"{n_cases} cases, {len(failures)} failures")
    print("\n".join(failures[:30]))
    raise SystemExit(1 if failures else 0)


def pairs_of_sets(rng):
    """Odd sizes and shapes, ties, duplicates, one dimension, points."""
    normal = rng.standard_normal
    for n, m, dim in [(50, 50, 1), (2, 3, 1), (64, 64, 2), (65, 127, 3), (130, 61, 17), (70, 200, 9),
                      (128, 63, 300), (300, 300, 8), (40, 30, 64), (3, 2, 5), (1, 4, 3), (5, 1, 2)]:
        yield f"normal {n} {m} {dim}", normal((n, dim)), 0.8 * normal((m, dim)) + 0.3
    yield "grid", rng.integers(0, 4, (90, 2)), rng.integers(0, 5, (70, 2))
    twice = np.repeat(normal((30, 3)), 2, 0)
    yield "duplicated rows", twice, twice[::-1] + 0.01
    yield "equal sets", twice, twice
    yield "mostly one point", np.concatenate([np.ones((40, 2)), normal((10, 2))]), normal((30, 2))
    yield "points", np.ones((20, 2)), np.ones((15, 2))
    yield "two points", np.zeros((20, 2)), np.ones((15, 2))
    yield "collapsed model", normal((60, 3)), np.full((45, 3), 0.25)
    yield "constant column", normal((50, 2)) * [1, 0] + [0, 3], normal((40, 2)) * [1, 0] + [0, 3]
    yield "far from zero", normal((80, 3)) + 1e6, normal((70, 3)) + 1e6
    yield "line", np.sort(rng.integers(0, 9, (60, 1)), 0), rng.integers(2, 12, (84, 1))
