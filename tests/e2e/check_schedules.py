"""Every size, ratio and strength of a loop and of its stages may change with the generation.

Of each key a run with [a, b, b] has the bits of a run with a in generations 1 and 2, and other ones
from generation 3 on; a value out of range in any generation is refused before anything runs, and the
key is named. Keys that are numbers and no schedules are known here, with the reason.
"""
import json
import os
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from harness import madloop, workspace

SECTIONS = ("loop", "bias", "select", "correct", "post", "channel")
# numbers that are no schedules
CONSTANTS = {"loop.n_initial": "generation 1 alone", "channel.key": "a name, no size",
             "select.reward.target": "a list already", "select.reward.users": "a list already"}

START = ["seed=3", "generations=4", "replicates=1", "measure.n=40", "measure.preview=4",
         "measure.metrics=[trace]", "measure.moments=samples",
         "loop.family=fully_synthetic", "loop.n_initial=40", "loop.n_synthetic=40"]
GAUSS = ["world.kind=gauss", "world.dim=4", "model.kind=gauss"]
CLASSES = ["world.kind=moons", "model.kind=exact", "model.sampler.steps=12"]
PICTURES = ["world.kind=glyph", "world.size=16", "model.kind=kde"]
LINES = ["world.kind=regression", "world.features=3", "model.kind=linear", "measure.metrics=auto"]
NET = ["world.kind=ring", "model.kind=diffusion", "model.net.width=16", "model.net.depth=1",
       "model.train.steps=30", "model.sampler.steps=6"]
FRESH = ["loop.family=fresh", "loop.n_real=20"]


def case(key, a, b, *setting, plugin=None):
    section = key.split(".")[0]
    chosen = [f"{section}.kind={plugin}"] if plugin else []
    return key, plugin, a, b, [*chosen, *setting]


CASES = [
    case("loop.n_real", 20, 30, *GAUSS, "loop.family=fresh"),
    case("loop.n_synthetic", 20, 30, *GAUSS),
    case("loop.budget", 20, 30, *GAUSS),
    case("loop.real_weight", 0.3, 0.6, *GAUSS, *FRESH),
    case("loop.age", "geometric({})", (0.2, 0.9), *GAUSS),
    case("loop.age", "uniform({})", (1, 3), *GAUSS),
    case("loop.retain", "window({})", (1, 2), *GAUSS),
    case("loop.start", "warm({})", (5, 9), *NET),
    case("cross", "mixed({})", (0.9, 0.2), *GAUSS, "models=2"),
    *[case("bias.strength", a, b, *GAUSS, plugin=name)
      for name, a, b in (("shrink", 0.9, 0.5), ("truncation", 2, 1), ("temperature", 0.9, 0.5),
                         ("clip", 2, 1))],
    case("bias.strength", 8, 5, *CLASSES, plugin="steps"),
    *[case(f"bias.{key}", a, b, *CLASSES, *strength, plugin=name)
      for name in ("guidance", "autoguidance")
      for key, a, b, strength in (("strength", 0.9, 0.5, []), ("w", 0.2, 1, []),
                                  ("low", 0, 1, ["bias.w=1"]), ("high", 50, 1, ["bias.w=1"]))],
    *[case("select.share", 0.8, 0.3, *GAUSS, plugin=name) for name in ("topfrac", "rank", "random")],
    case("select.accuracy", 0.9, 0.2, *GAUSS, plugin="topfrac"),
    *[case("select.reward.tau", 1, 3, *GAUSS, "select.reward.kind=quadratic", plugin=name)
      for name in ("bradley_terry", "human_noise", "reward_weighted")],
    *[case("select.candidates", 2, 4, *GAUSS, plugin=name)
      for name in ("bradley_terry", "verifier", "greedy_entropy", "random")],
    *[case("select.temperature", 1, 0.1, *GAUSS, plugin=name)
      for name in ("bradley_terry", "human_noise", "reward_weighted")],
    case("select.flip", 0.1, 0.4, *GAUSS, plugin="human_noise"),
    case("select.phi", 0.9, 0.2, *GAUSS, plugin="verifier"),
    case("select.psi", 0.1, 0.8, *GAUSS, plugin="verifier"),
    case("select.threshold", 0, 0.5, *GAUSS, plugin="verifier"),
    case("select.decay", 0.95, 0.3, *GAUSS, "select.method=threshold", plugin="greedy_entropy"),
    *[case("correct.gamma", 1, 3, *GAUSS, plugin=name) for name in ("statistics", "nearest")],
    *[case(f"post.{key}", a, b, *GAUSS, plugin=name)
      for name in ("sims", "neon") for key, a, b in (("w", 0.5, 1), ("n", 60, 90))],
    *[case("post.steps", 5, 9, *NET, "post.n=40", plugin=name) for name in ("sims", "neon")],
    case("channel.eps", 0.1, 0.7, *GAUSS, *FRESH, plugin="leak"),
    case("channel.tpr", 0.2, 0.7, *GAUSS, plugin="detector"),
    case("channel.fpr", 0.2, 0.7, *GAUSS, *FRESH, plugin="detector"),
    case("channel.share", 0.2, 0.9, *LINES, *FRESH, plugin="label"),
    case("channel.sd", 0.2, 0.9, *LINES, plugin="label_noise"),
    case("channel.eps", 0.1, 0.7, *CLASSES, plugin="label_noise"),
    case("channel.step", 0.2, 1, *GAUSS, plugin="quantise"),
    case("channel.levels", 8, 3, *PICTURES, plugin="quantise"),
    case("channel.amplitude", 0.2, 1, *GAUSS, plugin="watermark"),
]


def texts(a, b):
    """The values of a case as they are written: constant a, and [a, b, b]."""
    if isinstance(a, str):
        form, (a, b) = a, b
        return form.format(a), form.format(f"[{a}, {b}, {b}]")
    return str(a), f"[{a}, {b}, {b}]"


def columns(folder, n_from, n_to):
    """Everything that generations n_from..n_to say: {name: bytes}."""
    found = {}
    with h5py.File(folder / "run.h5") as run:
        n_gens = run["generation"].size
        for group in ("metrics", "lineage", "bias", "select", "correct", "channel", "model", "loss"):
            for name, data in run.get(group, {}).items():
                if len(data.shape) > 1 and data.shape[1] == n_gens:
                    values = data[:, n_from - 1:n_to]
                    found[f"{group}/{name}"] = np.ascontiguousarray(values).tobytes()
    for t in range(n_from, n_to + 1):
        with h5py.File(folder / f"gen-{t:04d}.h5") as gen:
            gen.visititems(lambda name, item, t=t: found.update({f"{t}/{name}": item[()].tobytes()})
                           if isinstance(item, h5py.Dataset) else None)
    return found


def check_case(work, i):
    key, plugin, a, b, setting = CASES[i]
    constant, changing = texts(a, b)
    folders = []
    for name, text in (("constant", constant), ("changing", changing)):
        folders.append(work / f"{i}-{name}")
        madloop("run", work / "empty.yaml", *START, *setting, f"{key}={text}", "-o", folders[-1],
                "--progress", "none", "--threads", 1)
    what = f"{key} ({plugin}) {changing}"
    before, after = (columns(f, 1, 2) for f in folders)
    assert before == after, f"{what}: acts before generation 3: " \
                            f"{[n for n in before if before[n] != after.get(n)]}"
    assert columns(folders[0], 3, 4) != columns(folders[1], 3, 4), f"{what}: no effect"


def check_range(work, row, setting):
    """A value beyond the range in the middle, and one that a geometric schedule reaches."""
    least = float(row["allowed"].split(" from ")[1].split(" to ")[0])
    most = float(row["allowed"].split(" to ")[1].split(",")[0].split(" [")[0])
    good = least if least > 0 else most
    for text, word in ((f"[{good}, {most + 1 + most * 0.01}]", "got"), (f"geometric({most}, 2)", "in generation 4")):
        _, error = madloop("run", work / "empty.yaml", *START, *setting, f"{row['key']}={text}", "-o",
                           work / "never", "--progress", "none", code=2)
        assert row["key"] in error and word in error, error
    assert not (work / "never").exists()


def is_number(row):
    """Of a form: one of its words takes a number."""
    return row["kind"] in ("int", "real", "reals") or \
        (row["kind"] == "form" and ("(" in row["allowed"] or "a number" in row["allowed"]))


with workspace() as work:
    work = pathlib.Path(work)
    (work / "empty.yaml").write_text("name: schedules\n")
    rows = [row for row in json.loads(madloop("keys", "--json")[0])
            if row["key"].split(".")[0] in SECTIONS or row["key"] == "cross"]
    tested = {key for key, *_ in CASES}
    numbers = {row["key"] for row in rows if row["kind"] == "schedule" or is_number(row)}
    assert numbers == tested | CONSTANTS.keys(), numbers ^ (tested | CONSTANTS.keys())
    for row in rows:
        fixed = is_number(row) and "(t)" not in row["allowed"]
        assert not fixed or row["key"] in CONSTANTS, f"{row['key']}: a number for all generations"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda i: check_case(work, i), range(len(CASES))))
    n_ranges = 0
    for row in rows:
        setting = next((s for key, _, _, _, s in CASES if key == row["key"]), None)
        if row["kind"] == "schedule" and "a number from" in row["allowed"] and \
                row["plugins"].split(", ")[0] in (next(p for k, p, *_ in CASES if k == row["key"]), "custom"):
            check_range(work, row, setting)
            n_ranges += 1
    assert n_ranges >= 15, n_ranges
    print(f"{len(CASES)} schedules act in their generation; {n_ranges} refused out of range")
