"""Precision, recall, density and coverage of equal laws against what is known of them.

check_published.py          coverage of N(0, I) against its exact mean 1 - prod (n - j)/(n + m - j), density
                            against 1; |z| < 4.89 over independent data sets: one false alarm in a million.
                            Sabotaged twin: the mean for k + 1 neighbours must be refused.
check_published.py draw     the published single draw, N(0, I) in 1000 dimensions, 10,000 rows a side, k = 5:
                            precision .4772, recall .4705, density 1.0555, coverage .9735. Each must lie
                            where the next of our draws would (Student t of DRAWS draws, two-sided 1e-4).
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import madloop, np, skip, workspace

try:
    from scipy import stats
except ImportError as error:
    skip(f"needs scipy: {error}")

NAMES = ("precision", "recall", "density", "coverage")
PUBLISHED = {"precision": 0.4772, "recall": 0.4705, "density": 1.0555, "coverage": 0.9735}
DRAWS = 5


def measured(folder, real, fake, k):
    np.save(folder / "real.npy", real)
    np.save(folder / "fake.npy", fake)
    text, _ = madloop("metrics", folder / "real.npy", folder / "fake.npy", "--only", ",".join(NAMES),
                      "--k", k, "--json")
    return {name: row["value"] for name, row in json.loads(text)["metrics"].items()}


def expected_coverage(n, m, k):
    return 1 - np.prod([(n - j) / (n + m - j) for j in range(1, k + 1)])


def check_expectations(folder):
    for n, m, k, repeats in ((100, 60, 3, 200), (60, 100, 2, 200)):
        rng = np.random.default_rng(n)
        rows = [measured(folder, rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k)
                for _ in range(repeats)]

        def z(name, mean):
            x = np.array([row[name] for row in rows])
            return (x.mean() - mean) / (x.std(ddof=1) / np.sqrt(repeats))

        got = z("coverage", expected_coverage(n, m, k)), z("density", 1.0)
        twin = z("coverage", expected_coverage(n, m, k + 1))
        print(f"n {n}, m {m}, k {k}: z of coverage {got[0]:.2f}, of density {got[1]:.2f}; "
              f"of k + 1 neighbours {twin:.1f}")
        assert max(map(abs, got)) < 4.89 and abs(twin) > 4.89


def check_draw(folder):
    rng = np.random.default_rng(1)
    rows = [measured(folder, rng.normal(size=(10000, 1000)), rng.normal(size=(10000, 1000)), 5)
            for _ in range(DRAWS)]
    for name, value in PUBLISHED.items():
        x = np.array([row[name] for row in rows])
        t = (value - x.mean()) / (x.std(ddof=1) * np.sqrt(1 + 1 / DRAWS))
        p = 2 * stats.t.sf(abs(t), DRAWS - 1)
        print(f"{name}: {x.mean():.4f} +- {x.std(ddof=1):.4f} over {DRAWS} draws, "
              f"published {value}, p {p:.3f}")
        assert p > 1e-4
    print(f"coverage: exact mean {expected_coverage(10000, 10000, 5):.4f}")


with workspace() as name:
    if sys.argv[1:] == ["draw"]:
        check_draw(pathlib.Path(name))
    else:
        check_expectations(pathlib.Path(name))
