"""Every file of configs/ loads and runs in its --smoke form, every verb explains itself, and the
lists know every plug-in that is built in."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import h5py
import numpy as np

from harness import ROOT, madloop, workspace

os.environ.setdefault("MADLOOP_DATA", str((ROOT / ".." / "shared" / "data").resolve()))

# What the product promises of the verbs' options; a verb may have more.
OPTIONS = {"run": "dry-run smoke threads model-cache max-hours progress force out",
           "resume": "jobs threads model-cache max-hours progress",
           "sweep": "out jobs shard list smoke yes threads model-cache max-hours progress",
           "map": "boundary alpha looks out smoke json jobs threads model-cache max-hours progress",
           "collect": "", "worker": "model-cache",
           "status": "json", "plot": "out format map contour x y json", "table": "format json", "theory": "json",
           "sample": "generation rows out replicate class seed force", "audit": "seconds json strict",
           "metrics": "only labels train test features centres sigma weights bootstrap seed json threads "
                      "k rule directions ct-cell-rows fld-rows c2st-columns c2st-k tail-quantile "
                      "dimension-k entropy-k",
           "features": "out rows test-rows epochs batch lr threads force",
           "reproduce": "list all budget out smoke json threads",
           "profile": "factor share rare p event event-share feature window alpha json",
           "admissible": "n-real dim bias memory real-weight target n-effective n-synthetic share leak tpr fpr "
                         "calibrate metric within generation confidence keep most step looks model-cache json threads",
           "policy": "damage lever hold floor most cost horizon confidence json format out",
           "decompose": "measure linear large out smoke json threads",
           "verify": "json", "list": "json", "keys": "json", "init": "out", "info": "json"}


def builtin(prefix):
    """The names that sim/cli/lists.h lists as X(mad_PREFIX_NAME)."""
    text = (ROOT / "sim/cli/lists.h").read_text()
    return set(re.findall(rf"X\(mad_{prefix}_(\w+)\)", text))


def check_help():
    overview, _ = madloop("--help")
    rows = {line.split()[0]: line for line in overview.splitlines() if line.startswith("  ")}
    assert rows.keys() == builtin("command") == OPTIONS.keys(), rows
    shown = ""
    for verb, row in rows.items():
        text, error = madloop(verb, "--help")
        assert madloop(verb, "-h") == (text, "") and not error, verb
        usage, _, doc = text.split("\n\n")[0].partition("\n")
        assert usage.startswith(f"Usage: madloop {verb} "), text
        assert row.endswith(" " + " ".join(doc.split())), f"{row}\nis not\n{doc}"
        missing = [name for name in OPTIONS[verb].split() if f"--{name}" not in text]
        assert not missing, f"{verb}: --help does not show {missing}"
        shown += text
    # the tables in the sources hold no option that no help shows
    n_options = 0
    for path in [*ROOT.glob("sim/cli/*.c"), ROOT / "sim/cli/execute.h",
                 *ROOT.glob("analysis/*/*.c")]:
        text = path.read_text()
        if "mad_option" in text:
            for name in re.findall(r'\{\s*"([a-z-]+)",\s*(?:\'\w\'|0),\s*(?:NULL|")', text):
                assert f"--{name}" in shown, f"{path}: --{name} is in no help"
                n_options += 1
    assert n_options >= 15, n_options
    print(f"{len(rows)} verbs explain themselves, with {n_options} options")


def check_lists():
    keys = {row["key"]: row for row in json.loads(madloop("keys", "--json")[0])}
    for what, prefix, selector in (("worlds", "world", "world.kind"),
                                   ("models", "model", "model.kind"),
                                   ("loops", "loop", "loop.family"),
                                   ("biases", "bias", "bias.kind"),
                                   ("selects", "select", "select.kind"),
                                   ("corrects", "correct", "correct.kind"),
                                   ("posts", "post", "post.kind"),
                                   ("channels", "channel", "channel.kind")):
        listed = {entry["name"] for entry in json.loads(madloop("list", what, "--json")[0])}
        assert listed == builtin(prefix), f"{what}: {listed ^ builtin(prefix)}"
        assert set(keys[selector]["allowed"].split(" | ")) - {"none"} == listed, keys[selector]
    groups = {entry["group"] for entry in json.loads(madloop("list", "metrics", "--json")[0])}
    assert len(groups) == len(builtin("metric")), groups ^ builtin("metric")
    theories = json.loads(madloop("list", "theories", "--json")[0])
    assert len(theories) == len(builtin("theory")), theories
    print(f"{len(keys)} keys; the lists are complete")


def check_run(folder):
    """A smoke run that is done and measured something; its model's name."""
    with h5py.File(folder / "run.h5") as run:
        n_done = int(run.attrs["n_done"])
        assert n_done == run["generation"].size <= 3 and run["replicate"].size <= 2, folder
        measured = [name for name, values in run["metrics"].items() if np.isfinite(values).all()]
        assert measured, f"{folder}: no measure is finite throughout"
        assert np.isfinite(run["lineage/real_share"][:]).all()
    model = (folder / "config.yaml").read_text().split("\nmodel:\n  kind: ")[1]
    return model.splitlines()[0]


def check_config(path, work):
    """The models of its smoke runs; none when its data are not here."""
    out, error = madloop("theory", path, "--json", code=None)
    if "there is no data file" in error:
        print(f"{path.name}: left out, {error.strip().removeprefix('madloop: ')}")
        return set()
    assert json.loads(out), f"{path}: {error}"
    text = path.read_text()
    text += "".join((path.parent / name).read_text()
                    for name in re.findall(r"^include: (\S+)", text, re.M))
    verb = "sweep" if re.search(r"^sweep:", text, re.M) else "run"
    folder = work / path.stem
    madloop(verb, path, "--smoke", "-o", folder)
    states = json.loads(madloop("status", folder, "--json")[0])
    assert all(state["state"] == "done" for state in states), states
    assert len(states) > 1 or verb == "run"
    print(f"{path.name}: {verb} --smoke, {len(states)} done")
    return {check_run(pathlib.Path(state["dir"])) for state in states}


check_help()
check_lists()
with workspace() as work:
    work = pathlib.Path(work)
    paths = sorted((ROOT / "configs").glob("*.yaml"))
    models = set().union(*(check_config(path, work) for path in paths))
    assert len(paths) >= 8
    assert models == builtin("model"), f"no configuration for {builtin('model') - models}"
