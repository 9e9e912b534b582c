"""`madloop features`: what is trained classifies, is the same for any number of threads, maps rows as
numpy computes it from the stored file, and refuses what it cannot read."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import data_root, h5py, madloop, np, skip, workspace

try:
    from scipy.linalg import sqrtm
except ImportError as error:
    skip(f"needs scipy: {error}")

CONFIG = """
seed: 3
replicates: 1
generations: 1
world: {world}
model: {{kind: gauss}}
loop: {{family: fully_synthetic, n_initial: 300, n_synthetic: 300}}
measure: {{n: 300, preview: 0, metrics: [frechet, precision]}}
"""


def write(path, world):
    path.write_text(CONFIG.format(world=world))
    return path


def train(config, out, *arguments):
    """Accuracy and the name of the space, as printed."""
    accuracy, name = madloop("features", config, "-o", out, *arguments)[0].splitlines()
    return float(accuracy.split()[2]), name.split()[1]


def refused(message, *arguments, code=2):
    out, error = madloop(*arguments, code=code)
    assert out == "" and error.count("\n") == 1 and message in error, error


# ---- what the file says, by numpy ------------------------------------------------------------------

def conv_pool(x, weight, bias):
    """x [n][h][w][c]; weight [o][c][5][5]. Padding 2, rectifier, 2x2 maxima without an odd rest."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0))),
                                                       (5, 5), axis=(1, 2))
    y = np.einsum("nhwcij,ocij->nhwo", windows, weight, optimize=True) + bias
    n, h, w, c = y.shape
    y = y[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    return np.maximum(y, 0)


def features(path, rows):
    """Features and logits of rows."""
    with h5py.File(path) as file:
        shape = [int(file.attrs[name]) for name in ("height", "width", "channels")]
        w = {name: array[()].astype(float) for name, array in file["weights"].items()}
        x = (rows.reshape(len(rows), *shape) - file.attrs["pixel_mean"]) / file.attrs["pixel_sd"]
    x = conv_pool(x, w["conv1.weight"], w["conv1.bias"])
    x = conv_pool(x, w["conv2.weight"], w["conv2.bias"])
    x = np.einsum("nhwc,ochw->no", x, w["dense1.weight"]) + w["dense1.bias"]
    x = np.maximum(x, 0) @ w["dense2.weight"].T + w["dense2.bias"]
    x = np.maximum(x, 0)
    return x, x @ w["dense3.weight"].T + w["dense3.bias"]


def hash_of(file):
    """FNV-1a of names and data, then of the numbers."""
    data = b"".join(name.encode() + array[()].tobytes()
                    for name, array in sorted(file["weights"].items()))
    names = "height", "width", "channels", "pixel_mean", "pixel_sd"
    found = 0xcbf29ce484222325
    for byte in data + np.array([file.attrs[name] for name in names]).tobytes():
        found = (found ^ byte) * 0x100000001b3 % 2 ** 64
    return f"{found:016x}"


def frechet(x, y):
    s, t = np.cov(x.T), np.cov(y.T)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))


def check_hash(path):
    with h5py.File(path) as file:
        assert file.attrs["hash"].decode() == hash_of(file)


def check_forward(path, rows, folder):
    """What measures see in the space is what numpy makes of the file: two sides of many rows, then
    sides that share all rows but one, whose means differ by a ninth of two rows' difference. Kernels
    take turns."""
    half = len(rows) // 2
    x, _ = features(path, rows)
    sides = [(rows[:half], rows[half:], "frechet", frechet(x[:half], x[half:])),
             (rows[:half], rows[half:], "trace", np.trace(np.cov(x[half:].T)))]
    sides += [(rows[[*range(10, 18), i]], rows[[*range(10, 18), half + i]], "mean_error",
               np.linalg.norm(x[i] - x[half + i]) / 9) for i in range(5)]
    for i, (real, fake, measure, want) in enumerate(sides):
        np.save(folder / "real.npy", real)
        np.save(folder / "fake.npy", fake)
        isa = {"MADLOOP_ISA": ("", "reference", "plain")[i % 3]}
        answer = json.loads(madloop("metrics", folder / "real.npy", folder / "fake.npy", "--features",
                                    f"net:{path}", "--only", measure, "--json",
                                    env={**os.environ, **isa})[0])
        row = answer["metrics"][measure]
        np.testing.assert_allclose(row["value"], want, rtol=1e-5)
        with h5py.File(path) as file:
            short = file.attrs["hash"].decode()[:8]
        assert row["features"] == answer["features"] == f"net:{path}#{short}"


# ---- worlds ----------------------------------------------------------------------------------------

def bars(rng, n, side=8):
    """Pictures of known class: row or column k is bright, noise elsewhere."""
    label = np.arange(n) % (2 * side)
    x = 0.3 * rng.normal(size=(n, side, side))
    for row, k in zip(x, label):
        row[(k, slice(None)) if k < side else (slice(None), k - side)] += 1
    return x, label.astype(np.int32)


def check_bars(folder):
    """Known classes are learnt; with labels dealt at random (the sabotaged twin) nothing is: of 600
    test rows in 16 classes 37.5 are right by chance, more than 80 with probability 1e-10."""
    rng = np.random.default_rng(8)
    x, label = bars(rng, 3000)
    np.save(folder / "bars.npy", x)
    np.save(folder / "true.npy", label)
    np.save(folder / "dealt.npy", rng.permutation(label))
    for labels, least, most in (("true", 0.97, 1.0), ("dealt", 0.0, 80 / 600)):
        config = write(folder / f"{labels}.yaml", f"{{kind: npy, path: bars.npy, reference: 0.2, "
                                                  f"labels: {labels}.npy, height: 8, width: 8}}")
        accuracy, _ = train(config, folder / f"{labels}.h5", "--epochs", 8)
        assert least <= accuracy <= most, (labels, accuracy)
    x, label = bars(rng, 600)
    x = x.reshape(600, -1)
    _, logits = features(folder / "true.h5", x)
    assert np.mean(logits.argmax(1) == label) > 0.97
    check_hash(folder / "true.h5")
    check_forward(folder / "true.h5", x, folder)
    print("bars: learnt, and not with dealt labels; features as numpy computes them")


def check_glyphs(folder):
    """A law of closed truth; any number of threads gives the same file, byte for byte."""
    config = write(folder / "glyph.yaml", "{kind: glyph, size: 12}")
    found = []
    for n_threads in (1, 2, 3, 5):
        out = folder / f"glyph{n_threads}.h5"
        found.append(train(config, out, "-n", 3000, "--test-rows", 2000, "--epochs", 6,
                           "-t", n_threads))
        assert out.read_bytes() == (folder / "glyph1.h5").read_bytes(), n_threads
    assert found[0][0] > 0.97, found
    other, _ = train(config, folder / "seed.h5", "-n", 500, "--test-rows", 500, "--epochs", 1, "seed=4")
    with h5py.File(folder / "seed.h5") as file:
        assert file.attrs["seed"] == 4 and file.attrs["n_train"] == 500 and file.attrs["epochs"] == 1
        assert abs(file.attrs["test_accuracy"] - other) < 1e-4
    told = json.loads(madloop("info", folder / "glyph1.h5", "--json")[0])
    assert told["kind"] == "features" and told["arrays"]["conv2.weight"] == [16, 6, 5, 5]
    print(f"glyphs: {100 * found[0][0]:.1f} % right, the same file for 1, 2, 3 and 5 threads")


def check_run(folder):
    """A run in the space: named with its hash beside every value; it goes on with this file only."""
    config, space, run = folder / "glyph.yaml", folder / "glyph1.h5", folder / "run"
    keys = (f"measure.features=net:{space.name}", "generations=2")
    madloop("run", config, *keys, "-o", run)
    with h5py.File(run / "run.h5") as file, h5py.File(space) as trained:
        text = trained.attrs["hash"].decode()
        assert file.attrs["features_hash"].decode() == text
        for name in ("metrics/frechet", "metrics/precision", "floor/frechet"):
            assert file[name].attrs["features"].decode() == f"net:{space.name}#{text[:8]}", name
            assert np.all(np.isfinite(file[name][()])), name
        done = file["metrics/frechet"][()]
    refused("the file has hash", "run", config, f"measure.features=net:{space.name}#01234567",
            "-o", folder / "no")
    madloop("run", config, f"measure.features=net:{space.name}#{text[:12]}", "generations=2", "-o",
            run, "--force")
    with h5py.File(run / "run.h5") as file:
        assert np.array_equal(file["metrics/frechet"][()], done)
    madloop("run", config, *keys, "generations=3", "--max-hours", 1e-6, "-o", run, "--force", code=None)
    kept = space.read_bytes()
    space.write_bytes((folder / "seed.h5").read_bytes())
    with h5py.File(run / "run.h5") as file:
        assert file.attrs["n_done"] < 3
    refused("the file of measure.features is not what this run began with", "resume", run)
    space.write_bytes(kept)
    madloop("resume", run)
    with h5py.File(run / "run.h5") as file:
        assert file.attrs["n_done"] == 3 and np.array_equal(file["metrics/frechet"][:, :2], done)
    print("run: the space and its hash stand beside the values; another file is refused")


def check_refused(folder):
    config, space = folder / "glyph.yaml", folder / "glyph1.h5"
    out = folder / "none.h5"
    gauss = write(folder / "gauss.yaml", "{kind: gauss, dim: 64}")
    refused("rows of world 'gauss' are no pictures", "features", gauss, "-o", out)
    refused("carry no labels", "features", write(folder / "grf.yaml", "{kind: grf, size: 8}"),
            "-o", out)
    refused("-o FILE is missing", "features", config)
    refused("'epochs'", "features", config, "-o", out, "--epochs", 0)
    refused("exists; --force replaces it", "features", config, "-o", space, code=3)
    rows = np.random.default_rng(1).normal(size=(50, 144))
    np.save(folder / "x.npy", rows)
    np.save(folder / "wide.npy", rows[:, :100])

    def metrics_refused(message, path, rows="x.npy", code=2):
        refused(message, "metrics", folder / rows, folder / rows, "--features", f"net:{path}",
                code=code)

    metrics_refused("= 144 numbers, rows have 100", space, "wide.npy", code=3)
    metrics_refused("not the same pictures in the same units", space, code=3)
    metrics_refused("expected net:FILE", "")
    metrics_refused("there is no data file", folder / "missing.h5", code=3)
    metrics_refused("not an HDF5 file", folder / "x.npy", code=3)
    metrics_refused("'features' is missing", folder / "run" / "run.h5", code=3)
    refused("read pictures of 12 x 12 x 1, these are 16 x 16 x 1", "run", config, "world.size=16",
            f"measure.features=net:{space}", "-o", folder / "no", code=3)

    # damage: cut off, a byte of the weights, a weight written anew, an array gone
    whole = space.read_bytes()
    bad = folder / "bad.h5"
    bad.write_bytes(whole[:len(whole) // 2])
    metrics_refused("bad.h5", bad, code=3)
    with h5py.File(space) as file:
        needle = file["weights/dense2.weight"][0].tobytes()
    at = whole.index(needle)
    bad.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    metrics_refused("cannot read dense2.weight", bad, code=3)
    bad.write_bytes(whole)
    with h5py.File(bad, "r+") as file:
        file["weights/dense2.weight"][0, 0] += 1
    metrics_refused("was changed after it was written", bad, code=3)
    bad.write_bytes(whole)
    with h5py.File(bad, "r+") as file:
        del file["weights/conv2.bias"]
        file.attrs["hash"] = np.bytes_(hash_of(file))
    metrics_refused("array 'conv2.bias' is missing", bad, code=3)
    assert not out.exists()
    print("refused, each with one message: worlds, files, hashes, shapes, units")


def check_digits(folder):
    digits = data_root() / "digits"
    config = write(folder / "digits.yaml",
                   f"{{kind: idx, images: {digits}/digits8x8-images-idx3-ubyte.gz, "
                   f"labels: {digits}/digits8x8-labels-idx1-ubyte.gz, reference: 0.3}}")
    accuracy, _ = train(config, folder / "digits.h5", "--epochs", 60, "--batch", 32)
    assert accuracy > 0.95, accuracy  # 97.4 % with a binomial sd of 0.7 % over 539 rows
    print(f"digits: {100 * accuracy:.1f} % right")


with workspace() as work:
    work = pathlib.Path(work)
    if sys.argv[1:] == ["digits"]:
        check_digits(work)
    else:
        check_bars(work)
        check_glyphs(work)
        check_run(work)
        check_refused(work)
