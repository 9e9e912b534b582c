"""`madloop sample` and `madloop audit` against whatever can be wrong: one clear line, the documented exit code, no file
left behind and none replaced.

Exit codes: 2 usage or configuration, 3 file or memory, 4 numbers not finite.
"""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from hostile import BINARY, accepted, call, put, refused, run_checks

NET = """name: net
generations: 3
replicates: 2
world: {kind: ring}
model: {kind: diffusion, net: {width: 16, depth: 1}, train: {steps: 20, batch: 32},
        schedule: {steps: 40}}
loop: {family: fully_synthetic, n_initial: 60, n_synthetic: 60}
measure: {n: 50, preview: 8, metrics: [trace]}
"""
OUT = ["-n", "5", "-o", "x.npy"]


def check_usage():
    refused(2, ["sample: expected", "DIR", "madloop sample --help"], "sample")
    refused(2, "-n N is missing", "sample", "run", "-o", "x.npy")
    refused(2, "-o FILE is missing", "sample", "run", "-n", "5")
    for n in ("0", "-1", "1.5", "many", "1e10", ""):
        refused(2, ["--rows", "from 1 to 1000000000", f"got '{n}'"], "sample", "run", "-n", n, "-o",
                "x.npy")
    for name in ("x", "x.txt", "npy", "x.npy.gz", "x.NPY"):
        refused(2, [f"'{name}'", ".npy, .npz, .csv, .idx, .png, or with /"], "sample", "run", "-n", "5", "-o", name)
    refused(2, ["--seed", "got '0.5'"], "sample", "run", *OUT, "--seed", "0.5")
    accepted("run", "good.yaml", "world.dim=1000", "generations=1", "measure.metrics=[trace]", "-o",
             "broad")
    refused(3, ["the rows would take 8e+03 GB of memory"], "sample", "broad", "-n", "1e9", "-o",
            "x.npy")


def check_what_there_is():
    refused(3, ["nowhere", "no run folder"], "sample", "nowhere", *OUT)
    os.mkdir("empty")
    refused(3, ["empty", "no run folder"], "sample", "empty", *OUT)
    refused(2, ["no generation 9", "1 to 3"], "sample", "run", "-g", "9", *OUT)
    refused(2, ["--generation", "from 1"], "sample", "run", "-g", "0", *OUT)
    refused(2, ["no replicate 2", "0 to 1"], "sample", "run", "-r", "2", *OUT)
    accepted("run", "good.yaml", "checkpoint.every=3", "-o", "third")
    refused(2, ["generation 2 was not kept", "those that were: 3"], "sample", "third", "-g", "2",
            *OUT)
    with h5py.File("third/run.h5", "r+") as run:
        run.attrs["n_done"] = np.int64(1)
    refused(2, ["generation 2 is not there yet", "1 of 3"], "sample", "third", "-g", "2", *OUT)


def check_classes():
    refused(2, ["classes need a world with labels", "model 'gauss'"], "sample", "run", "--class",
            "0", *OUT)
    refused(2, "classes need", "sample", "run", "--class", "all", *OUT)
    for bad in ("-1", "x", "1.5", "", "70000", "1 2"):
        refused(2, ["--class", f"got '{bad}'"], "sample", "net", "--class=" + bad, *OUT)
    refused(2, ["class 8", "classes are 0 to 7"], "sample", "net", "--class", "8", *OUT)


def check_keys():
    refused(2, ["unknown key 'model.smpler'"], "sample", "net", *OUT, "model.smpler=1")
    refused(2, ["model.sampler.kind", "got 'eulr'"], "sample", "net", *OUT,
            "model.sampler.kind=eulr")
    refused(2, ["model.net.width=64", "another architecture", "numbers"], "sample", "net", *OUT,
            "model.net.width=64")
    for key in ("model.train.steps=9", "seed=4", "loop.n_synthetic=5", "model.parameterization=v"):
        refused(2, [key, "keys that may change", "model.sampler.*"], "sample", "net", *OUT, key)
    refused(2, "expected key=value", "sample", "net", *OUT, "steps")


def check_files():
    def refuse(code, words, change):
        shutil.copytree("net", "part")
        change(pathlib.Path("part"))
        refused(code, words, "sample", "part", "-g", "2", *OUT)
        shutil.rmtree("part")

    def poison(value):
        def change(folder):
            with h5py.File(folder / "gen-0002.h5", "r+") as gen:
                weights = gen["model/0002/average"][:]
                weights[1 if value == "-inf" else 0, 7] = float(value)
                gen["model/0002/average"][:] = weights
        return change

    def edit(folder):
        text = (folder / "config.yaml").read_text()
        assert "width: 16" in text
        (folder / "config.yaml").write_text(text.replace("width: 16", "width: 96"))

    for value in ("nan", "inf", "-inf"):
        refuse(4, ["gen-0002.h5", "model/0002/average", "not finite"], poison(value))
    refused(3, ["gen-0002.h5", "model/0002/auxiliary", "when a run begins"], "sample", "net", "-g",
            "2", *OUT, "model.guide.kind=auto", "model.guide.w=1")
    # a run whose configuration agrees with run.h5, but whose checkpoint is another's
    accepted("run", "net.yaml", "model.net.width=96", "-o", "wide")
    refuse(3, ["gen-0002.h5", "another architecture", "model/0002/parameters"],
           lambda f: shutil.copy("wide/gen-0002.h5", f / "gen-0002.h5"))
    # what is free to change leaves the stored model the run's own
    accepted("sample", "net", "-g", "2", "-n", "5", "-o", "y.npy", "model.sampler.steps=3")
    accepted("run", "net.yaml", "seed=77", "-o", "other")  # the same network, other experiment
    refuse(3, ["gen-0002.h5", "another configuration", "config_hash"],
           lambda f: shutil.copy("other/gen-0002.h5", f / "gen-0002.h5"))
    refuse(3, ["gen-0002.h5", "holds generation 3"],
           lambda f: shutil.copy(f / "gen-0003.h5", f / "gen-0002.h5"))
    refuse(3, ["gen-0002.h5", "damaged"],
           lambda f: (f / "gen-0002.h5").write_bytes((f / "gen-0002.h5").read_bytes()[:2000]))
    refuse(3, ["gen-0002.h5", "not an HDF5 file"], lambda f: (f / "gen-0002.h5").write_text("x"))
    refuse(3, "run.h5", lambda f: (f / "run.h5").unlink())
    refuse(3, "run.h5", lambda f: (f / "run.h5").write_text("x"))
    refuse(2, "config.yaml is not what this run began with", edit)
    refuse(3, "no run folder", lambda f: (f / "config.yaml").unlink())
    shutil.copytree("net", "gone")
    os.remove("gone/gen-0003.h5")
    refused(3, ["gen-0003.h5", "No such file"], "sample", "gone", *OUT)
    # resuming from such weights is refused as well
    shutil.copytree("net", "bad")
    poison("nan")(pathlib.Path("bad"))
    os.remove("bad/gen-0003.h5")
    with h5py.File("bad/run.h5", "r+") as run:
        run.attrs["n_done"] = np.int64(2)
    refused(4, ["gen-0002.h5", "not finite"], "resume", "bad", spare=["bad/log.jsonl"])


def as_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def check_output():
    accepted("sample", "net", *OUT)
    for name in ("x.npy", "x-labels.npy"):
        old = pathlib.Path(name).read_bytes()
        refused(3, [f"'{name}' exists", "--force"], "sample", "net", *OUT, "--seed", "3")
        os.remove("x.npy") if name == "x.npy" else None
    accepted("sample", "net", *OUT, "--seed", "3", "--force")
    assert pathlib.Path("x-labels.npy").read_bytes() != b"" and old
    for name in ("x.npy", "x-labels.npy"):
        os.remove(name)
    os.mkdir("d.npy")
    for force in ([], ["--force"]):
        refused(3, "'d.npy' is there and no file", "sample", "net", "-n", "5", "-o", "d.npy",
                *force)
        refused(3, ["nowhere/x.npy", "No such file"], "sample", "net", "-n", "5", "-o",
                "nowhere/x.npy", *force)
        refused(3, ["net.yaml/x.npy", "Not a directory"], "sample", "net", "-n", "5", "-o",
                "net.yaml/x.npy", *force)
    refused(3, "File name too long", "sample", "net", "-n", "5", "-o", "d" * 300 + ".npy")
    refused(2, ["a picture file needs rows that are pictures", "2 columns"], "sample", "net", "-n", "5",
            "-o", "x.png")
    keywords = {"preexec_fn": as_nobody} if os.getuid() == 0 else {}
    try:
        call("--version", **keywords)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"read-only folders left out: cannot run as another user: {error}")
    else:
        os.mkdir("locked")
        os.chmod("locked", 0o555)
        refused(3, ["locked/x.npy", "Permission denied"], "sample", "net", "-n", "5", "-o",
                "locked/x.npy", **keywords)
    if "TSAN_OPTIONS" not in os.environ:
        limit = (2000, 2000)
        for ending in ("npy", "csv", "idx"):
            refused(3, "File too large", "sample", "net", "-n", "500", "-o", f"x.{ending}",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))


def check_audit():
    refused(2, ["audit: expected", "CONFIG", "madloop audit --help"], "audit")
    refused(3, ["cannot read 'nowhere.yaml'"], "audit", "nowhere.yaml")
    refused(2, ["unknown key 'loop.n_reel'"], "audit", "good.yaml", "loop.n_reel=5")
    refused(2, "unknown metric", "audit", "good.yaml", "measure.metrics=[recal]")
    for value in ("0", "nan", "-1", "soon"):
        refused(2, ["--seconds", f"got '{value}'"], "audit", "good.yaml", "--seconds", value)
    refused(3, "GB of memory", "audit", "good.yaml", "loop.n_initial=1e9", "replicates=1000",
            "world.dim=1000")
    os.mkdir("scratch")
    before = sorted(os.listdir("."))
    with open("/dev/full", "w") as full:
        refused(3, "cannot write", "audit", "good.yaml", "--seconds", "0.05", stdout=full)
    environment = dict(os.environ, TMPDIR="nowhere")  # then nothing is written while probing
    accepted("audit", "good.yaml", "--seconds", "0.05", env=environment)
    environment["TMPDIR"] = "scratch"
    accepted("audit", "good.yaml", "--seconds", "0.05", env=environment)
    process = subprocess.Popen([BINARY, "audit", "good.yaml", "generations=100000", "--seconds",
                                "1000"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    while not list(pathlib.Path("scratch").glob("*/gen-0002.h5")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and message.count("\n") == 1, message
    assert not os.listdir("scratch") and sorted(os.listdir(".")) == before


def check_all():
    put("net.yaml", NET)
    accepted("run", "net.yaml", "-o", "net")
    for check in (check_usage, check_what_there_is, check_classes, check_keys, check_files,
                  check_output, check_audit):
        check()


run_checks(check_all)
