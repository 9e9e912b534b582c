"""A hostile user: whatever is wrong with the command, the configuration, the data or the run file,
there is one clear line, the documented exit code, and nothing is changed.

Exit codes: 2 usage or configuration, 3 file or memory, 4 numbers not finite. The same script runs
against sanitizer builds, where a report counts as a failure.
"""
import gzip
import os
import pathlib
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from hostile import FILE_WORLD, accepted, put, refused, run_checks


# ---- the command line ----------------------------------------------------------------------------


def check_command_line():
    refused(2, ["unknown verb 'rum'", "did you mean 'run'?"], "rum", "good.yaml")
    refused(2, ["unknown verb 'frobnicate'", "madloop --help"], "frobnicate")
    refused(2, "unknown verb ''", "")
    for verb, argument in {"run": "CONFIG", "resume": "DIR", "sweep": "CONFIG", "status": "DIR",
                           "table": "DIR", "plot": "DIR", "theory": "CONFIG", "list": "worlds",
                           "init": "KIND", "info": "FILE"}.items():
        refused(2, [f"{verb}: expected", argument, f"madloop {verb} --help"], verb)
    refused(2, "status: unexpected argument 'b'", "status", "a", "b")
    refused(2, ["run: unknown option '--smoek'", "did you mean '--smoke'?"],
            "run", "good.yaml", "--smoek")
    refused(2, "unknown option '--bogus'", "run", "good.yaml", "--bogus")
    refused(2, "option '--out' needs a value: DIR", "run", "good.yaml", "-o")
    refused(2, "option '--smoke' takes no value", "run", "good.yaml", "--smoke=yes")
    for value in ("0", "-1", "1.5", "nan", "1e9", "many", ""):
        refused(2, ["--threads", "a whole number from 1 to 4096", f"got '{value}'"],
                "run", "good.yaml", f"--threads={value}")
    for value in ("nan", "-1", "inf"):
        refused(2, ["--max-hours", f"got '{value}'"], "run", "good.yaml", f"--max-hours={value}")
    refused(2, ["--progress", "auto|bar|line|json|none", "got 'loud'"],
            "run", "good.yaml", "--progress", "loud")
    refused(2, "the name of the folder is empty", "run", "good.yaml", "-o", "")
    refused(3, "longer than 4095 bytes", "run", "good.yaml", "-o", "d/" * 3000)
    refused(3, "File name too long", "run", "good.yaml", "-o", "d" * 300)
    refused(2, "unknown list 'wurlds'", "list", "wurlds")
    refused(2, "no key begins with 'lop'", "keys", "lop")
    refused(2, "unknown kind 'gaus'", "init", "gaus")


# ---- the configuration ---------------------------------------------------------------------------


def check_overrides():
    def refuse(words, *overrides):
        refused(2, words, "run", "good.yaml", *overrides, "-o", "new")

    refuse(["override 'generations'", "expected key=value", "loop.n_real=500"], "generations")
    refuse("override '=3'", "=3")
    refuse(["override 'generations='", "from 1 to 1000000", "got ''"], "generations=")
    refuse(["seed: expected a whole number", "got 'nan'"], "seed=nan")
    refuse(["world.sd: expected a number from", "got 'inf'"], "world.sd=inf")
    refuse(["loop.n_real: expected a number from 0", "got '-5'"], "loop.n_real=-5")
    refuse(["loop.n_real: expected a number from 0", "got '1e400'"], "loop.n_real=1e400")
    refuse(["generations: expected a whole number", "got '2.5'"], "generations=2.5")
    refuse(["unknown key 'loop.n_reel'", "did you mean 'loop.n_real'?"], "loop.n_reel=5")
    refuse(["name: expected what can name a folder", "got '../../etc'"], "name=../../etc")
    refuse("'include' stands in files only", "include=other.yaml")
    refuse("not valid UTF-8", b"name=\xff\xfe")
    refuse(["unknown metric 'recal'", "did you mean 'recall'?"], "measure.metrics=[recal]")


def check_config_files():
    def refuse(words, content, code=2):
        put("bad.yaml", content)
        refused(code, words, "run", "bad.yaml", "-o", "new")
        refused(code, words, "theory", "bad.yaml")

    base = "world: {kind: gauss}\nmodel: {kind: gauss}\n"
    refuse(["bad.yaml:3:8: unknown key 'loop.n_reel'", "did you mean 'loop.n_real'?"],
           base + "loop: {n_reel: 5}\n")
    refuse(["bad.yaml:3:14: generations: expected a whole number from 1 to 1000000, got 'fast'"],
           base + "generations: fast\n")
    refuse(["bad.yaml:3:13: replicates: expected a whole number from 1 to 1000000, got '0'"],
           base + "replicates: 0\n")
    refuse(["bad.yaml:4:1: duplicate key 'seed', first set in line 3"], base + "seed: 1\nseed: 2\n")
    refuse(["bad.yaml:1:1: ", "0x89 is not valid UTF-8"], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    refuse(["bad.yaml:1:1: control character 0x7f: a binary file"], b"\x7fELF\x02\x01\x01\0")
    refuse(["bad.yaml:2:8: byte 0xff is not valid UTF-8"], b"seed: 1\nname: a\xffb\n")
    refuse(["bad.yaml:1:1: the configuration is empty"], "")
    refuse(["bad.yaml:1:15: unknown world 'gaus'", "did you mean 'gauss'?"],
           "world: {kind: gaus}\n")
    put("cycle.yaml", "include: bad.yaml\n")
    refuse(["include cycle: bad.yaml -> cycle.yaml -> bad.yaml"], "include: cycle.yaml\n")
    refuse(["bad.yaml:1:10: cannot read 'nowhere.yaml'", "No such file"], "include: nowhere.yaml\n")
    refused(3, ["cannot read 'nowhere.yaml'", "No such file"], "run", "nowhere.yaml")
    refused(3, ["cannot read '.'", "Is a directory"], "run", ".")
    refused(3, "cannot read ''", "run", "")
    os.symlink("nowhere", "dangling")
    os.symlink("loop", "loop")
    refused(3, "No such file", "run", "dangling")
    refused(3, "symbolic links", "run", "loop")
    os.symlink("good.yaml", "link.yaml")
    accepted("theory", "link.yaml")


def check_contradictions():
    def refuse(words, *overrides, code=2, config="good.yaml"):
        refused(code, words, "run", config, *overrides, "-o", "new")

    refuse(["measure.n: 'tail_mass_emp_q' needs at least 21 rows in 20 dimensions, got 20"], "world.dim=20",
           "measure.n=20", "measure.metrics=[tail_mass_emp_q]", "measure.moments=samples")
    refuse(["measure.n: 'recall' needs at least", "got 5"], "measure.n=5", "measure.k=10")
    refuse(["'modes_covered' needs a world that knows its modes", "world 'gauss'"],
           "measure.metrics=[modes_covered]")
    refuse(["'excess_risk' needs the world 'regression'", "world 'gauss'"],
           "measure.metrics=[excess_risk]")
    refuse(["model 'categorical' (model.kind) cannot be fitted to world 'gauss' (world.kind)"], "model.kind=categorical")
    refuse(["key 'world.dim' belongs to world 'gauss', 'grid', 'heavy', 'rosenbrock', not to 'zipf' (world.kind)"], "world.kind=zipf")
    refuse(["loop.real is 'fixed', which contradicts loop.family 'fully_synthetic'"],
           "loop.family=fully_synthetic", "loop.real=fixed")
    refuse(["loop.real is 'none', which contradicts loop.family 'fresh'"], "loop.real=none")
    refuse("generation 2 would have nothing to train on", "loop.n_synthetic=0", "loop.n_real=0")
    refuse(["loop.start: warm needs a model", "'gauss' (model.kind)"], "loop.start=warm(5)")
    refuse(["loop.n_real is 'linear(10, 20)'", "loop.real is fixed"], "loop.family=custom",
           "loop.real=fixed", "loop.n_real=linear(10,20)")
    refuse(["loop.retain: expected", "got 'window(0)'"], "loop.retain=window(0)")
    refuse(["loop.budget is 1000000", "no training set has more than", "loop.n_real, loop.n_synthetic"],
           "loop.budget=1e6")
    refuse(["loop.real_weight is 0.5", "(real: none)"], "loop.family=fully_synthetic",
           "loop.real_weight=0.5")
    refuse(["bias.kind: guidance needs a world with classes", "(world.kind)"], "bias.kind=guidance",
           "model.kind=diffusion")
    refuse(["bias.kind: 'steps' needs a model", "'gauss' (model.kind)"], "bias.kind=steps")
    refuse(["post.kind: 'sims' needs a model", "(model.kind)"], "model.kind=kde", "post.kind=sims")
    refuse(["post.n", "world.dim"], "world.dim=3", "model.kind=gauss", "post.kind=sims", "post.n=3")
    refuse(["measure.ancestors", "(model.kind)"], "measure.ancestors=yes")
    refuse(["loop.n_synthetic", "generation 3 would train on 1 row,", "'gauss' (model.kind)", "at least 2"],
           "generations=4", "loop.family=fully_synthetic", "loop.n_real=0",
           "loop.n_synthetic=[40,1,40]")
    refuse(["loop.n_initial", "generation 1 would train on 5 rows", "'mixture' (model.kind)", "at least 9"],
           "model.kind=mixture", "model.components=9", "loop.n_initial=5")
    refuse(["model.sampler.stop_time", "(model.schedule.horizon)"], "model.kind=exact",
           "model.schedule.horizon=2", "model.sampler.kind=ou", "model.sampler.stop_time=2")
    refuse(["model.schedule.beta_min is 0.5, must not be above model.schedule.beta_max"], "model.kind=diffusion",
           "model.schedule.beta_min=0.5", "model.schedule.beta_max=0.1")
    # sizes that no machine holds are refused, not tried
    refuse(["training rows of generation 1", "GB of memory"], "loop.n_initial=1e9",
           "world.dim=1024", code=3)
    refuse(["training rows of generation 2", "GB of memory"], "loop.n_synthetic=1e9",
           "world.dim=1024", "loop.retain=accumulate", "generations=1e6", code=3)
    refuse("GB of memory", "measure.n=1e6", "world.dim=1024", "replicates=1000", code=3)
    refuse("run.h5 holds at most", "generations=1e6", "replicates=1e6")
    refuse(["the saved models", "GB of memory"], "model.kind=diffusion", "generations=1e6",
           "replicates=1000", "loop.age=all", code=3)
    # numbers that overflow are told as such, at whatever point they do
    refused(4, "not finite", "run", "good.yaml", "model.kind=diffusion", "model.train.steps=50",
            "model.train.lr=1", "model.train.clip=0", "model.parameterization=eps",
            "model.schedule.beta_min=0.9", "model.schedule.beta_max=0.9", "-o", "diverged",
            spare=["", *map(str, range(10))])
    shutil.rmtree("diverged")


# ---- data files ----------------------------------------------------------------------------------


def idx(shape, data, kind=8, first=b"\0\0"):
    return first + bytes([kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def check_idx():
    put("idx.yaml", FILE_WORLD + "world: {kind: idx, images: rows.idx}\n")
    data = np.random.default_rng(1).integers(0, 256, 800, np.uint8).tobytes()
    good = idx([200, 4], data)
    for content, words in [
            (good[:-5], ["the header promises [200][4]", "only 795 bytes follow", "truncated"]),
            (good[:7], "header is truncated"),
            (idx([200, 4], data, first=b"\x12\x34"), ["no IDX file", "12 34 08 02"]),
            (idx([200, 4], data, kind=0x77), ["no IDX file", "00 00 77 02"]),
            (idx([2**32 - 1] * 3, data), ["[4294967295][4294967295][4294967295]", "truncated"]),
            (idx([200, 400000000], data), ["[200][400000000]", "only 800 bytes"]),
            (good + b"xx", "2 bytes more"),
            (b"", "is empty"),
            (idx([0, 4], b""), "the data set is empty"),
            (idx([200, 0], b""), "the data set is empty"),
            (idx([50, 2], struct.pack(">100f", *[float("nan")] * 100), kind=13),
             ["row 1, column 1", "nan"]),
            (gzip.compress(good)[:100], ["damaged gzip", "ends too early"])]:
        put("rows.idx", content)
        refused(3, words if isinstance(words, list) else [words, "'rows.idx'"],
                "run", "idx.yaml", "-o", "new")
    put("rows.idx", good)
    refused(2, ["generation 1 wants 5000 real rows", "the training part of the data holds 140"],
            "run", "idx.yaml", "loop.n_initial=5000", "-o", "new")
    refused(2, ["measure.n: 100 rows wanted", "60 for reference"], "run", "idx.yaml",
            "measure.n=100", "-o", "new")
    os.remove("rows.idx")
    refused(3, ["there is no data file 'rows.idx'", "$MADLOOP_DATA"],
            "run", "idx.yaml", "-o", "new")
    refused(3, "there is no data file 'rows.idx'", "sweep", "idx.yaml", "seed=1,2", "-o", "new")


def check_csv():
    put("csv.yaml", FILE_WORLD + "world: {kind: csv, path: rows.csv}\n")
    good = "".join(f"{i % 7}.5,{i * i % 11}\n" for i in range(300))
    for content, words in [
            (good + "1,2,3\n", "line 301 has 3 columns, line 1 has 2"),
            (good + "nan,3\n", ["line 301, column 1", "'nan'"]),
            (good + "1,inf\n", ["line 301, column 2", "'inf'"]),
            (good + "abc,3\n", ["line 301, column 1", "'abc'"]),
            (good + "1e999,3\n", ["line 301, column 1", "'1e999'"]),
            ("", "is empty"), ("a,b\n", "has no rows"), ("\n\n", "has no rows"),
            ('"1,2\n3,4\n', "broken quotes"), (bytes(range(256)), "'rows.csv'")]:
        put("rows.csv", content)
        refused(3, words, "run", "csv.yaml", "-o", "new")
    put("rows.csv", good)
    refused(3, ["label_column 'third'", "no such name"],
            "run", "csv.yaml", "world.label_column=third", "-o", "new")
    refused(3, "label", "run", "csv.yaml", "world.label_column=first", "-o", "new")


# ---- damaged runs --------------------------------------------------------------------------------


def check_garbage():
    whole = pathlib.Path("run/run.h5").read_bytes()
    for content, words in [(b"", "is empty"), (b"hello\n", "not an HDF5 file"),
                           (whole[:len(whole) // 2], "not an HDF5 file"), (whole[:300], "damaged")]:
        put("garbage/run.h5", content)
        for verb in ("resume", "status", "table", "plot", "info"):
            refused(3, ["garbage/run.h5", words], verb, "garbage")
        refused(3, [words], "info", "garbage/run.h5")
    shutil.rmtree("garbage")
    os.mkdir("nothing")
    for verb in ("resume", "status", "table", "plot", "info"):
        refused(3, ["nothing", "run"], verb, "nothing")
        refused(3, ["nowhere", "No such file"], verb, "nowhere")
    for verb in ("resume", "status", "table", "plot"):
        refused(3, ["good.yaml", "Not a directory"], verb, "good.yaml")
    refused(3, "'good.yaml'", "info", "good.yaml")
    with h5py.File("foreign.h5", "w") as file:
        file["x"] = [1.0]
    put("foreign/run.h5", pathlib.Path("foreign.h5").read_bytes())
    refused(3, ["foreign/run.h5", "not a file of madloop"], "table", "foreign")
    os.mkfifo("nothing/run.h5")
    refused(3, "not a regular file", "status", "nothing", timeout=10)
    # one damaged run does not hide the others of its sweep
    accepted("sweep", "good.yaml", "seed=1-3", "-o", "sweep")
    victim = sorted(pathlib.Path("sweep").iterdir())[1]
    put(victim / "run.h5", "hello")
    listed = refused(3, [str(victim)], "status", "sweep").stdout
    assert [row.split()[0] for row in listed.splitlines()] == ["done", "damaged", "done"], listed


run_checks(check_command_line, check_overrides, check_config_files, check_contradictions, check_idx,
           check_csv, check_garbage)
