"""A hostile user: whatever is wrong with the command, the configuration, the data, the folder, the
disk or the run file, there is one clear line, the documented exit code, and nothing is changed.

Exit codes: 2 usage or configuration, 3 file or memory, 4 numbers not finite, 1 a run failed, 130
interrupted. The same script runs against sanitizer builds, where a report counts as a failure.
"""
import fcntl
import gzip
import hashlib
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from harness import MADLOOP, workspace

BINARY = str(pathlib.Path(MADLOOP).resolve())
NOBODY = 65534
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
n_checks = 0


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
    global n_checks
    n_checks += 1
    before = snapshot()
    done = call(*arguments, **keywords)
    what = f"madloop {' '.join(map(str, arguments))[:200]}"
    assert done.returncode == code, f"{what}: exit {done.returncode}, expected {code}\n{done.stderr}"
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
    refuse("'include' and 'sweep' stand in files only", "include=other.yaml")
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
    refuse(["bad.yaml:1:15: unknown world 'gaus'", "did you mean 'gauss'?"], "world: {kind: gaus}\n")
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

    refuse(["measure.n: 'log_det' needs at least 21 rows in 20 dimensions, got 20"], "world.dim=20",
           "measure.n=20", "measure.metrics=[log_det]", "measure.moments=samples")
    refuse(["measure.n: 'recall' needs at least", "got 5"], "measure.n=5", "measure.k=10")
    refuse(["'modes_covered' needs a world that knows its modes", "world 'gauss'"],
           "measure.metrics=[modes_covered]")
    refuse(["'excess_risk' needs the world 'regression'", "world 'gauss'"],
           "measure.metrics=[excess_risk]")
    refuse(["model 'categorical' cannot be fitted to world 'gauss'"], "model.kind=categorical")
    refuse(["key 'world.dim' belongs to world 'gauss', not to 'zipf'"], "world.kind=zipf")
    refuse(["loop.real is 'fixed', which contradicts loop.family 'fully_synthetic'"],
           "loop.family=fully_synthetic", "loop.real=fixed")
    refuse(["loop.real is 'none', which contradicts loop.family 'fresh'"], "loop.real=none")
    refuse("generation 2 would have nothing to train on", "loop.n_synthetic=0", "loop.n_real=0")
    refuse("model 'gauss' has no warm start", "loop.start=warm(5)")
    refuse(["beta_min is 0.5, must not be above schedule.beta_max"], "model.kind=diffusion",
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
            "model.train.lr=1", "model.train.clip=0", "model.parameterization=ddpm",
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
    refused(3, ["there is no data file 'rows.idx'", "$MADLOOP_DATA"], "run", "idx.yaml", "-o", "new")
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
    refused(3, ["label_column 'third'", "no such name"], "run", "csv.yaml", "world.label_column=third", "-o", "new")
    refused(3, "label", "run", "csv.yaml", "world.label_column=first", "-o", "new")


# ---- folders -------------------------------------------------------------------------------------


def check_folders():
    refused(3, ["run exists", "madloop resume run", "--force"], "run", "good.yaml", "-o", "run")
    os.symlink("run", "run-link")
    refused(3, "run-link exists", "run", "good.yaml", "-o", "run-link")
    refused(3, ["run holds a single run", "-o"], "sweep", "good.yaml", "seed=1,2", "-o", "run")
    put("own/config.yaml", GOOD)
    put("own/run.h5", "notes")
    put("above/own/config.yaml", GOOD)
    for force in ([], ["--force"]):
        refused(3, "own", "run", "own/config.yaml", "-o", "own", *force)
        refused(3, ". ", "run", "config.yaml", "-o", ".", *force, cwd="own")
        refused(3, "good.yaml", "run", "good.yaml", "-o", "good.yaml", *force)
        refused(3, "dangling", "run", "good.yaml", "-o", "dangling", *force)
        refused(3, ["good.yaml/new", "Not a directory"], "run", "good.yaml", "-o",
                "good.yaml/new", *force)
    os.remove("own/run.h5")
    for verb in ("resume", "status"):  # somebody's config.yaml is no run of ours
        refused(3, "own holds no run", verb, "own")
        refused(3, "above holds no run", verb, "above")
    shutil.rmtree("own")
    refused(2, "excess_risk", "run", "good.yaml", "measure.metrics=[excess_risk]", "-o", "run",
            "--force")  # what cannot run replaces nothing

    shutil.copytree("run", "again")
    put("again/notes.txt", "mine")
    put("again/gen-plan.h5", "mine")
    put("again/figures/recall.svg", "<svg/>")
    accepted("run", "good.yaml", "generations=2", "-o", "again", "--force")
    left = sorted(os.listdir("again"))
    assert left == ["config.yaml", "figures", "gen-0001.h5", "gen-0002.h5", "gen-plan.h5", "lock",
                    "log.jsonl", "notes.txt", "run.h5"], left
    assert pathlib.Path("again/figures/recall.svg").read_text() == "<svg/>"
    shutil.rmtree("again")
    os.mkdir("empty")
    os.symlink("empty", "empty-link")
    accepted("run", "good.yaml", "-o", "empty-link")
    assert os.path.islink("empty-link") and os.path.exists("empty/run.h5")


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def check_read_only():
    """Root may write everywhere, so the program runs as nobody."""
    keywords = {"preexec_fn": as_nobody} if os.getuid() == 0 else {}
    try:
        call("--version", **keywords)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"read-only folders left out: cannot run as another user: {error}")
        return
    os.mkdir("locked")
    os.chmod("locked", 0o555)
    shutil.copytree("run", "locked-run")
    for path in [pathlib.Path("locked-run"), *pathlib.Path("locked-run").iterdir()]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    refused(3, ["locked/new", "Permission denied"], "run", "good.yaml", "-o", "locked/new",
            **keywords)
    refused(3, ["locked", "Permission denied"], "run", "good.yaml", "-o", "locked", **keywords)
    refused(3, ["locked-run", "Permission denied"], "resume", "locked-run", **keywords)
    refused(3, ["locked-run", "Permission denied"], "run", "good.yaml", "-o", "locked-run",
            "--force", **keywords)
    refused(3, ["figures", "Permission denied"], "plot", "locked-run", **keywords)
    for verb in ("status", "table", "info"):  # reading asks for no more than reading
        assert call(verb, "locked-run", **keywords).returncode == 0
    os.chmod("locked-run", 0o755)
    os.chmod("locked-run/run.h5", 0)
    refused(3, ["locked-run/run.h5", "Permission denied"], "info", "locked-run", **keywords)
    os.chmod("good.yaml", 0)
    refused(3, ["good.yaml", "Permission denied"], "run", "good.yaml", **keywords)
    os.chmod("good.yaml", 0o644)


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


def interrupted_run(folder, config, *overrides):
    """A run that SIGINT has stopped: (n_done, its message)."""
    for n_generations in (300, 1200, 4800):
        shutil.rmtree(folder, ignore_errors=True)
        process = subprocess.Popen([BINARY, "run", config, f"generations={n_generations}",
                                    *overrides, "-o", folder], stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True)
        while not os.path.exists(f"{folder}/gen-0002.h5") and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=60)[1].strip().splitlines()[-1]
        if process.returncode != 0:
            assert process.returncode == 130, (process.returncode, message)
            with h5py.File(f"{folder}/run.h5") as run:
                return int(run.attrs["n_done"]), message
    raise AssertionError("no run lasted until the signal came")


def check_resume():
    n_done, _ = interrupted_run("stopped", "good.yaml")
    newest = f"gen-{n_done:04d}.h5"

    def refuse(code, words, change):
        shutil.copytree("stopped", "part")
        change(pathlib.Path("part"))
        refused(code, words, "resume", "part", spare=["part/log.jsonl"])
        shutil.rmtree("part")

    def edit(folder, old, new):
        text = (folder / "config.yaml").read_text()
        assert old in text
        (folder / "config.yaml").write_text(text.replace(old, new))

    refuse(3, [newest, "No such file"], lambda f: (f / newest).unlink())
    refuse(3, [newest, "not an HDF5 file"], lambda f: (f / newest).write_text("hello"))
    refuse(3, [newest, "damaged"],
           lambda f: (f / newest).write_bytes((f / newest).read_bytes()[:3000]))
    refuse(3, [newest, "holds generation 1"], lambda f: shutil.copy(f / "gen-0001.h5", f / newest))
    refuse(2, "config.yaml is not what this run began with",
           lambda f: edit(f, "seed: 1", "seed: 2"))
    refuse(2, "config.yaml is not what this run began with",
           lambda f: edit(f, "replicates: 2", "replicates: 1"))
    refuse(2, "config.yaml:1:1: byte 0xff", lambda f: (f / "config.yaml").write_bytes(b"\xff\xfe"))
    refuse(3, "no config.yaml", lambda f: (f / "config.yaml").unlink())
    with open("stopped/lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(3, "another process is running this", "resume", "stopped")
        refused(3, "another process is running this", "run", "good.yaml", "-o", "stopped",
                "--force")
        assert "running" in accepted("status", "stopped").stdout

    put("rows.csv", "".join(f"{i % 7}.5,{i * i % 11}\n" for i in range(300)))
    interrupted_run("data", "csv.yaml")
    put("rows.csv", "".join(f"{i % 7}.5,{i * i % 13}\n" for i in range(300)))
    refused(2, "the data file is not what this run began with", "resume", "data",
            spare=["data/log.jsonl"])
    before = snapshot()
    accepted("resume", "run")  # done already
    assert snapshot() == before


# ---- signals, pipes, disks -----------------------------------------------------------------------


def check_signals():
    folder = "it's a run"
    n_done, message = interrupted_run(folder, "good.yaml")
    assert f"interrupted; {n_done} generations are saved" in message, message
    command = message.split("go on with: ")[1]
    assert command.startswith("madloop resume "), message
    done = subprocess.run(["bash", "-c", f"madloop() {{ '{BINARY}' \"$@\"; }}; {command}"],
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    with h5py.File(f"{folder}/run.h5") as run:
        assert run.attrs["n_done"] == run["generation"].size
    # twice: a step that takes long is not waited for
    process = subprocess.Popen([BINARY, "run", "good.yaml", "measure.n=60000", "replicates=1", "-o",
                                "twice"], stderr=subprocess.PIPE, text=True)
    while not os.path.exists("twice/log.jsonl"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None, "the step ended before the second signal: make it longer"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130, process.returncode
    assert "0/3" in accepted("status", "twice").stdout
    # a sweep goes on as a whole
    process = subprocess.Popen([BINARY, "sweep", "good.yaml", "seed=1-3", "generations=100000",
                                "-o", "grid"], stderr=subprocess.PIPE, text=True)
    while not list(pathlib.Path(".").glob("grid/*/gen-0002.h5")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert "madloop resume grid\n" in process.communicate(timeout=60)[1]
    assert process.returncode == 130


def check_pipes():
    for words in (["keys"], ["list", "metrics"], ["--help"], ["theory", "good.yaml", "--json"],
                  ["table", "run"], ["info", "run", "--json"]):
        writer = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        head = subprocess.run(["head", "-1"], stdin=writer.stdout, capture_output=True, timeout=30)
        writer.stdout.close()
        assert writer.wait(timeout=30) in (0, -signal.SIGPIPE), words
        assert head.stdout.count(b"\n") == 1 and not writer.stderr.read(), words
        with open("/dev/full", "w") as full:
            refused(3, "cannot write", *words, stdout=full)
    refused(3, "cannot write to standard output", "list", "models", preexec_fn=lambda: os.close(1))
    # closed streams lend their numbers to no file of the run
    call("run", "good.yaml", "-o", "quiet", preexec_fn=lambda: [os.close(i) for i in (0, 1, 2)])
    assert pathlib.Path("quiet/lock").read_bytes() == b""
    assert "done" in accepted("status", "quiet").stdout


def check_full_disk():
    """A file that may not grow stands in for the disk that is full."""
    n_bytes = os.path.getsize("run/run.h5")
    for limit in (100, 1000, n_bytes // 3, n_bytes * 2 // 3, n_bytes - 100):
        shutil.rmtree("full", ignore_errors=True)
        done = call("run", "good.yaml", "-o", "full", "--progress", "none",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert done.returncode == 3, (limit, done)
        assert done.stderr.count("\n") == 1 and "File too large" in done.stderr, done.stderr
        assert not list(pathlib.Path("full").glob(".*")), "temporary files are left"
        if limit == 100:
            assert not os.listdir("full")
            continue
        accepted("status", "full")
        accepted("resume", "full")
        with h5py.File("full/run.h5") as new, h5py.File("run/run.h5") as old:
            assert new["metrics/recall"][:].tobytes() == old["metrics/recall"][:].tobytes()


def check_long_run():
    """A million generations cost no gigabytes before the first one."""
    process = subprocess.Popen([BINARY, "run", "good.yaml", "generations=1000000", "replicates=1",
                                "model.kind=diffusion", "model.train.steps=5",
                                "model.schedule.steps=50", "-o", "long"],
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not os.path.exists("long/gen-0002.h5") and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    status, usage = os.wait4(process.pid, 0)[1:]
    assert os.WEXITSTATUS(status) == 130, status
    assert usage.ru_maxrss < 1 << 10, f"{usage.ru_maxrss} KiB"


with workspace() as work:
    os.chmod(work, 0o755)
    os.chdir(work)
    put("good.yaml", GOOD)
    put("known-leaks", "leak:libhdf5\n")  # what a failed close leaves is libhdf5's own
    os.environ.setdefault("LSAN_OPTIONS", f"suppressions={work}/known-leaks:print_suppressions=0")
    os.environ.pop("MADLOOP_DATA", None)
    accepted("run", "good.yaml", "-o", "run", "--progress", "none")
    for check in (check_command_line, check_overrides, check_config_files, check_contradictions,
                  check_idx, check_csv, check_folders, check_read_only, check_garbage, check_resume,
                  check_signals, check_pipes, check_full_disk, check_long_run):
        start = time.monotonic()
        check()
        print(f"{check.__name__}: {time.monotonic() - start:.1f} s", flush=True)
    print(f"{n_checks} refusals, each with its line and code, nothing changed")
