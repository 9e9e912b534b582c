"""No key is idle: changed where its plug-in is chosen, it changes what the run leaves, or it is refused
by name.

The keys, and what they may be, are those that `madloop keys` offers. A small loop is run with the defaults
and with every other word, or another number, of each key. Where a word says what the default stands for
("auto") it is listed here.
"""
import json
import os
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from harness import contents, madloop, workspace

START = ["seed=3", "generations=3", "replicates=1", "measure.n=24", "measure.preview=24",
         "measure.metrics=[trace]", "measure.moments=samples", "measure.loss_points=2",
         "loop.n_initial=24", "loop.n_synthetic=24"]
ALONE, FRESH = ["loop.family=fully_synthetic"], ["loop.family=fresh", "loop.n_real=12"]
GAUSS = ["world.kind=gauss", "world.dim=4", "model.kind=gauss"]
MOONS = ["world.kind=moons", "model.kind=exact", "model.sampler.steps=6",
         "model.schedule.steps=50"]
LINES = ["world.kind=regression", "world.features=3", "model.kind=linear", "measure.metrics=auto"]
NET = ["world.kind=moons", "model.kind=diffusion", "model.train.batch=16", "model.train.warmup=0", "model.sampler.steps=4"]
KINDS = {"world": "kind", "model": "kind", "loop": "family", "bias": "kind", "select": "kind",
         "correct": "kind", "post": "kind", "channel": "kind"}
# their keys: check_datafile, check_archives; pictures take too long here: check_truth
LEFT_OUT = {"idx", "csv", "npy", "hdf5", "cifar", "png", "layout", "bounce"}

# what a plug-in needs beside itself: one setting or more, in each of which its keys are changed
SETTINGS = {
    "world": [["model.kind=kde"]], "world.gauss": [["world.dim=4", "world.spectrum=1", "model.kind=gauss"]],
    "world.zipf": [["model.kind=categorical", "measure.metrics=auto"]],
    "world.regression": [["model.kind=linear", "measure.metrics=auto"]],
    "model": [["world.kind=moons"]], "model.gauss": [["world.kind=gauss"]],
    "model.categorical": [["world.kind=zipf", "measure.metrics=auto"]],
    "model.mixture": [["world.kind=ring", "model.components=3", "model.tolerance=1e-9"]],
    "model.linear": [["world.kind=regression", "measure.metrics=auto"]],
    "model.exact": [MOONS], "model.diffusion": [[*NET, "model.train.steps=8"]],
    "model.flow": [["world.kind=moons", "model.net.width=8", "model.net.depth=1",
                    "model.layers=2", "model.train.batch=16", "model.train.steps=8",
                    "model.train.warmup=0"]],
    "loop": [GAUSS],
    "bias": [GAUSS], "bias.guidance": [[*MOONS, "bias.w=1"]], "bias.autoguidance": [[*MOONS, "bias.w=1"]],
    "bias.steps": [MOONS],
    "select": [GAUSS, [*GAUSS, "select.reward.kind=quadratic"]], "select.rank": [MOONS],
    "select.verifier": [GAUSS, [*GAUSS, "select.reward.kind=quadratic", "select.threshold=-1"]],
    "select.greedy_entropy": [GAUSS, [*GAUSS, "select.method=threshold"]],
    "correct": [GAUSS], "post": [[*GAUSS, "post.n=24"], [*NET, "model.train.steps=8", "post.n=24",
                                                        "post.steps=4"]],
    "channel": [GAUSS], "channel.leak": [[*GAUSS, *FRESH]],
    "channel.detector": [[*GAUSS, *FRESH], GAUSS], "channel.label": [[*LINES, *FRESH]],
    "channel.label_noise": [LINES, MOONS],
    "channel.quantise": [[*GAUSS, "channel.step=0.5"],
                         ["world.kind=glyph", "world.size=12", "model.kind=gauss"]],
}
# other values than the nearest at hand; what keys are changed beside, too
VALUES = {
    "loop.n_initial": ["40"], "loop.n_synthetic": ["30"], "loop.n_real": ["20"], "loop.budget": ["10"],
    "loop.retain": ["window(2)", "accumulate"],
    "model.iterations": ["1"], "model.tolerance": ["0.5"], "model.restarts": ["6"], "model.ridge": ["0.2"],
    "model.train.ema": ["constant(0.5)", "halflife(20)"], "model.schedule.beta_min": ["0.001"], "model.schedule.beta_max": ["0.03"],
    "bias.low": ["5"], "bias.high": ["5"], "select.flip": ["0.6"], "select.share": ["0.25"],
    "select.threshold": ["0.3"], "channel.eps": ["0.5"], "channel.step": ["0.8"],
    "model.net.depth": ["2"], "model.train.clip": ["0.01"], "model.width": ["0.3"],
    "model.net.mult": ["[1]"], "model.net.attention": ["0"], "select.reward.file": ["none.csv"],
    "select.reward.target": ["2", "[1, 1]"], "select.reward.users": ["2", "[1, 1]"],
    "select.reward.factor": ["2"], "model.guide.target": ["1"],
}
BESIDE = {"likelihood": ["measure.metrics=[log_likelihood]"], "model.train.epochs": ["model.train.steps=auto"],
          "model.train.samples": ["model.train.steps=auto"]}
# words that say what "auto" stands for in the setting; guidance whose strength is none as yet; n_real of
# loops without real rows, so that a sweep over families may give it
SAME = {("loop.real", "fresh"), ("loop.real", "none"), ("loop.real", "fixed"), ("model.law", "gauss"),
        ("model.sampler.grid", "schedule"), ("model.noise.kind", "lognormal"), ("select.score", "loss"),
        *(("model.guide.kind", word) for word in ("cfg", "auto", "negative"))}


def settings_of(section, plugin):
    base = ALONE
    if section == "loop":
        base = [] if plugin == "fully_synthetic" else ["loop.n_real=12"]
    return [[*base, f"{section}.{KINDS[section]}={plugin}", *setting]
            for setting in SETTINGS.get(f"{section}.{plugin}", SETTINGS.get(section))]


def number_beside(text, least, most, whole):
    x = float(text) if re.fullmatch(r"[-+.e\d]+", str(text)) else None
    for y in ([0.5 * x, 2 * x] if x else []) + [0.5 * (least + min(most, least + 1)), least + 1, most]:
        y = int(y) if whole else y
        if least <= y <= most and y != x:
            return f"{y:g}"
    raise AssertionError(f"no number but {text}")


def values_of(row):
    """Other values than the default: every other word, another number."""
    allowed, default = row["allowed"], row["default"]
    if row["key"] in VALUES:
        return VALUES[row["key"]]
    bounds = re.search(r"from (\S+) to ([^\s,)]+)", allowed)
    least, most = map(float, bounds.groups()) if bounds else (0, 0)
    whole = "whole" in allowed or least >= 1
    if row["kind"] in ("int", "real", "schedule"):
        return [number_beside(default, least, most, whole)]
    found = []
    for word in allowed.split(" (arguments")[0].split(" | "):
        if word.startswith("a "):
            found.append(number_beside(default, least, most, whole))
        elif "(" in word:
            name = word.split("(")[0]
            inside = re.fullmatch(rf"{name}\((.*)\)", str(default))
            x = number_beside(inside[1] if inside else None, least, most, "(K" in word or whole)
            found.append(f"{name}({x})")
        elif word != default and (row["key"], word) not in SAME:
            found.append(word)
    return found


def run(folder, setting):
    _, error = madloop("run", folder.parent / "empty.yaml", *START, *setting, "-o", folder,
                       "--progress", "none", "--threads", 1, code=None)
    return error or contents(folder)


def check(work, i, setting, key, value):
    """What is wrong with a key set to a value, or None."""
    left = run(work / f"{i}", [*setting, f"{key}={value}"])
    if isinstance(left, str):
        return None if key in left else f"{key}={value} of {setting}: {left.strip()}"
    return f"{key}={value} is idle in {setting}" if left == bases[tuple(setting)] else None


def jobs_of(rows):
    """(setting, key, value) of every change; keys that models share are changed in the first of them."""
    for row in rows:
        section = row["key"].split(".")[0]
        plugins = [p for p in row["plugins"].split(", ") if p and p not in LEFT_OUT]
        if section not in KINDS:
            continue
        for plugin in plugins[:1] if section == "model" else plugins:
            for n, setting in enumerate(settings_of(section, plugin)):
                beside = [more for key, more in BESIDE.items() if key in row["key"]]
                for value in values_of(row):
                    is_set = f"{row['key']}={value}" in setting
                    again = n > 0 and row["key"] == "select.reward.kind"
                    unread = row["key"] == "loop.n_real" and plugin == "fully_synthetic"
                    if not is_set and not again and not unread:
                        yield setting, row["key"], value
                        yield from (([*setting, *more], row["key"], value) for more in beside)


with workspace() as work:
    work = pathlib.Path(work)
    (work / "empty.yaml").write_text("name: idle\n")
    jobs = list(jobs_of(json.loads(madloop("keys", "--json")[0])))
    bases = {tuple(setting): None for setting, _, _ in jobs}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        left = pool.map(lambda kv: run(work / f"base-{kv[0]}", list(kv[1])), enumerate(bases))
        bases = dict(zip(bases, left))
        broken = [f"{setting}: {text}" for setting, text in bases.items() if isinstance(text, str)]
        assert not broken, "\n".join(broken)
        wrong = [w for w in pool.map(lambda ij: check(work, ij[0], *ij[1]), enumerate(jobs)) if w]
    assert not wrong, f"{len(wrong)} of {len(jobs)}\n" + "\n".join(wrong)
    print(f"{len(jobs)} changes of keys in {len(bases)} settings: none is idle")
