"""`list`, `keys`, `init`, `info`: what they print is true, complete and usable."""
import gzip
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, workspace
import numpy as np
from runfixture import RECALL, config, write_gen, write_run

# list: every entry named and documented; the text has a line for each
for what in ("worlds", "models", "loops", "biases", "selects", "corrects", "posts", "channels", "metrics",
             "theories"):
    entries = json.loads(madloop("list", what, "--json")[0])
    assert entries and all(e["name"] and e["doc"] for e in entries), what
    lines = madloop("list", what)[0].splitlines()
    assert [line.split()[0] for line in lines] == [e["name"] for e in entries], what
names = {what: {e["name"] for e in json.loads(madloop("list", what, "--json")[0])}
         for what in ("worlds", "models", "loops", "metrics", "theories")}
assert {"gauss", "ring", "zipf"} <= names["worlds"] and "diffusion" in names["models"]
assert all(e["metric"] in names["metrics"]
           for e in json.loads(madloop("list", "theories", "--json")[0]))
assert "did you mean 'loops'" in madloop("list", "loop", code=2)[1]

# keys: the table has a row for every key, and a prefix picks
rows = json.loads(madloop("keys", "--json")[0])
keys = {row["key"] for row in rows}
assert {"seed", "world.kind", "model.kind", "loop.family", "loop.n_real", "bias.kind",
        "measure.metrics", "generations"} <= keys
assert all(row["doc"] and row["allowed"] and row["kind"] for row in rows)
family = next(row for row in rows if row["key"] == "loop.family")
assert set(family["allowed"].split(" | ")) == names["loops"], family
picked = json.loads(madloop("keys", "loop.n_", "--json")[0])
assert {row["key"] for row in picked} == {k for k in keys if k.startswith("loop.n_")}
text = madloop("keys", "loop.n_real")[0]
assert "[rows]" in text and "default" in text, text
assert "did you mean 'loop.n_real'" in madloop("keys", "loop.n_rael", code=2)[1]

with workspace() as work:
    work = pathlib.Path(work)
    # init: every kind named by --help loads and is a valid experiment; defaults stay comments
    notes = madloop("init", "--help")[0].split("Kinds:\n")[1]
    kinds = [line.split()[0] for line in notes.splitlines() if line.startswith("  ")]
    assert {"gauss", "diffusion", "digits"} <= set(kinds), kinds
    for kind in kinds:
        text = madloop("init", kind)[0]
        (work / f"{kind}.yaml").write_text(text)
        assert "# seed: 1 " in text and "\nname: " + kind in text, text
        if kind != "digits":  # its data file need not be here
            madloop("run", work / f"{kind}.yaml", "--dry-run", "--smoke")
    # the commented defaults are the defaults: taking every '#' away changes nothing
    lines = (work / "gauss.yaml").read_text().splitlines()[3:]
    full = "\n".join(line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line
                     for line in lines)
    (work / "full.yaml").write_text(full)
    resolved = [[line for line in
                 madloop("run", work / name, "--dry-run", "--smoke")[0].splitlines()
                 if not line.startswith("#")] for name in ("gauss.yaml", "full.yaml")]
    assert resolved[0] == resolved[1] and len(resolved[0]) > 20
    madloop("init", "gauss", "loop.n_real=7", "loop.family=fresh", "-o", work / "new.yaml")
    assert "\n  n_real: 7 " in (work / "new.yaml").read_text()
    before = (work / "new.yaml").read_bytes()
    madloop("init", "kde", "-o", work / "new.yaml", code=3)  # never overwrites
    assert (work / "new.yaml").read_bytes() == before
    assert "did you mean 'gauss'" in madloop("init", "gaus", code=2)[1]
    madloop("init", "gauss", "world.dim=x", code=2)

    # info: data files, plain and gzip
    x = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    idx = struct.pack(">BBBB3I", 0, 0, 8, 3, 4, 3, 2) + x.tobytes()
    (work / "x-idx3-ubyte").write_bytes(idx)
    (work / "x.gz").write_bytes(gzip.compress(idx))
    np.save(work / "x.npy", np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2))
    np.save(work / "labels.npy", np.array([0, 1, 1, 4]))
    (work / "x.csv").write_text("a,b,class\n0.5,1,0\n-2,3,1\n1,1,1\n")
    for name in ("x-idx3-ubyte", "x.gz"):
        info = json.loads(madloop("info", work / name, "--json")[0])
        assert (info["kind"], info["type"], info["shape"]) == ("idx", "uint8", [4, 3, 2]), info
        assert (info["min"], info["max"], info["mean"]) == (0, 23, 11.5), info
    info = json.loads(madloop("info", work / "x.npy", "--json")[0])
    assert info["type"] == "float32" and info["shape"] == [6, 2] and info["min"] == -1, info
    with h5py.File(work / "d.h5", "w") as file:
        file["x"], file["g/y"] = np.zeros((3, 2)), np.arange(4)
    info = json.loads(madloop("info", work / "d.h5", "--json")[0])
    assert info["datasets"] == {"g/y": [4], "x": [3, 2]}, info
    info = json.loads(madloop("info", f"{work / 'd.h5'}:/g/y[1:3]", "--json")[0])
    assert info["shape"] == [2] and info["classes"] == {"1": 1, "2": 1}, info
    info = json.loads(madloop("info", work / "labels.npy", "--json")[0])
    assert info["classes"] == {"0": 1, "1": 2, "4": 1}, info
    info = json.loads(madloop("info", work / "x.csv", "--json")[0])
    assert info["shape"] == [3, 3] and info["bad rows"] == 0, info
    assert info["columns"]["class"]["classes"] == {"0": 1, "1": 2}, info

    # info: runs and their files
    write_run(work / "run", config("fresh"), {"recall": (np.full((2, 5), 0.5), RECALL)}, n_done=3)
    write_gen(work / "run", 3, np.ones((2, 7, 2)))
    for path in (work / "run", work / "run" / "run.h5"):
        info = json.loads(madloop("info", path, "--json")[0])
        assert (info["n_done"], info["n_generations"], info["n_replicates"]) == (3, 5, 2), info
        assert info["attributes"]["config"] == config("fresh")
        assert info["series"]["/metrics/recall"]["shape"] == [2, 5]
        assert info["n_generation_files"] == 1
    info = json.loads(madloop("info", work / "run" / "gen-0003.h5", "--json")[0])
    assert info["samples"]["shape"] == [2, 7, 2] and info["labels"] is False, info
    assert "family: fresh" in madloop("info", work / "run")[0]

    # info: bad input, one line each
    (work / "cut").write_bytes(idx[:-3])
    (work / "words.txt").write_text("to be\nor not\n")
    (work / "other.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    (work / "empty").write_bytes(b"")
    for name in ("cut", "words.txt", "other.h5", "empty", "missing", "."):
        _, err = madloop("info", work / name, code=3)
        assert len(err.splitlines()) == 1, err
    madloop("info", code=2)
    madloop("info", work, work, code=2)
print("list, keys, init, info: as promised")
