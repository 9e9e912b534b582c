"""`madloop plot`: every figure there, its data equal to numpy's, scripts that redraw, awkward runs."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import MADLOOP, madloop, skip, workspace
import numpy as np
from runfixture import FRECHET, LOG_DET, PRECISION, RECALL, config, ring, write_gen, write_run

try:
    from scipy import stats
except ImportError as error:
    skip(f"needs scipy: {error}")
GNUPLOT = shutil.which("gnuplot")
if GNUPLOT is None:
    skip("needs gnuplot")


def blocks(path):
    """The blocks of a TSV: [(comment, {column: values})]."""
    found = []
    for part in path.read_text().strip("\n").split("\n\n\n"):
        lines = part.split("\n")
        columns = lines[1][2:].split("\t")
        values = np.array([[float(x) for x in line.split("\t")] for line in lines[2:]])
        found.append((lines[0], dict(zip(columns, values.T))))
    return found


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", data[16:24])


def check_pictures(folder, formats):
    """Every script has its data and its pictures, none of them empty."""
    names = sorted(path.stem for path in folder.glob("*.gp"))
    for name in names:
        assert (folder / f"{name}.tsv").stat().st_size > 0, name
        for form in formats:
            picture = folder / f"{name}.{form}"
            assert picture.stat().st_size > 2000, picture
            if form == "png":
                width, height = png_size(picture)
                assert 900 <= width <= 4000 and 300 <= height <= 12000, (name, width, height)
            elif form == "svg":
                assert picture.read_text().rstrip().endswith("</svg>"), picture
            else:
                assert picture.read_bytes()[:5] == b"%PDF-", picture
    return names


rng = np.random.default_rng(5)
R, G = 5, 8
with workspace() as work:
    work = pathlib.Path(work)
    runs = {}
    for i, family in enumerate(("fresh", "fully_synthetic", "synthetic_augmentation")):
        folder = work / "demo" / f"demo-{i}"
        recall = np.clip(0.9 - 0.05 * i * np.arange(G) + 0.02 * rng.standard_normal((R, G)), 0, 1)
        recall[2, 4] = np.nan
        runs[family] = recall
        write_run(folder, config(family),
                  {"recall": (recall, RECALL), "precision": (0.8 + 0 * recall, PRECISION),
                   "frechet": (np.exp(i * np.arange(G))[None] * np.ones((R, 1)), FRECHET)},
                  floor={"recall": 0.9 + 0.01 * rng.standard_normal(R)},
                  theory={"recall": 0.9 - 0.05 * i * np.arange(G)},
                  lineage={"real_share": np.ones((R, G)), "mean_depth": np.zeros((R, G))},
                  loss=1 + rng.random((R, G, 6)))
        for g in range(1, G + 1):
            write_gen(folder, g, [ring(rng, 60), ring(rng, 60)], [ring(rng, 60), ring(rng, 60)])

    # all figures in all formats, named on stdout
    out, _ = madloop("plot", work / "demo", "--format", "svg,png,pdf")
    names = check_pictures(work / "demo" / "figures", ("svg", "png", "pdf"))
    assert names == ["half-lives", "lineage", "loss", "metric-frechet", "metric-precision",
                     "metric-recall", "overview", "precision-recall", "samples", "survival"], names
    assert len(out.splitlines()) == 30 and all(os.path.exists(f) for f in out.splitlines())

    # the data of a figure equal numpy's
    table = blocks(work / "demo" / "figures" / "metric-recall.tsv")
    assert len(table) == 4, [comment for comment, _ in table]  # floor, three runs
    for (comment, data), (family, x) in zip(table[1:], runs.items()):
        assert f"recall of {family} " in comment, comment
        n = np.sum(~np.isnan(x), axis=0)
        half = stats.t.ppf(0.975, n - 1) * np.nanstd(x, axis=0, ddof=1) / np.sqrt(n)
        np.testing.assert_allclose(data["generation"], np.arange(1, G + 1))
        np.testing.assert_allclose(data["mean"], np.nanmean(x, axis=0), rtol=1e-12)
        np.testing.assert_allclose(data["ci_low"], np.nanmean(x, axis=0) - half, rtol=1e-8)
        np.testing.assert_allclose(data["ci_high"], np.nanmean(x, axis=0) + half, rtol=1e-8)
        np.testing.assert_allclose(data["n_replicates"], n)
    # a drift over two decades has a logarithmic axis, recall the axis 0..1
    assert "set logscale y" in (work / "demo/figures/metric-frechet.gp").read_text()
    assert "set yrange [0:1.02]" in (work / "demo/figures/metric-recall.gp").read_text()

    # half-lives and survival curves are those of the table
    for row in json.loads(madloop("table", work / "demo", "--fits", "--json", "-m", "recall")[0]):
        fit = row["fits"]
        best = next((law for law in fit["laws"] if law["law"] == fit["best"]))
        of_run = f" of {row['run']} "
        for what, key in (("the plateau", "half_life"), ("0", "half_life_zero")):
            data = next(data for comment, data in blocks(work / "demo/figures/half-lives.tsv")
                        if f"half-life to {what}{of_run}" in comment)
            want = [np.nan if x is None else float(x) for x in best[key].values()]
            at = [list(data[column]) for column in ("half_life", "low", "high")]
            assert any(np.array_equal([column[i] for column in at], want, equal_nan=True)
                       for i in range(len(at[0]))), (row["run"], key, at, want)
        curve = next(part for part in fit["survival"] if part["threshold"] == 0.5)["curve"]
        data = next(data for comment, data in blocks(work / "demo/figures/survival.tsv")
                    if f"recall{of_run}" in comment)
        assert list(data["survival"][2:-1:2]) == [step["survival"] for step in curve]
        assert list(data["generation"][2:-1:2]) == [step["generation"] for step in curve]

    # a user redraws from the folder alone, in any format
    (work / "demo/figures/metric-recall.png").unlink()
    subprocess.run([GNUPLOT, "-d", "-e", "format='png'", "metric-recall.gp"], check=True,
                   cwd=work / "demo/figures", capture_output=True)
    assert png_size(work / "demo/figures/metric-recall.png")[0] == 1056

    # several folders, another output folder, JSON
    out, _ = madloop("plot", work / "demo/demo-0", work / "demo/demo-2", "-o", work / "a/b",
                     "--json")
    assert {entry["format"] for entry in json.loads(out)} == {"svg"}
    check_pictures(work / "a" / "b", ("svg",))

    # pictures: a world with a known shape
    x = rng.random((1, 20, 28 * 28))
    for g in (1, 2):
        write_run(work / "digits", config(world="csv", world_height=28, world_width=28),
                  {"recall": (np.ones((1, 2)), RECALL)},
                  attributes={"height": 28.0, "width": 28.0})
        write_gen(work / "digits", g, x, x, labels=np.arange(20)[None] % 10)
    madloop("plot", work / "digits", "-f", "png")
    check_pictures(work / "digits" / "figures", ("png",))
    assert "with image" in (work / "digits/figures/samples.gp").read_text()

    # awkward: one replicate, one generation, -inf, NaN, constants, ten runs of 200 generations,
    # names that look like markup and like quotes
    nasty = '"it\'s_a_{weird}^name|&%"'
    for i in range(10):
        decay = np.exp(-np.arange(200) / (10 + 10 * i))[None] + 0.01 * rng.standard_normal((3, 200))
        write_run(work / "ten" / f"p{i}", config(name=nasty, n_real=100 * 2**i),
                  {"trace": (decay, {"long_name": nasty * 3, "units": "x_1^2"})})
    write_run(work / "one", config(), {
        "log_det": (np.array([[0.0, -3.0, -np.inf, -np.inf]]), LOG_DET),
        "frechet": (np.array([[np.nan, 1.0, np.nan, 1e4]]), FRECHET), "zero": np.zeros((1, 4))})
    for i in range(3):
        write_run(work / "first" / f"r{i}", config(n_real=i + 1),
                  {"recall": (rng.random((4, 1)), RECALL),
                   "precision": (rng.random((4, 1)), PRECISION)}, theory={"recall": [0.5]})
    write_run(work / "two", config(), {"recall": (np.array([[0.9, 0.1], [0.1, 0.9]]), RECALL)})
    for name in ("ten", "one", "first", "two"):
        madloop("plot", work / name, "-f", "png,svg")
        check_pictures(work / name / "figures", ("png", "svg"))
    edge = blocks(work / "one/figures/metric-log_det.tsv")[0][1]
    assert np.isneginf(edge["mean"][2]) and np.isfinite(edge["off_axis"][2])

    # nothing to draw, no run, bad usage, a folder that cannot be made
    write_run(work / "none", config(), {"recall": np.full((2, 3), np.nan)}, n_done=0)
    _, err = madloop("plot", work / "none", code=3)
    assert "no generation is done" in err, err
    madloop("plot", work / "nowhere", code=3)
    _, err = madloop("plot", work / "two", "--format", "gif", code=2)
    assert "svg, png, pdf" in err and "gif" in err, err
    (work / "file").write_text("")
    madloop("plot", work / "two", "-o", work / "file" / "figures", code=3)
    _, err = madloop("plot", work / "two", "--fromat", "svg", code=2)
    assert "did you mean '--format'" in err, err

    # without gnuplot: one clear message, and the scripts are there to be drawn elsewhere
    done = subprocess.run([os.path.abspath(MADLOOP), "plot", work / "two", "-o", work / "bare"],
                          capture_output=True, text=True, env={**os.environ, "PATH": str(work)})
    assert done.returncode == 3 and "gnuplot" in done.stderr and "install" in done.stderr, done
    assert len(done.stderr.splitlines()) == 1 and (work / "bare/metric-recall.gp").exists()
    print("plot: figures, data and messages as promised")
