"""`madloop sample`: the stored preview again bit for bit, classes, formats, samplers."""
import pathlib
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

RUNS = {
    "gauss": ("{kind: gauss, dim: 3}", "{kind: gauss}"),
    "mixture": ("{kind: ring}", "{kind: mixture, components: 4}"),
    "kde": ("{kind: ring}", "{kind: kde}"),
    "zipf": ("{kind: zipf}", "{kind: categorical}"),
    "linear": ("{kind: regression, features: 3}", "{kind: linear, design: reused}"),
    "exact": ("{kind: ring}", "{kind: exact, sampler: {kind: heun}}"),
    "diffusion": ("{kind: ring}", "{kind: diffusion, net: {width: 32, depth: 2}, "
                                  "train: {steps: 60, batch: 64}, schedule: {steps: 40}}"),
}
CONFIG = """name: {name}
generations: 4
replicates: 3
seed: 12
world: {world}
model: {model}
loop: {{family: fully_synthetic, n_initial: 300, n_synthetic: 300}}
measure: {{n: 280, preview: 270, metrics: auto}}
"""


def unpack_png(path):
    """An 8-bit PNG as an array."""
    data, at, parts = path.read_bytes(), 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
            assert depth == 8
        elif kind == b"IDAT":
            parts += data[at + 8:at + 8 + n]
        at += 12 + n
    step = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(parts), np.uint8).reshape(height, -1)
    out = np.zeros((height + 1, width * step + step), int)
    for y, line in enumerate(rows):
        for x in range(width * step):
            left, up, corner = out[y + 1, x], out[y, x + step], out[y, x]
            p = left + up - corner
            near = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))
            guess = (0, left, up, (left + up) // 2, near[2])[line[0]]
            out[y + 1, x + step] = (line[1 + x] + guess) % 256
    return out[1:, step:].reshape(height, width, step)


def draw(run, file, *arguments):
    out, _ = madloop("sample", run, "-o", file, "--force", *arguments)
    assert out.splitlines()[0] == str(file), out
    labels = file.with_name(f"{file.stem}-labels{file.suffix}")
    rows = np.load(file) if file.suffix == ".npy" else None
    return rows, np.load(labels) if file.suffix == ".npy" and labels.exists() else None


def check_preview(work):
    for name, (world, model) in RUNS.items():
        (work / "c.yaml").write_text(CONFIG.format(name=name, world=world, model=model))
        run = work / name
        madloop("run", work / "c.yaml", "-o", run, "--progress", "none")
        for generation in (1, 3, 4):
            with h5py.File(run / f"gen-{generation:04d}.h5") as gen:
                samples = gen["samples"][:]
                labels = gen["labels"][:] if "labels" in gen else None
            for r in (0, 2):
                rows, got = draw(run, work / f"{name}.npy", "-g", generation, "-r", r, "-n", 270,
                                 "-t", 1 + r)
                assert rows.tobytes() == samples[r].tobytes(), (name, generation, r)
                assert (got is None) == (labels is None), name
                assert got is None or (got == labels[r]).all(), (name, generation, r)
        newest, _ = draw(run, work / f"{name}.npy", "-r", 2, "-n", 270)
        assert newest.tobytes() == samples[2].tobytes()
        other, _ = draw(run, work / f"{name}.npy", "-r", 2, "-n", 270, "--seed", 13)
        assert other.tobytes() != samples[2].tobytes()
        one, _ = draw(run, work / f"{name}.npy", "-n", 700, "-t", 1)
        five, _ = draw(run, work / f"{name}.npy", "-n", 700, "-t", 5)
        assert one.tobytes() == five.tobytes() and len(one) == 700, name


def check_classes(work):
    for name in ("kde", "exact", "diffusion"):
        run = work / name
        for label in (0, 5):
            rows, labels = draw(run, work / "c.npy", "-n", 300, "-g", 1, "--class", label)
            assert (labels == label).all() and len(rows) == 300
            turn = (rows[:, 0] + 1j * rows[:, 1]).mean() * np.exp(-2j * np.pi * label / 8)
            assert name == "diffusion" or abs(np.angle(turn)) < np.pi / 8, label  # of its own mode
        rows, labels = draw(run, work / "c.npy", "-n", 100, "--class", "all", "-t", 1)
        again, _ = draw(run, work / "c.npy", "-n", 100, "--class", "all", "-t", 5)
        assert rows.tobytes() == again.tobytes()
        assert (np.diff(labels) >= 0).all() and set(np.bincount(labels)) == {12, 13}, labels


def check_lost_class(work):
    """A class that the loop has lost: said, and nothing written."""
    for name in ("kde", "exact"):
        config = CONFIG.format(name="lost", world=RUNS[name][0], model=RUNS[name][1])
        config = config.replace("n_synthetic: 300", "n_synthetic: 3").replace("auto", "[recall]")
        (work / "c.yaml").write_text(config.replace("replicates: 3", "replicates: 1"))
        madloop("run", work / "c.yaml", "-o", work / f"lost-{name}", "--progress", "none")
        draw(work / f"lost-{name}", work / "c.npy", "-n", 300)
        alive = set(np.load(work / "c-labels.npy"))
        lost = min(set(range(8)) - alive)
        message = madloop("sample", work / f"lost-{name}", "-n", 9, "--class", lost, "-o",
                          work / "gone.npy", code=1)[1]
        assert "died out" in message and not (work / "gone.npy").exists(), message


def check_formats(work):
    run = work / "kde"
    rows, labels = draw(run, work / "f.npy", "-n", 50)
    draw(run, work / "f.csv", "-n", 50)
    table = np.genfromtxt(work / "f.csv", delimiter=",", names=True)
    assert table.dtype.names == ("x0", "x1", "label")
    assert (table["x0"] == rows[:, 0]).all() and (table["label"] == labels).all()
    draw(run, work / "f.idx", "-n", 50)
    data = (work / "f.idx").read_bytes()
    assert data[:12] == struct.pack(">HBBII", 0, 0x0E, 2, 50, 2), data[:12]
    assert (np.frombuffer(data[12:], ">f8").reshape(50, 2) == rows).all()
    assert (np.frombuffer((work / "f-labels.idx").read_bytes()[8:], ">i4") == labels).all()
    draw(run, work / "f.npz", "-n", 50)
    with np.load(work / "f.npz") as archive:
        assert (archive["x"] == rows).all() and (archive["label"] == labels).all()
    for file in ("f.npy", "f.idx", "f.npz:x"):  # our own readers agree
        assert "50 x 2" in madloop("info", work / file)[0]
    assert "50 rows" in madloop("metrics", work / "f.npz:x", work / "f.npy", "--labels",
                                f"{work / 'f.npz'}:label,{work / 'f-labels.npy'}")[0]
    assert not [p for p in work.iterdir() if p.name.startswith(".")]


def check_sheet(work):
    rng = np.random.default_rng(2)
    np.save(work / "p.npy", rng.integers(0, 256, (200, 4, 6)).astype(np.uint8))
    np.save(work / "l.npy", np.arange(200) % 3)
    (work / "c.yaml").write_text(CONFIG.format(
        name="sheet", world="{kind: npy, path: p.npy, labels: l.npy, range: minmax}",
        model="{kind: kde, bandwidth: 1e-9}").replace("300", "100").replace("280", "60"))
    madloop("run", work / "c.yaml", "-o", work / "sheet", "--progress", "none")
    rows, labels = draw(work / "sheet", work / "s.npy", "-n", 30, "--class", "all")
    draw(work / "sheet", work / "s.png", "-n", 30, "--class", "all")
    picture = unpack_png(work / "s.png")
    scale = 5  # 6 pixels become at least 28 dots
    assert picture.shape == (3 * (4 * scale + 1) - 1, 10 * (6 * scale + 1) - 1, 1), picture.shape
    for i in range(30):
        top, left = labels[i] * (4 * scale + 1), i % 10 * (6 * scale + 1)
        tile = picture[top:top + 4 * scale:scale, left:left + 6 * scale:scale, 0]
        want = np.floor(np.clip((rows[i].reshape(4, 6) + 1) / 2, 0, 1) * 255 + 0.5)
        assert (tile == want).all(), i
        assert (picture[top + scale - 1, left + scale - 1, 0] == want[0, 0]).all()
    madloop("sample", work / "sheet", "-n", 30, "--class", "all", "-o", f"{work / 'pictures'}/")
    files = sorted((work / "pictures").glob("*/*.png"))
    assert len(files) == 30 and [int(f.parent.name) for f in files] == sorted(labels)
    for file in files:
        i = int(file.stem)
        want = np.floor(np.clip((rows[i].reshape(4, 6) + 1) / 2, 0, 1) * 255 + 0.5)
        assert labels[i] == int(file.parent.name) and (unpack_png(file)[..., 0] == want).all(), i
    info = madloop("info", work / "pictures")[0]
    assert "30 x 4 x 6 x 1" in info, info
    message = madloop("sample", work / "sheet", "-n", 3, "-o", f"{work / 'pictures'}/", code=3)[1]
    assert "pictures go into a new folder" in message, message
    draw(work / "sheet", work / "s.png", "-n", 5, "--class", 1)
    assert unpack_png(work / "s.png").shape[1] == 3 * (6 * scale + 1) - 1  # as square as can be


def check_samplers(work):
    run = work / "diffusion"
    base, _ = draw(run, work / "d.npy", "-n", 300)
    quick, _ = draw(run, work / "d.npy", "-n", 300, "model.sampler.kind=ddim",
                    "model.sampler.steps=5")
    same, _ = draw(run, work / "d.npy", "-n", 300, "model.sampler.kind=ancestral")
    assert base.tobytes() == same.tobytes() and base.tobytes() != quick.tobytes()
    assert np.isfinite(quick).all()


def check_kept(work):
    (work / "c.yaml").write_text(CONFIG.format(name="kept", world=RUNS["gauss"][0],
                                               model=RUNS["gauss"][1]))
    madloop("run", work / "c.yaml", "-o", work / "kept", "generations=11", "checkpoint.every=4")
    for generation in (4, 8, 11):
        draw(work / "kept", work / "k.npy", "-n", 9, "-g", generation)
    message = madloop("sample", work / "kept", "-n", 9, "-g", 5, "-o", work / "k5.npy", code=2)[1]
    assert "generation 5 was not kept; those that were: 4, 8, 11" in message, message
    madloop("run", work / "c.yaml", "-o", work / "all", "generations=7", "checkpoint.every=5",
            "loop.age=uniform(3)", "loop.family=custom", "loop.real=none", "loop.n_initial=300")
    message = madloop("sample", work / "all", "-n", 9, "-g", 1, "-o", work / "k5.npy", code=2)[1]
    assert "those that were: 3-7" in message, message
    draw(work / "all", work / "k.npy", "-n", 9, "-g", 3)


with workspace() as folder:
    work = pathlib.Path(folder)
    for check in (check_preview, check_classes, check_lost_class, check_formats, check_sheet, check_samplers,
                  check_kept):
        check(work)
    print(f"{len(RUNS)} kinds of models sample again what they stored")
