"""A sweep is the same table whoever runs it: one worker or two, shards, GNU parallel, mpirun, or twenty
starts that were killed; and what is wrong with one point, or with the disk, keeps no other from running.

The moments of the kills come from a fixed seed, where they fall depends on the machine.
"""
import csv
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from harness import MADLOOP, madloop, workspace

CONFIG = """\
name: small
replicates: 3
generations: 6
world: {kind: gauss, dim: 2}
model: {kind: gauss}
loop: {family: fresh, n_initial: 40, n_real: 40, n_synthetic: 40}
bias: {kind: shrink, strength: 1}
measure: {n: 50, metrics: [frechet, trace], preview: 0}
"""
GRID = ["loop.n_real=20,40,80", "bias.strength=range(0.6,1,0.2)", "seed=1-2"]
QUIET = ["--progress", "none"]
moments = random.Random(20261129)


def sweep(folder, *words, **keywords):
    return madloop("sweep", "small.yaml", *GRID, "-o", folder, *QUIET, *words, **keywords)


def table(folder):
    return pathlib.Path(folder, "sweep.csv").read_bytes()


def starts(folder):
    """How often each run of a sweep was begun, and by how many it was finished."""
    found = {}
    for log in pathlib.Path(folder).glob("*/log.jsonl"):
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        found[log.parent.name] = (events.count("start") + events.count("resume"),
                                  events.count("done"))
    return found


def clean(folder):
    left = [str(p) for p in pathlib.Path(folder).rglob("*")
            if p.name.startswith(".") or p.name in ("claim", "takeover")]
    assert not left, left


# ---- what is in the files ------------------------------------------------------------------------


def check_files():
    """sweep.csv and sweep.h5 hold what the run files hold, in the order of the grid."""
    out, _ = sweep("reference", "-j", "1")
    assert len(out.splitlines()) == 18
    manifest = json.loads(pathlib.Path("reference/sweep.json").read_text())
    assert manifest["keys"] == ["loop.n_real", "bias.strength", "seed"]
    rows = list(csv.DictReader(open("reference/sweep.csv", newline="")))
    assert list(rows[0]) == ["point", "run", *manifest["keys"], "replicate", "generation", "metric",
                             "value"]
    assert len(rows) == 18 * 2 * 3 * 6
    with h5py.File("reference/sweep.h5") as all_runs:
        grid = [(n, b, s) for n in (20, 40, 80) for b in (.6, .8, 1) for s in (1, 2)]
        for k, key in enumerate(manifest["keys"]):
            assert np.array_equal(all_runs[key][:], [point[k] for point in grid]), key
        assert [name.decode() for name in all_runs["run"][:]] == manifest["runs"]
        assert np.all(all_runs["n_done"][:] == 6)
        scales = [d.keys() for d in all_runs["metrics/trace"].dims]
        assert scales == [["point"], ["replicate"], ["generation"]], scales
        assert [d[0].name for d in all_runs["floor/frechet"].dims] == ["/point", "/replicate"]
        from_csv = np.array([float(r["value"]) for r in rows if r["metric"] == "trace"])
        assert np.array_equal(from_csv.reshape(18, 3, 6), all_runs["metrics/trace"][:])
        for i, name in enumerate(manifest["runs"]):
            with h5py.File(f"reference/{name}/run.h5") as run:
                for path in ("metrics/frechet", "metrics/trace", "floor/frechet", "theory/trace",
                             "lineage/real_share"):
                    assert np.array_equal(all_runs[path][i], run[path][:]), path
                for key, value in run["metrics/trace"].attrs.items():
                    if key != "DIMENSION_LIST":
                        assert np.array_equal(all_runs["metrics/trace"].attrs[key], value), key
    clean("reference")
    try:
        import pandas
        import xarray
    except ImportError:
        print("without pandas and xarray: their one call is not tried")
        return
    frame = pandas.read_csv("reference/sweep.csv")
    data = xarray.open_dataset("reference/sweep.h5", group="metrics")
    assert data.trace.dims == ("point", "replicate", "generation")
    assert set(manifest["keys"]) < set(data.coords) and list(data.generation) == list(range(1, 7))
    mean = frame[(frame.metric == "trace") & (frame.generation == 6)].groupby("point").value.mean()
    assert np.allclose(mean, data.trace.sel(generation=6).mean("replicate"))


def check_moments():
    """`collect` at any moment: what is there so far; a run that waits has none."""
    sweep("moment", "--list")
    first = json.loads(pathlib.Path("moment/sweep.json").read_text())["runs"]
    madloop("resume", f"moment/{first[4]}", *QUIET)
    madloop("collect", "moment")
    assert {r["point"] for r in csv.DictReader(open("moment/sweep.csv"))} == {"4"}
    with h5py.File("moment/sweep.h5") as part:
        assert list(part["n_done"][:]) == [0] * 4 + [6] + [0] * 13
        assert np.array_equal(part["loop.n_real"][:5], [20] * 5)
        assert np.isfinite(part["metrics/trace"][4]).all()
        assert np.isnan(np.delete(part["metrics/trace"][:], 4, axis=0)).all()
    sweep("moment")
    assert table("moment") == table("reference")


def check_extension():
    """A larger grid in the same folder runs what is new, and keeps what it had."""
    madloop("sweep", "small.yaml", "loop.n_real=20,40", "-o", "growing", *QUIET)
    before = table("growing").splitlines()
    madloop("sweep", "small.yaml", "loop.n_real=20,40,80", "seed=1,2", "-o", "growing", *QUIET)
    after = list(csv.DictReader(open("growing/sweep.csv")))
    assert all(n == (1, 1) for n in starts("growing").values()), starts("growing")
    assert len({r["run"] for r in after}) == 6 and list(after[0])[2:4] == ["loop.n_real", "seed"]
    assert len(before) == 1 + 2 * 36 and len(after) == 6 * 36
    pathlib.Path("commas.yaml").write_text(CONFIG.replace("name: small", 'name: "a,b"'))
    madloop("sweep", "commas.yaml", "seed=1,2", "-o", "commas", *QUIET)
    rows = list(csv.DictReader(open("commas/sweep.csv", newline="")))
    assert rows[0]["run"].startswith("a,b-") and rows[0]["seed"] == "1", rows[0]
    # what --smoke makes equal is one run
    out, _ = madloop("sweep", "small.yaml", "loop.n_real=300,400", "-o", "tiny", "--smoke", *QUIET)
    assert len(out.splitlines()) == 1


# ---- who runs it ---------------------------------------------------------------------------------


def check_workers():
    sweep("two", "-j", "2")
    sweep("many", "-j", "7", "--threads", "3")
    for i in (2, 1, 3):
        sweep("shards", "--shard", f"{i}/3")
    for folder in ("two", "many", "shards"):
        assert table(folder) == table("reference"), folder
        assert all(n == (1, 1) for n in starts(folder).values()), folder
        clean(folder)
    same = pathlib.Path("two/sweep.h5").read_bytes()
    assert same == pathlib.Path("reference/sweep.h5").read_bytes()


def check_lists():
    """The lines of --list, for whatever runs lines; a name that a shell would take apart."""
    lines, _ = sweep("it's a list", "--list")
    assert len(lines.splitlines()) == 18
    for line in lines.splitlines()[:2]:
        subprocess.run(line, shell=True, check=True)
    if shutil.which("parallel"):
        done = subprocess.run(["parallel", "-j2", "--joblog", "jobs.txt", "--will-cite"],
                              input=lines, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
    else:
        print("without GNU parallel: xargs runs the lines")
    # behind parallel there is nothing left to do
    subprocess.run(["xargs", "-d", "\n", "-P2", "-I{}", "sh", "-c", "{}"], text=True,
                   check=True, input=lines, capture_output=True)
    madloop("collect", "it's a list")
    assert table("it's a list") == table("reference")
    sharded = [sweep("x", "--list", "--shard", f"{i}/4")[0].splitlines() for i in (1, 2, 3, 4)]
    assert sorted(map(len, sharded)) == [4, 4, 5, 5]
    assert len({line for part in sharded for line in part}) == 18


def check_mpi():
    linked = subprocess.run(["ldd", MADLOOP], capture_output=True, text=True).stdout
    if "libmpi" not in linked or not shutil.which("mpirun"):
        print("without MPI: mpirun is not tried")
        return
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", MADLOOP, "sweep",
               "small.yaml", *GRID, "-o"]
    env = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}  # Open MPI's own, in a sanitized build
    done = subprocess.run([*command, "mpi", *QUIET], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    assert table("mpi") == table("reference")
    assert all(n == (1, 1) for n in starts("mpi").values())
    done = subprocess.run([*command, "mpi-bad", "nonsense=1"], capture_output=True, text=True,
                          timeout=120, env=env)
    assert done.returncode == 2 and done.stderr.count("unknown key 'nonsense'") == 1, done.stderr


def check_rivals():
    """Two sweeps started on one folder share its points, and both end when all is done."""
    words = ["sweep", "small.yaml", *GRID, "generations=40", *QUIET, "-j", "2", "-o", "rivals"]
    both = [subprocess.Popen([MADLOOP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True) for _ in range(2)]
    said = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    counts = starts("rivals")
    assert len(counts) == 18 and all(n == (1, 1) for n in counts.values()), counts
    clean("rivals")


# ---- what goes wrong -----------------------------------------------------------------------------


def children(pid):
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def ticks(pid):
    """Hundredths of a second that a process has computed."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def check_kills():
    """SIGKILL of a worker or of the parent, at random, until ten of each have struck."""
    slow = ["generations=60", "replicates=2"]
    madloop("sweep", "small.yaml", *GRID, *slow, "-o", "calm", *QUIET, "-j", "2")
    kills = {"worker": 0, "parent": 0}
    folder, n_folders = None, 0
    while min(kills.values()) < 10:
        if folder is None:
            folder, n_folders = f"killed{n_folders}", n_folders + 1
        process = subprocess.Popen([MADLOOP, "sweep", "small.yaml", *GRID, *slow, "-o", folder,
                                    *QUIET, "-j", "2"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            process.communicate(timeout=moments.uniform(0.05, 0.4))
        except subprocess.TimeoutExpired:
            workers = children(process.pid)
            victim = "parent" if kills["parent"] <= kills["worker"] or not workers else "worker"
            try:
                os.kill(process.pid if victim == "parent" else workers[0], signal.SIGKILL)
                kills[victim] += 1
            except ProcessLookupError:  # it has just ended by itself
                victim = None
            said = process.communicate(timeout=120)[1]
            if victim == "worker" and process.returncode != 0:
                assert process.returncode == 1 and "killed by signal 9" in said, said
        if process.returncode == 0:
            assert table(folder) == table("calm"), folder
            folder = None
    if folder is not None:
        madloop("sweep", "small.yaml", *GRID, *slow, "-o", folder, *QUIET, "-j", "2")
        assert table(folder) == table("calm")
    print(f"{kills} in {n_folders} sweeps: same bytes")


def check_failing_point():
    """A point without rows: named at once and at the end, exit 1; the others run; tried again."""
    words = ["small.yaml", "select.kind=verifier", "select.psi=0",
             "select.threshold=-100,100", "seed=1-3", *QUIET, "-o", "failing", "-j", "2"]
    _, said = madloop("sweep", *words, code=1)
    assert said.count("failed  failing/") == 3 and "3 of 6 runs failed" in said, said
    assert "madloop resume failing" in said
    assert len({r["run"] for r in csv.DictReader(open("failing/sweep.csv"))}) == 6
    assert len(json.loads(madloop("profile", "failing", "--json")[0])["runs"]) >= 3
    states = [line.split()[0] for line in madloop("status", "failing")[0].splitlines()]
    assert states.count("failed") == states.count("done") == 3, states
    _, said = madloop("sweep", *words, code=1)
    assert sorted(n for n, _ in starts("failing").values()) == [1, 1, 1, 2, 2, 2]


def check_full_disk():
    """A file that may not grow stands in for the disk that is full."""
    if "TSAN_OPTIONS" in os.environ:
        return
    n_bytes = os.path.getsize(next(pathlib.Path("reference").glob("*/run.h5")))
    done = subprocess.run([MADLOOP, "sweep", "small.yaml", *GRID, "-o", "full", *QUIET],
                          capture_output=True, text=True, timeout=120, preexec_fn=lambda:
                          resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes // 2, n_bytes // 2)))
    assert done.returncode == 1 and "File too large" in done.stderr, done.stderr
    assert "18 of 18 runs failed" in done.stderr
    sweep("full")
    assert table("full") == table("reference")


def check_claims():
    """A claim of another machine is respected while it is fresh, and taken over when it is not."""
    sweep("claims", "--list")
    run = sorted(pathlib.Path("claims").glob("small-*"))[0]
    os.mkdir(run / "claim")
    owner = run / "claim/owner"
    owner.write_text("00000000-1111-2222-3333-444444444444 77 elsewhere\n")
    _, said = madloop("resume", run, *QUIET, code=3)
    assert "another process is running this" in said
    assert f"running       0/6      {run}" in madloop("status", "claims")[0]
    waiting = subprocess.Popen([MADLOOP, "sweep", "small.yaml", *GRID, "-o", "claims", *QUIET],
                               stdout=subprocess.DEVNULL)
    time.sleep(3)
    assert waiting.poll() is None, "it must wait for the other machine"
    assert sum(done for _, done in starts("claims").values()) == 17
    os.utime(owner, (time.time() - 400,) * 2)
    assert waiting.wait(timeout=30) == 0
    assert table("claims") == table("reference")
    clean("claims")


def check_lost_claim():
    """Who stood still and was taken over makes no further commit, and leaves the other's claim alone."""
    madloop("sweep", "small.yaml", "seed=1,2", "generations=3000", "-o", "lost", "--list")
    run = sorted(pathlib.Path("lost").glob("small-*"))[0]
    process = subprocess.Popen([MADLOOP, "resume", run, *QUIET], stderr=subprocess.PIPE, text=True)
    while not (run / "gen-0003.h5").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    other = "00000000-1111-2222-3333-444444444444 77 elsewhere\n"
    (run / "claim/owner").write_text(other)
    with h5py.File(run / "run.h5") as f:
        n_done = int(f.attrs["n_done"])
    process.send_signal(signal.SIGCONT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 3 and "another process has taken this over" in said, said
    assert (run / "claim/owner").read_text() == other
    with h5py.File(run / "run.h5") as f:  # it may have stood still in the middle of a commit
        assert f.attrs["n_done"] in (n_done, n_done + 1), (f.attrs["n_done"], n_done)
    assert [json.loads(line)["event"] for line in open(run / "log.jsonl")] == ["start"]


def check_beginnings():
    """Three sweeps make the same folders at once; one that was killed at it says what to do."""
    words = [MADLOOP, "sweep", "small.yaml", "seed=0-299", "-o", "race", "--list"]
    race = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)]
    said = [p.communicate(timeout=60) for p in race]
    assert [p.returncode for p in race] == [0, 0, 0], [s[1] for s in said]
    assert len({s[0] for s in said}) == 1 and len(said[0][0].splitlines()) == 300
    assert len(list(pathlib.Path("race").glob("small-*/config.yaml"))) == 300
    clean("race")
    for run in sorted(pathlib.Path("race").glob("small-*"))[:7]:
        shutil.rmtree(run)
    _, message = madloop("resume", "race", code=3)
    assert "7 of 300 runs have no folder yet" in message and message.count("\n") == 1, message
    assert len(madloop("status", "race")[0].splitlines()) == 300
    subprocess.run(words, check=True, capture_output=True)
    assert len(list(pathlib.Path("race").glob("small-*/config.yaml"))) == 300


def check_lonely_signal():
    """SIGTERM to one worker, and the death of one that has nothing to do, keep no other from working."""
    words = [MADLOOP, "sweep", "small.yaml", "seed=1-4", "generations=400", *QUIET, "-j", "2"]
    process = subprocess.Popen([*words, "-o", "lonely"], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    while not list(pathlib.Path("lonely").glob("*/gen-0002.h5")):
        time.sleep(0.01)
    os.kill(children(process.pid)[0], signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and "1 of 4 runs failed" in said, said
    assert sum(done for _, done in starts("lonely").values()) == 3
    madloop("resume", "lonely", *QUIET)
    process = subprocess.Popen([MADLOOP, "sweep", "small.yaml", "generations=2,9000", *QUIET, "-j", "2",
                                "-o", "idle"], stdout=subprocess.DEVNULL)
    while not list(pathlib.Path("idle").glob("*/gen-0009.h5")):
        time.sleep(0.01)
    os.kill(min(children(process.pid), key=ticks), signal.SIGKILL)
    before = ticks(process.pid)
    time.sleep(1)
    assert ticks(process.pid) - before < 30, "waiting at full load"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130


def check_interrupt():
    """Ctrl-C: saved, exit 130, and the command that goes on; with --max-hours too."""
    words = ["sweep", "small.yaml", *GRID, "generations=3000", *QUIET, "-j", "2"]
    process = subprocess.Popen([MADLOOP, *words, "-o", "stopped"], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    while not list(pathlib.Path("stopped").glob("*/gen-0002.h5")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "madloop resume stopped\n" in said, said
    assert not children(process.pid)
    _, said = madloop(*words, "-o", "limited", "--max-hours", "0.0003", code=130)
    assert "madloop resume limited\n" in said


def check_bad_input():
    before = sorted(os.listdir("."))
    for code, said, words in (
            (2, "no values", ["seed="]),
            (2, "unknown key 'loop.n_reel'", ["loop.n_reel=1,2"]),
            (2, "n_real", ["loop.n_reel=1,2"]),  # the nearest
            (2, "strength", ["bias.kind=none,shrink"]),
            (2, "more than 1000000 points; --yes", ["seed=0-9999", "loop.n_real=1-200"]),
            (2, "expected I/N with 1 <= I <= N", ["seed=1,2", "--shard", "3/2"]),
            (2, "expected I/N with 1 <= I <= N", ["seed=1,2", "--shard", "0/2"]),
            (2, "expected I/N with 1 <= I <= N", ["seed=1,2", "--shard", "1/2x"]),
            (2, "expected I/N with 1 <= I <= N", ["seed=1,2", "--shard", "half"]),
            (2, "names 'seed' twice", ["seed=1,2", "seed=3,4"]),
            (2, "line end", ["seed=1,2", "-o", "two\nlines"]),
            (2, "jobs", ["seed=1,2", "-j", "0"])):
        out = [] if "-o" in words else ["-o", "bad"]
        _, message = madloop("sweep", "small.yaml", *words, *out, code=code)
        assert said in message and message.count("\n") <= 1, (words, message)
    pathlib.Path("empty.yaml").write_text(CONFIG + "sweep: {seed: []}\n")
    assert "empty.yaml" in madloop("sweep", "empty.yaml", "-o", "bad", code=2)[1]
    os.remove("empty.yaml")
    assert sorted(os.listdir(".")) == before
    assert "no sweep" in madloop("collect", ".", code=3)[1]
    os.makedirs("odd")
    for text in ("", "{}", "[]", '{"conventions": "madloop-sweep-1"}', '{"conventions": "other"}',
                 '{"conventions": "madloop-sweep-1", "keys": [], "replicates": 1, "generations": 1, '
                 '"runs": ["../reference"]}', '{"conventions": "madloop-sweep-1", "keys": [1], '
                 '"replicates": 1, "generations": 1, "runs": []}'):
        pathlib.Path("odd/sweep.json").write_text(text)
        assert "odd/sweep.json" in madloop("collect", "odd", code=3)[1], text
    # one damaged run file keeps no other out of the table
    shutil.copytree("reference", "damaged")
    victim = sorted(pathlib.Path("damaged").glob("small-*"))[3]
    (victim / "run.h5").write_bytes(b"no HDF5")
    assert "1 of 18 runs could not be collected" in madloop("collect", "damaged", code=3)[1]
    assert len({r["run"] for r in csv.DictReader(open("damaged/sweep.csv"))}) == 17


with workspace() as work:
    os.chdir(work)
    MADLOOP = os.path.join(os.environ["PWD"], MADLOOP) if not os.path.isabs(MADLOOP) else MADLOOP
    pathlib.Path("small.yaml").write_text(CONFIG)
    for check in (check_files, check_moments, check_extension, check_workers, check_lists, check_mpi,
                  check_rivals, check_kills, check_failing_point, check_full_disk, check_claims,
                  check_lost_claim, check_beginnings, check_lonely_signal, check_interrupt,
                  check_bad_input):
        start = time.monotonic()
        check()
        print(f"{check.__name__}: {time.monotonic() - start:.1f} s", flush=True)
