"""`madloop reproduce`: criteria against numpy and scipy, verdicts, bad criteria, what is listed."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import ROOT, h5py, madloop, np, skip, workspace

try:
    from scipy import stats
    from scipy.signal import lfilter
    from scipy.special import digamma, polygamma
except ImportError as error:
    skip(f"needs scipy: {error}")

CONFIG = """
paper: {{source: "a test", shape: "none", row: 3, seconds: 1}}
arms:
  few: [loop.n_initial=8, loop.n_synthetic=8]
  many: [loop.n_initial=40, loop.n_synthetic=40]
expect:
{criteria}
seed: {seed}
replicates: {replicates}
generations: 12
world: {{kind: gauss, dim: 1}}
model: {{kind: gauss, ddof: unbiased}}
loop: {{family: fully_synthetic, n_initial: 8, n_synthetic: 8}}
measure: {{metrics: [trace, mean_error_sq, frechet], moments: model, preview: 0}}
checkpoint: {{every: 12}}
"""


def config(path, criteria, replicates=120, seed=1):
    lines = "\n".join(f'  c{i}: "{text}"' for i, text in enumerate(criteria))
    path.write_text(CONFIG.format(criteria=lines, replicates=replicates, seed=seed))
    return path


def judged(path, out, code=None):
    text, _ = madloop("reproduce", path, "-o", out, "--json", "--progress", "none", code=code)
    answer = json.loads(text)[0]
    return answer, answer["criteria"]


def arms(out):
    """{arm: run.h5} of the two folders, told by their sizes."""
    found = {}
    for path in pathlib.Path(out).glob("*/*/run.h5"):
        run = h5py.File(path)
        found["few" if b"n_initial: 8" in run.attrs["config"] else "many"] = run
    return found


def jackknife(statistic, n, n_groups=50):
    """Standard error by leaving out one of min(n, 50) consecutive groups; statistic(kept)."""
    k = min(n, n_groups)
    left = [statistic(np.r_[0:n * i // k, n * (i + 1) // k:n]) for i in range(k)]
    return np.sqrt((k - 1) / k * np.sum((left - np.mean(left)) ** 2))


def close(a, b, what):
    assert np.isclose(a, b, rtol=1e-9, atol=1e-12), (what, a, b)


def check_values(folder):
    criteria = [
        "few:trace@5 = 1 z 4",
        "each log(few:trace) = g * (digamma(3.5) - log(3.5)) z 4",
        "Var(log(few:trace@12)) = 12 * trigamma(3.5) z 4",
        "few:frechet@last > many:frechet@last p 0.01",
        "many:frechet@last > few:frechet@last p 0.01",
        "slope(many:frechet, 2, 9) = 0 within 50%",
        "mean(many:trace, 3, 7) / few:floor.trace = 2 within 3",
        "kendall(few:trace) < autocorr(few:trace, 2) + 10",
        "corr(few:trace, few:frechet, 4, 12) = 0 within 2",
        "E(few:mean_error_sq@4) / E(many:mean_error_sq@4) = 5 within 2",
        "each 2..4 many:theory.trace = 1",
        "-(2 + 3)^2 * few:lineage.real_share@1 = -25",
        "exp(few:lineage.real_share@2) < abs(-sqrt(4))",
        "spearman(few:trace, few:frechet, many:trace, many:frechet) = 0 within 2",
        "discounted(few:trace, 0.8^2)@7 = 0 within 99",
        "corr(discounted(few:trace, 0.5), few:frechet) = 0 within 2",
        "spearman(few:lineage.real_share, few:trace) = 0 within 2",
        "largest(many:trace, 2, 5) - smallest(many:trace, 2, 5) > sum(few:lineage.real_share, 2, 9)",
    ]
    answer, found = judged(config(folder / "values.yaml", criteria), folder / "out")
    assert answer["verdict"] == "FAIL" and answer["paper"]["source"] == "a test"
    runs = arms(folder / "out")
    few, many = ({k: run["metrics"][k][()] for k in run["metrics"]} for run in
                 (runs["few"], runs["many"]))
    n = 120

    def mean_error(x):
        return np.std(x, ddof=1) / np.sqrt(n)

    def check(i, measured, expected, error, score, verdict, generation=0):
        row = found[i]
        close(row["measured"], measured, criteria[i])
        close(row["expected"], expected, criteria[i])
        close(row["std_error"], error, criteria[i])
        close(row["score"], score, criteria[i])
        assert row["verdict"] == verdict and row["generation"] == generation, (criteria[i], row)

    x = few["trace"][:, 4]
    check(0, x.mean(), 1, mean_error(x), abs(x.mean() - 1) / mean_error(x), "PASS")
    logs = np.log(few["trace"])
    law = np.arange(1, 13) * (digamma(3.5) - np.log(3.5))
    z = abs(logs.mean(0) - law) / (logs.std(0, ddof=1) / np.sqrt(n))
    g = int(z.argmax())
    check(1, logs[:, g].mean(), law[g], mean_error(logs[:, g]), z[g], "PASS", g + 1)
    error = jackknife(lambda kept: logs[kept, 11].var(ddof=1), n)
    expected = 12 * polygamma(1, 3.5)
    value = logs[:, 11].var(ddof=1)
    check(2, value, expected, error, abs(value - expected) / error, "PASS")
    a, b = few["frechet"][:, 11], many["frechet"][:, 11]
    p = stats.ttest_rel(a, b, alternative="greater").pvalue
    check(3, a.mean(), b.mean(), mean_error(a - b), p, "PASS")
    check(4, b.mean(), a.mean(), mean_error(a - b), 1 - p, "FAIL")
    slopes = np.array([stats.linregress(range(2, 10), row[1:9]).slope for row in many["frechet"]])
    assert found[5]["verdict"] == "FAIL"
    close(found[5]["measured"], slopes.mean(), "slope")
    ratio = many["trace"][:, 2:7].mean(1) / runs["few"]["floor/trace"][()]
    close(found[6]["measured"], ratio.mean(), "floor")
    tau = np.mean([stats.kendalltau(range(12), row).statistic for row in few["trace"]])
    close(found[7]["measured"], tau, "kendall")
    centred = few["trace"] - few["trace"].mean(1, keepdims=True)
    lag = (centred[:, 2:] * centred[:, :-2]).sum(1) / (centred**2).sum(1)
    close(found[7]["expected"], lag.mean() + 10, "autocorr")
    pairs = zip(few["trace"][:, 3:], few["frechet"][:, 3:])
    close(found[8]["measured"], np.mean([np.corrcoef(u, v)[0, 1] for u, v in pairs]), "corr")
    e, f = few["mean_error_sq"][:, 3], many["mean_error_sq"][:, 3]
    close(found[9]["measured"], e.mean() / f.mean(), "ratio of means")
    close(found[9]["std_error"], jackknife(lambda kept: e[kept].mean() / f[kept].mean(), n), "its error")
    half = found[9]["std_error"] * stats.t.ppf(0.975, 49)
    gap = abs(e.mean() / f.mean() - 5)
    assert found[9]["verdict"] == ("PASS" if gap + half <= 2 else
                                   "FAIL" if gap - half > 2 else "INCONCLUSIVE")
    assert {row["verdict"] for row in found[10:13]} == {"PASS"}, found[10:13]
    close(found[11]["measured"], -25, "power binds tighter than the sign")
    ranks = zip(*(np.concatenate([few[k], many[k]], axis=1) for k in ("trace", "frechet")))
    close(found[13]["measured"], np.mean([stats.spearmanr(u, v).statistic for u, v in ranks]), "spearman")
    weights = 0.8 ** (2 * np.arange(6, -1, -1))
    close(found[14]["measured"], (few["trace"][:, :7] @ weights).mean(), "discounted")
    memory = np.array([lfilter([1], [1, -0.5], row) for row in few["trace"]])
    pairs = zip(memory, few["frechet"])
    close(found[15]["measured"], np.mean([np.corrcoef(u, v)[0, 1] for u, v in pairs]), "of its course")
    tied = np.arange(12) == 0  # real rows in generation 1 alone
    close(found[16]["measured"], np.mean([stats.spearmanr(tied, row).statistic for row in few["trace"]]), "ties")
    assert found[17]["verdict"] == "PASS"
    print(f"{len(criteria)} criteria agree with numpy and scipy")


def check_verdicts(folder):
    """A true law passes, a law that is off fails, too little data is inconclusive."""
    law = "each log(few:trace) = g * (digamma(3.5) - log(3.5)) z 4"
    wrong = "each log(few:trace) = g * (digamma(3.5) - log(3.0)) z 4"
    answer, _ = judged(config(folder / "true.yaml", [law], 2000), folder / "true", code=0)
    assert answer["verdict"] == "PASS"
    answer, found = judged(config(folder / "wrong.yaml", [law, wrong], 2000), folder / "wrong", code=1)
    assert answer["verdict"] == "FAIL" and [f["verdict"] for f in found] == ["PASS", "FAIL"]
    answer, found = judged(config(folder / "few.yaml", ["few:trace@12 = 1 within 1%"], 3),
                           folder / "few", code=1)
    assert answer["verdict"] == "INCONCLUSIVE" and "off" in found[0]["why"], found
    answer, found = judged(config(folder / "one.yaml", ["few:trace@12 = 1"], 1), folder / "one", code=1)
    assert answer["verdict"] == "INCONCLUSIVE" and "too few replicates" in found[0]["why"]
    text, _ = madloop("reproduce", folder / "true.yaml", "-o", folder / "true")
    assert "PASS" in text and "measured" in text and "2 runs" in text and "another build" not in text
    for run in sorted((folder / "true").glob("true/*/run.h5")):
        with h5py.File(run, "r+") as file:
            file.attrs["git"] = "older"
    text, _ = madloop("reproduce", folder / "true.yaml", "-o", folder / "true")
    assert "2 of the runs were made by another build" in text, text
    print("true, wrong, too little: PASS, FAIL, INCONCLUSIVE")


def check_last(folder):
    """`last` is that of the series it stands at, also within arithmetic, and never another arm's."""
    def with_lengths(name, criteria):
        path = config(folder / name, criteria, 20)
        path.write_text(path.read_text().replace("few: [", "few: [generations=6, "))
        return path

    criteria = ["many:trace@(last - 1) = 1 within 9", "few:trace@(last - 1) = 1 within 9",
                "mean(many:trace, last - 1, last) = 1 within 9", "few:trace@last - many:trace@last = 0 within 9",
                "each 9..(last - 1) many:trace > 0 p 0.5",
                "each few:trace < many:trace + 9", "autocorr(many:trace, last - 2) = 0 within 9"]
    _, found = judged(with_lengths("last.yaml", criteria), folder / "last")
    runs = arms(folder / "last")
    few, many = (runs[k]["metrics/trace"][()] for k in ("few", "many"))
    assert few.shape[1] == 6 and many.shape[1] == 12
    for i, value in enumerate([many[:, 10].mean(), few[:, 4].mean(), many[:, 10:].mean(),
                               few[:, 5].mean() - many[:, 11].mean()]):
        close(found[i]["measured"], value, criteria[i])
    assert 9 <= found[4]["generation"] <= 11 and found[5]["generation"] <= 6
    centred = many - many.mean(1, keepdims=True)
    lag = (centred[:, 10:] * centred[:, :-10]).sum(1) / (centred**2).sum(1)
    close(found[6]["measured"], lag.mean(), criteria[6])
    for text in ("few:trace@5 = last", "(few:trace - many:trace)@last = 0", "mean(many:trace * last) = 1",
                 "corr(few:trace, many:trace, 1, last) = 0", "each 1..last few:trace = many:trace"):
        _, error = madloop("reproduce", with_lengths("vague.yaml", [text]), "-o", folder / "vague",
                           "--progress", "none", code=2)
        assert "last is 6 in arm few and 12 in arm many" in error and error.count("\n") == 1, (text, error)
    print("last is the series' own last generation, or refused")


def check_nan(folder):
    """What is not measured in one generation makes no verdict, whatever the function."""
    gap = "log(few:trace - few:trace@3)"  # NaN or -inf in every run
    criteria = [f"{name}({gap}) < 99" for name in ("kendall", "smallest", "largest", "mean", "slope")]
    criteria += [f"spearman({gap}, few:frechet) < 99", f"spearman(few:frechet, {gap}) < 99",
                 f"corr({gap}, few:frechet) < 99", f"autocorr({gap}, 1) < 99",
                 "kendall(few:trace) < 99"]
    _, found = judged(config(folder / "nan.yaml", criteria, 20), folder / "nan", code=1)
    for text, row in zip(criteria[:-1], found):
        assert row["verdict"] == "INCONCLUSIVE" and row["why"] == "not measured (NaN)", (text, row)
    assert found[-1]["verdict"] == "PASS"
    print(f"NaN: {len(criteria) - 1} functions are inconclusive")


def check_refused(folder):
    for text, words in [
        ("few:trace@5", "expected =, < or >"), ("few:trace@5 = ", "expected a number"),
        ("trace@5 = 1", "of which arm? write ARM:trace"), ("none:trace@5 = 1", "no arm is called 'none'"),
        ("few:trace@5 = 1 z", "expected a number above 0"), ("few:trace@5 = 1 p 1", "expected z Z or within X"),
        ("few:trace@5 < 1 within 2", "expected p P"), ("slope() = 1", "expected a number"),
        ("slope(few:trace, 1, 2, 3) = 1", "no more arguments"), ("(few:trace@5 = 1", "expected ')'"),
        ("each 1 > 0", "each needs a series"), ("each 2..4 g > 1", "each needs a series"),
        ("few:trace@5 = 1 z 4 4", "expected the end"), ("corr(few:trace) = 1", "more arguments")]:
        _, error = madloop("reproduce", config(folder / "bad.yaml", [text]), "-o", folder / "bad", code=2)
        assert words in error and "bad.yaml:" in error and error.count("\n") == 1, (text, error)
        assert not (folder / "bad").exists()
    for text, words in [("few:trace = 1", "at which generation?"), ("few:trace@99 = 1", "generations, not 99"),
                        ("each 5..3 few:trace = 1", "no such generations"), ("few:trace@1 = g", "which is missing"),
                        ("slope(few:trace, 3, 3) = 1", "generations 3 to 3"),
                        ("discounted(few:trace, 0.5) = 1", "up to which generation?"),
                        ("spearman(few:trace, few:frechet, many:trace) = 1", "needs pairs"),
                        ("few:tracce@1 = 1", "no series metrics/tracce"),
                        ("mean(few:trace, 5, 2) = 1", "generations 5 to 2"),
                        ("few:trace@0.5 = 1", "whole number"),
                        ("each 0..3 few:trace = 1", "no such generations"),
                        ("each 2..13 few:trace = 1", "no such generations"),
                        ("autocorr(few:trace, 12) = 0", "of lag 12 over generations 1 to 12"),
                        ("autocorr(few:trace, 4, 3, 6) = 0", "of lag 4 over generations 3 to 6")]:
        _, error = madloop("reproduce", config(folder / "bad2.yaml", [text], 4), "-o", folder / "bad2",
                           "--progress", "none", code=2)
        assert words in error and error.count("\n") == 1, (text, error)
        assert "bad2.yaml:" in error and not (folder / "bad2").exists(), (text, error)
    plain = folder / "plain.yaml"
    plain.write_text("{world: {kind: gauss}, model: {kind: gauss}, loop: {n_initial: 9, n_synthetic: 9}}")
    _, error = madloop("reproduce", plain, code=2)
    assert "no block `expect`" in error
    _, error = madloop("reproduce", "gauss-mean-wall", code=2, cwd=ROOT)
    assert "did you mean 'gauss-mean-walk'?" in error
    _, error = madloop("reproduce", code=2, cwd=ROOT)
    assert "--all or --list" in error
    _, error = madloop("reproduce", "--all", "dice-entropy", code=2, cwd=ROOT)
    assert "--all takes no names, got 'dice-entropy'" in error
    _, error = madloop("reproduce", "dice-entropy", "--budget", "3m", code=2, cwd=ROOT)
    assert "--budget goes with --all" in error
    _, error = madloop("reproduce", "--all", "--budget", "soon", code=2, cwd=ROOT)
    assert "90s, 30m or 2h" in error
    print("bad criteria: one line each, nothing run")


def check_before_running(folder):
    """What is wrong with the last arm is found before the first one runs."""
    path = config(folder / "late.yaml", ["few:trace@5 = 1"])
    whole = path.read_text()
    for old, new, words in [
        ("many: [", "many: [loop.n_reel=5, ", "unknown key 'loop.n_reel'"),
        ("many: [", "many: [world.kind=zipf, ", "arm 'many'")]:
        path.write_text(whole.replace(old, new))
        _, error = madloop("reproduce", path, "-o", folder / "late", "--progress", "none", code=2)
        assert words in error and "late.yaml:5:" in error and "arm 'many'" in error, error
        assert error.count("\n") == 1 and not (folder / "late").exists(), error
    path.write_text(whole.replace("few:trace@5", "many:trace@5").replace("many: [", "many: [measure.metrics=frechet, "))
    _, error = madloop("reproduce", path, "-o", folder / "late2", "--progress", "none", code=2)
    assert "the run of arm many has no series metrics/trace" in error and not (folder / "late2").exists(), error
    for block, words in [("sorce: x", "unknown key 'paper.sorce' (did you mean 'paper.source'?)"),
                         ("row: three", "paper.row: expected a number from 0, got 'three'"),
                         ("seconds: soon", "paper.seconds: expected a number from 0, got 'soon'")]:
        path.write_text(whole.replace('shape: "none", row: 3, seconds: 1', block))
        _, error = madloop("reproduce", path, "-o", folder / "late", code=2)
        assert words in error and "late.yaml:2:" in error, error
    print("bad arms, criteria and blocks are found before anything runs")


def check_all_goes_on(folder):
    """A result with an error is one of the results; the others are run and judged."""
    papers = folder / "papers"
    papers.mkdir()
    for name, seconds in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        path = config(papers / f"{name}.yaml", ["few:trace@5 = 1"], 40)
        path.write_text(path.read_text().replace("seconds: 1", f"seconds: {seconds}"))
    bad = papers / "b.yaml"
    bad.write_text(bad.read_text().replace("many: [", "many: [loop.n_reel=5, "))
    bad = papers / "c.yaml"
    bad.write_text(bad.read_text().replace("generations: 12", "generaitons: 12"))
    env = {**os.environ, "MADLOOP_PAPERS": str(papers)}

    def run(*options, code):
        return madloop("reproduce", *options, "-o", folder / "all", "--progress", "none", code=code, env=env)

    text, error = run("--all", "--json", code=2)
    found = {p["name"]: p for p in json.loads(text)}
    assert {k: p["verdict"] for k, p in found.items()} == {"a": "PASS", "b": "ERROR", "c": "ERROR", "d": "PASS"}, found
    assert "n_reel" in found["b"]["error"] and "generaitons" in found["c"]["error"] and found["a"]["error"] is None
    assert "2 of 4 results cannot be run" in error, error
    text, _ = run("--all", code=2)
    assert "b: ERROR: " in text and "c: ERROR: " in text and "2 PASS, 0 FAIL, 0 INCONCLUSIVE, 2 ERROR, 0 not run" in text
    text, _ = run("a", "b", "d", code=2)
    assert "2 PASS" in text and "1 ERROR" in text, text
    text, _ = run("--list", "--json", code=2)
    assert [p["verdict"] for p in json.loads(text)].count("ERROR") == 1
    _, error = run("b", code=2)
    assert "n_reel" in error and error.count("\n") == 1
    slow = papers / "d.yaml"
    slow.write_text(slow.read_text().replace("generations: 12", "generations: 4000"))
    text, error = run("--all", "--json", "--max-hours", "1e-6", code=130)
    assert [p["verdict"] for p in json.loads(text)] == ["PASS", "ERROR", "interrupted", "ERROR"], text
    assert "go on with: madloop resume" in error
    print("--all goes on past what cannot be run, and says what was done when it is stopped")


def check_scale(folder):
    """The scale of the file is told beside that of the paper."""
    path = config(folder / "scale.yaml", ["few:trace@5 = 1"], 7)
    path.write_text(path.read_text().replace('shape: "none"', 'shape: "none", setting: "large"'))
    text, _ = madloop("reproduce", path, "-o", folder / "scale", "--progress", "none", code=None)
    assert ("  none\n  paper: large\n  here: world gauss, model gauss, dim 1, replicates 7, generations 12, n_initial 8, "
            "n_real 0, n_synthetic 8; 2 arms, which may change them\n") in text, text
    text, _ = madloop("reproduce", "--list", path, "--json")
    scale = {"world": "gauss", "model": "gauss", "dim": 1, "replicates": 7, "generations": 12, "n_initial": 8,
             "n_real": 0, "n_synthetic": 8, "arms": 2}
    assert json.loads(text)[0]["scale"] == scale, text
    answer, _ = judged(path, folder / "scale")
    assert answer["scale"] == scale
    print("scale of the paper and of the file")


def check_catalogue(folder):
    """Every file of configs/papers says what it needs, and all its arms run."""
    text, _ = madloop("reproduce", "--list", "--json", cwd=ROOT)
    papers = json.loads(text)
    files = {p.stem for p in (ROOT / "configs" / "papers").glob("*.yaml")}
    assert {p["name"] for p in papers} == files and files
    for p in papers:
        for key in ("source", "setting", "shape", "seconds"):
            assert p["paper"].get(key), f"{p['name']}: paper.{key} is missing"
        assert ("row" in p["paper"]) != ("loop" in p["paper"]), f"{p['name']}: row or loop"
    loops = [p["paper"]["loop"] for p in papers if "loop" in p["paper"]]
    assert len(set(loops)) == len(loops) and all("row" in p["paper"] for p in papers[:-len(loops)])
    text, _ = madloop("reproduce", "--list", cwd=ROOT)
    assert all(name in text for name in [*files, *loops])
    madloop("reproduce", "--all", "--smoke", "-o", folder / "smoke", "--progress", "none", cwd=ROOT)
    text, _ = madloop("reproduce", "--all", "--budget", "0.001s", "-o", folder / "none", "--json", cwd=ROOT)
    assert all(p["verdict"] == "not run" for p in json.loads(text))
    print(f"{len(papers)} results listed, tiny versions of all arms run")


with workspace() as name:
    root = pathlib.Path(name)
    check_values(root)
    check_verdicts(root)
    check_last(root)
    check_nan(root)
    check_refused(root)
    check_before_running(root)
    check_all_goes_on(root)
    check_scale(root)
    check_catalogue(root)
