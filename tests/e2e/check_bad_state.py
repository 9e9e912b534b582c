"""Hostile surroundings: folders that exist, cannot be written or belong to others, runs that were
changed by hand, Ctrl-C, closed pipes, full disks: one clear line, the documented exit code, and
nothing of anybody's is lost.

Exit codes: 2 usage or configuration, 3 file or memory, 130 interrupted.
"""
import fcntl
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py

from harness import contents
from hostile import BINARY, FILE_WORLD, GOOD, accepted, call, put, refused, run_checks, snapshot

NOBODY = 65534
OFD_SETLK = 37  # F_OFD_SETLK of fcntl.h: a lock that belongs to the open file


# ---- folders -------------------------------------------------------------------------------------


def check_folders():
    refused(3, ["run exists", "madloop resume run", "--force"], "run", "good.yaml", "-o", "run")
    os.symlink("run", "run-link")
    refused(3, "run-link exists", "run", "good.yaml", "-o", "run-link")
    refused(3, ["run holds a single run", "-o"], "sweep", "good.yaml", "seed=1,2", "-o", "run")
    os.symlink("nowhere", "dangling")
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


# ---- stopped and resumed runs ------------------------------------------------------------------


def has_generations(folder):
    return len(list(pathlib.Path(folder).glob("gen-*.h5"))) >= 2


def interrupted_run(folder, config, *overrides):
    """A run that SIGINT has stopped: (n_done, its message)."""
    for n_generations in (300, 1200, 4800):
        shutil.rmtree(folder, ignore_errors=True)
        process = subprocess.Popen([BINARY, "run", config, f"generations={n_generations}",
                                    *overrides, "-o", folder], stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True)
        while not has_generations(folder) and process.poll() is None:
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
    with open("stopped/lock", "r+b") as lock:
        fcntl.fcntl(lock, OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        refused(3, "another process is running this", "resume", "stopped")
        refused(3, "another process is running this", "run", "good.yaml", "-o", "stopped",
                "--force")
        assert "running" in accepted("status", "stopped").stdout

    put("csv.yaml", FILE_WORLD + "world: {kind: csv, path: rows.csv}\n")
    put("rows.csv", "".join(f"{i % 7}.5,{i * i % 11}\n" for i in range(300)))
    interrupted_run("data", "csv.yaml")
    put("rows.csv", "".join(f"{i % 7}.5,{i * i % 13}\n" for i in range(300)))
    refused(2, "the data file is not what this run began with", "resume", "data",
            spare=["data/log.jsonl"])
    before = snapshot()
    accepted("resume", "run")  # done already
    assert snapshot() == before


# ---- signals, pipes, disks -----------------------------------------------------------------------


def interrupt_twice(wait_s):
    """A step that takes long is not waited for; 0 when the first signal met no such step."""
    shutil.rmtree("twice", ignore_errors=True)
    process = subprocess.Popen([BINARY, "run", "good.yaml", "measure.n=60000", "replicates=1", "-t",
                                "1", "-o", "twice"], stderr=subprocess.PIPE, text=True)
    while not os.path.exists("twice/log.jsonl"):
        time.sleep(0.01)
    time.sleep(wait_s)  # until it measures
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    was_busy = process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130, process.returncode
    return was_busy


def check_signals():
    folder = "it's a run"
    n_done, message = interrupted_run(folder, "good.yaml", "checkpoint.every=7")
    assert f"interrupted; {n_done} generations are saved" in message, message
    command = message.split("go on with: ")[1]
    assert command.startswith("madloop resume "), message
    done = subprocess.run(["bash", "-c", f"madloop() {{ '{BINARY}' \"$@\"; }}; {command}"],
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    # what an undisturbed run leaves is all there, with the same bits
    with h5py.File(f"{folder}/run.h5") as run:
        n_generations = run["generation"].size
    accepted("run", "good.yaml", f"generations={n_generations}", "checkpoint.every=7", "-o",
             "undisturbed")
    resumed, undisturbed = (contents(pathlib.Path(f)) for f in (folder, "undisturbed"))
    different = [name for name in undisturbed if resumed.get(name) != undisturbed[name]]
    assert not different, f"after {n_done} of {n_generations} generations: {different}"
    assert n_done % 7 == 0 or f"gen-{n_done:04d}.h5/samples" in resumed
    if "TSAN_OPTIONS" not in os.environ:  # the thread sanitizer holds signals back during a step
        assert interrupt_twice(0.2) or interrupt_twice(1) or interrupt_twice(5), \
            "no step lasted until the second signal"
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
    # before main, the thread sanitizer makes files and LLVM's OpenMP one of 1 KiB in shared memory,
    # which, left short, ends the next process of the same number
    if "TSAN_OPTIONS" in os.environ:
        return
    llvm = b"libomp.so" in pathlib.Path(BINARY).read_bytes()
    n_bytes = os.path.getsize("run/run.h5")
    for limit in (100, 1000, n_bytes // 3, n_bytes * 2 // 3, n_bytes - 100):
        shutil.rmtree("full", ignore_errors=True)
        if llvm and limit < 1024:
            continue
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
    assert usage.ru_maxrss < 1 << 18, f"{usage.ru_maxrss} KiB"


run_checks(check_folders, check_read_only, check_resume, check_signals, check_pipes,
           check_full_disk, check_long_run)
