"""Pictures of another size, as a run sees them, against numpy: area average and frame, bit for bit."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, workspace

CONFIG = """name: pictures
generations: 1
model: {kind: kde}
loop: {family: fully_synthetic, n_initial: 30, n_synthetic: 0}
measure: {n: 36, preview: 36, metrics: [trace]}
"""


def averaged(x, side):
    """Each pixel repeated `side` times each way: cells of the new size are then whole blocks."""
    n, height, width, channels = x.shape
    blocks = np.repeat(np.repeat(x, side, 1), side, 2)
    return blocks.reshape(n, side, height, side, width, channels).mean((2, 4))


def framed(x, side, black):
    out = np.full((len(x), side, side, x.shape[3]), black)
    top, left = (side - x.shape[1]) // 2, (side - x.shape[2]) // 2
    out[:, top:top + x.shape[1], left:left + x.shape[2]] = x
    return out


def fnv1a(rows):
    """64-bit FNV-1a of float64 rows."""
    bits = 0xcbf29ce484222325
    for byte in rows.tobytes():
        bits = (bits ^ byte) * 0x100000001b3 % 2**64
    return bits


rng = np.random.default_rng(4)
with workspace() as work:
    work = pathlib.Path(work)
    n_checks = 0
    for shape, resize, pad in [((28, 28), 16, 0), ((28, 28), 14, 0), ((28, 28), 28, 32),
                               ((5, 9), 7, 10), ((8, 8), 20, 0), ((32, 32, 3), 12, 15),
                               ((6, 6), 0, 9)]:
        pictures = rng.integers(0, 256, (120, *shape), dtype=np.uint8)
        np.save(work / "pictures.npy", pictures)
        x = pictures.reshape(120, *shape[:2], -1).astype(float)
        x = averaged(x, resize) if resize else x
        for form in ("none", "minmax"):
            run = work / f"run-{n_checks}"
            keys = "" if len(shape) == 3 else f", height: {shape[0]}, width: {shape[1]}"
            (work / "c.yaml").write_text(
                f"{CONFIG}world: {{kind: npy, path: pictures.npy, range: {form}, "
                f"resize: {resize}, pad: {pad}{keys}}}\n")
            madloop("run", work / "c.yaml", "-o", run, "--progress", "none")
            with h5py.File(run / "run.h5") as file, h5py.File(run / "gen-0001.h5") as gen:
                train = file["data/train_rows"][:].astype(int)
                held = file["data/reference_rows"][:].astype(int)
                real = gen["real"][0]
                assert file["data/reference_hash"][0] == fnv1a(real) % 2**53
                sides = file.attrs["height"], file.attrs["width"]
            low, high = x[train].min(), x[train].max()
            want = framed(x, pad, low) if pad else x
            assert sides == want.shape[1:3], (sides, want.shape)
            want = want.reshape(120, -1)
            if form == "minmax":
                want = (want - (low + (high - low) / 2)) * (2 / (high - low))
            rows = {row.tobytes() for row in want[held] + 0.0}
            assert len(real) > 30 and all(row.tobytes() in rows for row in real + 0.0), \
                (shape, resize, pad, form)
            n_checks += 1
    print(f"{n_checks} worlds of pictures equal numpy's bit for bit")
