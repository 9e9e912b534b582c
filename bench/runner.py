"""One program at a time: its figures, what the cores gave beside it, who else used them."""
import contextlib
import fcntl
import json
import os
import pathlib
import platform
import resource
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    pass


def busy_seconds():
    """Processor seconds spent by everything on this machine since it started."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, soft, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


def child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pick(figures, path):
    """figures["a"]["b"] for the path "a.b"."""
    for key in path.split("."):
        figures = figures[key]
    return figures


class Runner:
    def __init__(self, build, peers, python, threads, lock, foreign_limit):
        self.build, self.peers, self.python = build, peers and pathlib.Path(peers), python
        self.threads, self.lock, self.foreign_limit = threads, lock, foreign_limit
        self.peak = 0.0  # the best probe so far, of one thread
        self.held = False

    def command(self, program, threads):
        """Words of the command line; {threads} stands for their number."""
        name, *words = (word.format(threads=threads) for word in program.words)
        if name.endswith(".py"):
            path = pathlib.Path(__file__).parent / "peers" / name
            if not path.exists():
                if self.peers is None:
                    raise Failed(f"{name}: say where the peers' scripts lie: --peers FOLDER")
                path = self.peers / name
            return [self.python, str(path), *words]
        return [str(self.build / "bench" / name), *words]

    @contextlib.contextmanager
    def alone(self):
        """Hold the lock that measurements share, where one is given; runs inside a pair have it."""
        if self.lock is None or self.held:
            yield
            return
        with open(self.lock, "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.held = True
            try:
                yield
            finally:
                self.held = False

    def execute(self, words, env, threads):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        env = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                            "PYTHONDONTWRITEBYTECODE": "1", **env}
        done = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, cores))
        if done.returncode != 0:
            raise Failed(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def probe(self, threads):
        words = [str(self.build / "bench" / "bench_machine"), "--threads", str(threads),
                 "--milliseconds", "50", "--triad", "0"]
        return self.execute(words, {}, threads)

    def run(self, program, threads=None):
        """Figures of one run, with the probe before it and the load of others meanwhile."""
        with self.alone():
            return self.run_alone(program, threads)

    def run_alone(self, program, threads):
        threads = threads or self.threads
        words = self.command(program, threads)
        before = self.probe(threads)
        start, busy, own = time.monotonic(), busy_seconds(), child_seconds()
        figures = self.execute(words, program.env, threads)
        wall = time.monotonic() - start
        foreign = (busy_seconds() - busy - (child_seconds() - own)) / wall
        self.peak = max(self.peak, before["fma_gflops"] / threads)
        return {"command": " ".join(words), "env": program.env, "figures": figures,
                "value": pick(figures, program.figure), "wall_s": wall, "probe": before,
                "foreign_cores": max(foreign, 0.0)}

    def disturbed(self, run):
        """Others took a part of the cores, or the probe fell short of the best one seen."""
        best = self.peak * run["probe"]["threads"]
        return (run["foreign_cores"] > self.foreign_limit or
                run["probe"]["fma_gflops_mean"] < 0.85 * best)

    def describe(self):
        """The machine, without its name."""
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        model = next((l.split(":")[1].strip() for l in lines if l.startswith("model name")), "?")
        flags = next((l.split() for l in lines if l.startswith("flags")), [])
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        versions = subprocess.run([self.python, "-c", VERSIONS], stdout=subprocess.PIPE, text=True,
                                  check=False).stdout.strip()
        return {"cpu": model, "cores": os.cpu_count(), "threads": self.threads,
                "vectors": "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "?",
                "memory_gb": round(memory, 1),
                "system": f"{platform.system()} {platform.machine()}",
                "peers": versions, "date": time.strftime("%Y-%m-%d")}

    def machine_rates(self, threads):
        words = [str(self.build / "bench" / "bench_machine"), "--threads", str(threads)]
        with self.alone():
            return self.execute(words, {}, threads)


VERSIONS = """
import importlib
found = []
for name in ("torch", "numpy", "scipy", "sklearn"):
    try:
        found.append(name + " " + importlib.import_module(name).__version__)
    except ImportError:
        pass
print(", ".join(found))
"""
