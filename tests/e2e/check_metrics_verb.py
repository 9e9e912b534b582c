"""`madloop metrics` on data files: values, features, floors, standard errors, bad input."""
import gzip
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import h5py, madloop, np, skip, workspace

try:
    from scipy.linalg import sqrtm
    from scipy.spatial.distance import pdist
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors
except ImportError as error:
    skip(f"needs scipy and scikit-learn: {error}")


def frechet(x, y):
    s, t = np.cov(x.T), np.cov(y.T)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))


def precision(x, y, k):
    radius = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]
    return np.mean([np.any(np.linalg.norm(x - row, axis=1) < radius) for row in y])


def metrics(*arguments):
    text, _ = madloop("metrics", *arguments, "--json")
    answer = json.loads(text)
    return answer, {name: row["value"] for name, row in answer["metrics"].items()}


def refused(message, *arguments, code=2):
    out, error = madloop("metrics", *arguments, code=code)
    assert out == "" and error.count("\n") == 1 and message in error, error


def check_values(folder):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(400, 5)), rng.normal(size=(300, 5)) * 1.2 + 0.3
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savetxt(folder / "x.csv", x, delimiter=",", fmt="%.17g")
    answer, value = metrics(folder / "x.npy", folder / "y.npy")
    assert answer["n_real"] == 400 and answer["n_synthetic"] == 300 and answer["dim"] == 5
    np.testing.assert_allclose(value["frechet"], frechet(x, y), rtol=1e-9)
    np.testing.assert_allclose(value["trace"], np.trace(np.cov(y.T)), rtol=1e-12)
    assert value["precision"] == precision(x, y, 5) and value["recall"] == precision(y, x, 5)
    for row in answer["metrics"].values():
        assert {"definition", "reference", "units", "direction", "features"} <= row.keys()
        assert row["n_real"] == 400 and row["n_synthetic"] == 300

    # the same rows as text, another neighbour, any number of threads
    one, _ = madloop("metrics", folder / "x.csv", folder / "y.npy", "--json", "-t", 1)
    three, _ = madloop("metrics", folder / "x.csv", folder / "y.npy", "--json", "-t", 3)
    assert one == three and json.loads(one)["metrics"] == answer["metrics"]
    bits = 0xcbf29ce484222325
    for byte in x.tobytes():
        bits = (bits ^ byte) * 0x100000001b3 % 2**64
    assert int(answer["real_hash"], 16) == bits
    _, value = metrics(folder / "x.npy", folder / "y.npy", "--only", "vendi_rbf_q1")
    np.testing.assert_allclose(value["kernel_sigma_used"], np.median(pdist(x)), rtol=1e-12)
    _, every = metrics(folder / "x.npy", folder / "y.npy", "--only", "all")
    assert {"emd_w2_sq", "fld", "recall"} & every.keys() == {"emd_w2_sq", "recall"}
    answer, value = metrics(folder / "x.npy", folder / "y.npy", "--k", 2, "--only", "precision")
    assert list(value) == ["precision"] and answer["metrics"]["precision"]["k"] == 2
    assert value["precision"] == precision(x, y, 2)

    # principal components of the real rows
    pca = PCA(3, svd_solver="full").fit(x)
    _, value = metrics(folder / "x.npy", folder / "y.npy", "--features", "pca:3")
    np.testing.assert_allclose(value["frechet"], frechet(pca.transform(x), pca.transform(y)),
                               rtol=1e-9)
    np.testing.assert_allclose(value["trace"], np.trace(np.cov(pca.transform(y).T)), rtol=1e-10)
    print("values: as scipy and scikit-learn compute them, raw and in 3 principal components")


def check_floor(folder):
    """Two samples of one law: the value must look like the floor (|z| < 4.5, false alarm 1e-5 per
    comparison for a normal error); variance x 0.25 must not."""
    rng = np.random.default_rng(6)
    np.save(folder / "real.npy", rng.normal(size=(1000, 2)))
    np.save(folder / "same.npy", rng.normal(size=(1000, 2)))
    np.save(folder / "narrow.npy", rng.normal(size=(1000, 2)) * 0.5)
    z = {}
    for name in ("same", "narrow"):
        answer, _ = metrics(folder / "real.npy", folder / f"{name}.npy", "--bootstrap", 50,
                            "--only", "trace,recall")
        assert answer["bootstrap"] == 50
        for measure, row in answer["metrics"].items():
            assert row["n_floor"] == 500 and row["std_error"] > 0, row
            z[name, measure] = (row["value"] - row["floor"]) / row["std_error"]
            assert row["floor_low"] < row["floor"] < row["floor_high"], row
    assert max(abs(z["same", m]) for m in ("trace", "recall")) < 4.5, z
    assert min(abs(z["narrow", m]) for m in ("trace", "recall")) > 4.5, z
    # the standard error of a trace: sqrt(2 tr(S^2) / (n - 1)) = 0.0632 for N(0, I_2), n = 1000;
    # from 50 halves it is itself known to 10 %
    answer, _ = metrics(folder / "real.npy", folder / "same.npy", "--bootstrap", 400, "--only",
                        "trace")
    np.testing.assert_allclose(answer["metrics"]["trace"]["std_error"], 0.0632, rtol=0.2)
    print("floors and standard errors: a fresh sample looks like real rows, a narrow one does not")


def check_classes_and_modes(folder):
    rng = np.random.default_rng(7)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    label = rng.integers(0, 3, size=(2, 500))
    label[1][label[1] == 2] = 0  # the third mode is lost
    for i, name in enumerate(("real", "fake")):
        rows = centres[label[i]] + 0.1 * rng.normal(size=(500, 2))
        np.save(folder / f"m-{name}.npy", rows)
        np.save(folder / f"m-{name}-labels.npy", 10 * label[i])
    np.savetxt(folder / "centres.csv", centres, delimiter=",")
    _, value = metrics(folder / "m-real.npy", folder / "m-fake.npy", "--labels",
                       f"{folder}/m-real-labels.npy,{folder}/m-fake-labels.npy", "--centres",
                       folder / "centres.csv", "--sigma", 0.1)
    share = np.bincount(label[1], minlength=3) / 500
    share = share[share > 0]
    entropy = -np.sum(share * np.log(share))
    np.testing.assert_allclose(value["class_entropy"], entropy, rtol=1e-12)
    assert value["modes_covered"] == 2
    np.testing.assert_allclose(value["mode_kl_fake_true"], np.sum(share * np.log(share * 3)),
                               rtol=1e-12)
    print("classes and modes: entropies and counts as numpy has them")


def check_memory(folder):
    """Copies of training rows, in files and in a run, against the definitions in numpy."""
    rng = np.random.default_rng(8)
    train, test, fake = rng.normal(size=(200, 4)), rng.normal(size=(150, 4)), rng.normal(size=(120, 4))
    fake[:30] = train[:30]
    fake[30:40] = train[40:50] + 1e-3
    for name, rows in (("train", train), ("test", test), ("generated", fake)):
        np.save(folder / f"{name}.npy", rows)

    def squares(rows, other):
        return ((rows[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)

    to_train, within = squares(fake, train), squares(train, train)
    np.fill_diagonal(within, np.inf)
    first, second = np.sort(to_train, axis=1)[:, :2].T
    expected = {"authenticity": np.mean(first > within.min(axis=1)[to_train.argmin(axis=1)]),
                "memorised_fraction": np.mean(9 * first < second),
                "nn_distance_vs_base": np.mean(np.sqrt(first)) /
                np.mean(np.sqrt(squares(test, train).min(axis=1)))}
    answer, value = metrics(folder / "test.npy", folder / "generated.npy", "--train",
                            folder / "train.npy", "--only", ",".join(expected))
    other, same = metrics(folder / "generated.npy", folder / "generated.npy", "--train",
                          folder / "train.npy", "--test", folder / "test.npy", "--only",
                          ",".join(expected))
    assert value == same and 0.25 < value["memorised_fraction"] < 0.5, value
    for name, number in expected.items():
        np.testing.assert_allclose(value[name], number, rtol=1e-12)
        assert answer["metrics"][name]["n_train"] == 200 and answer["train"] and other["test"]
    # the floor splits --test, not REAL, which may be the training rows
    answer, value = metrics(folder / "train.npy", folder / "generated.npy", "--train",
                            folder / "train.npy", "--test", folder / "test.npy", "--only",
                            ",".join(expected))
    floor = {name: row["floor"] for name, row in answer["metrics"].items()}
    assert floor["memorised_fraction"] < 0.2 and abs(floor["nn_distance_vs_base"] - 1) < 0.2, floor
    assert answer["metrics"]["authenticity"]["n_floor"] == 75
    refused("needs the training rows", folder / "test.npy", folder / "generated.npy", "--only",
            "authenticity")

    # a run: a kernel density estimate of tiny width repeats its training rows
    config = folder / "memory.yaml"
    config.write_text("generations: 2\nreplicates: 2\nworld: {kind: gauss, dim: 4}\n"
                      "model: {kind: kde, bandwidth: 1e-6}\n"
                      "loop: {family: fully_synthetic, n_initial: 200, n_synthetic: 200}\n"
                      "measure: {n: 100, metrics: [authenticity, memorised_fraction]}\n")
    madloop("run", config, "-o", folder / "memory")
    with h5py.File(folder / "memory" / "run.h5") as run:
        assert np.all(run["metrics/authenticity"][:, 0] == 0)
        assert np.all(run["metrics/memorised_fraction"][:, 0] > 0.99)
        assert np.all(run["floor/authenticity"][:] > 0.3)
        assert np.all(run["floor/memorised_fraction"][:] < 0.2)
        assert run["floor/authenticity"].attrs["n_train"] == 200
    print("memorisation: copies are counted, in files and in a run; the floor has none")


def sliced(x, y, theta):
    """Mean over unit directions of the squared distance of quantile functions."""
    theta = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    steps = np.lcm(len(x), len(y))
    quantiles = [np.repeat(np.sort(rows @ theta.T, axis=0), steps // len(rows), 0) for rows in (x, y)]
    return np.mean((quantiles[0] - quantiles[1]) ** 2)


def check_directions(folder):
    """Given directions make the sliced distance a closed formula, in any space of features."""
    rng = np.random.default_rng(9)
    x, y, theta = (np.load(folder / "x.npy"), np.load(folder / "y.npy"), rng.normal(size=(40, 5)))
    theta *= 10.0 ** rng.integers(-200, 200, size=(40, 1))
    np.save(folder / "theta.npy", theta)
    np.savetxt(folder / "theta.csv", theta[:, :3], delimiter=",", fmt="%.17g")
    unit = theta / np.abs(theta).max(1, keepdims=True)
    answer, value = metrics(folder / "x.npy", folder / "y.npy", "--directions", folder / "theta.npy", "--only",
                            "sliced_w2_sq,sliced_w2")
    np.testing.assert_allclose(value["sliced_w2_sq"], sliced(x, y, unit), rtol=1e-12)
    np.testing.assert_allclose(value["sliced_w2"], np.sqrt(sliced(x, y, unit)), rtol=1e-12)
    assert answer["metrics"]["sliced_w2"]["directions"] == str(folder / "theta.npy")
    _, value = metrics(folder / "x.npy", folder / "y.npy", "--directions", folder / "theta.csv", "--only",
                       "sliced_w2_sq", "--features", "pca:3")
    pca = PCA(3, svd_solver="full").fit(x)
    signs = [sliced(pca.transform(x), pca.transform(y), unit[:, :3] * s)
             for s in np.array(np.meshgrid(*[[1, -1]] * 3)).reshape(3, -1).T]
    np.testing.assert_allclose(np.abs(np.array(signs) / value["sliced_w2_sq"] - 1).min(), 0, atol=1e-9)
    answer, _ = metrics(folder / "x.npy", folder / "y.npy", "--directions", 7, "--only", "sliced_w2")
    assert answer["metrics"]["sliced_w2"]["directions"] == 7

    def bad(message, rows):
        np.save(folder / "bad.npy", rows)
        refused(message, folder / "x.npy", folder / "y.npy", "--directions", folder / "bad.npy", code=3)

    bad("has 4 columns, rows are compared in 5", np.ones((3, 4)))
    bad("direction 2 has no length", np.diag([1.0, 0, 1, 1, 1]))
    bad("bad.npy", np.full((2, 5), np.nan))
    refused("No such file", folder / "x.npy", folder / "y.npy", "--directions", folder / "none.npy", code=3)
    refused("a whole number from 1 to", folder / "x.npy", folder / "y.npy", "--directions", 0)
    print("directions: a file of them gives the closed formula")


def check_scales(folder, rng):
    """Units of 2^k: what has no unit keeps its value, or has none where squares leave double precision."""
    rows = {"real": rng.normal(size=(200, 3)), "fake": 0.5 * rng.normal(size=(200, 3)) + 0.3,
            "train": rng.normal(size=(150, 3))}
    free = ("precision,recall,density,coverage,tail_mass_emp_q,authenticity,memorised_fraction,"
            "nn_distance_vs_base,c2st_knn_accuracy,vendi_rbf_q1,mmd2_rbf_unbiased,trace_ratio")
    always = "vendi_cosine_q1,twonn_mle,hill_index"
    value = {}
    for k in (0, 490, -490, 510, 664, -510, -664):
        for name, x in rows.items():
            np.save(folder / f"s-{name}.npy", np.ldexp(x, k))
        answer, value[k] = metrics(folder / "s-real.npy", folder / "s-fake.npy", "--train",
                                   folder / "s-train.npy", "--only", f"{free},{always},frechet")
        for name in free.split(",") + ["frechet"]:
            known = abs(k) < 500
            assert known or "double precision" in answer["metrics"][name]["why"], (k, name)
            if known and name != "frechet":
                np.testing.assert_allclose(value[k][name], value[0][name], rtol=1e-12, err_msg=f"2^{k} {name}")
            assert known or value[k][name] is None, (k, name)
        for name in always.split(","):
            np.testing.assert_allclose(value[k][name], value[0][name], rtol=1e-11, err_msg=f"2^{k} {name}")


def check_degenerate(folder):
    np.save(folder / "point.npy", np.ones((50, 3)))
    answer, value = metrics(folder / "point.npy", folder / "point.npy")
    assert value["frechet"] == 0 and value["trace"] == 0 and value["log_det"] == "-inf"
    for row in answer["metrics"].values():
        assert row["value"] is not None or row["why"], row
    rng = np.random.default_rng(12)
    check_scales(folder, rng)
    np.save(folder / "two.npy", np.ones((2, 3)))
    answer, value = metrics(folder / "two.npy", folder / "two.npy")
    assert value["recall"] is None and "at least 7 rows of FAKE" in answer["metrics"]["recall"]["why"]
    np.save(folder / "wide.npy", rng.normal(size=(9, 30)))  # fewer rows than columns: a singular law
    np.save(folder / "many.npy", rng.normal(size=(200, 30)))
    _, value = metrics(folder / "many.npy", folder / "wide.npy", "--only", "log_det,precision,tail_mass_emp_q")
    assert value["log_det"] == "-inf" and None not in value.values(), value
    np.save(folder / "vast.npy", np.full((30, 5), 1e300) * rng.normal(size=(30, 5)))
    answer, value = metrics(folder / "x.npy", folder / "vast.npy", "--only", "all")
    assert "inf" not in value.values() and value["axis_w2_sq"] is None
    assert "leave double precision" in answer["metrics"]["axis_w2_sq"]["why"]
    print("degenerate rows: a value, or null and why")


def check_formats(folder):
    """The same rows in every format give the same values; words mean the same on both sides."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(40, 3))
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez_compressed(folder / "xy.npz", x=x, y=y)
    with h5py.File(folder / "xy.h5", "w") as file:
        file["x"], file["deep/y"] = np.vstack([y, x]), y
    _, value = metrics(folder / "x.npy", folder / "y.npy")
    for pair in [("xy.npz:x", "xy.npz:y"), ("xy.h5:/x[40:90]", "xy.h5:/deep/y")]:
        assert metrics(*(folder / name for name in pair))[1] == value, pair
    refused("name one, as in", folder / "xy.npz", folder / "y.npy", code=3)
    refused("no dataset '/z'", folder / "xy.h5:/z", folder / "y.npy", code=3)
    refused("is no slice of shape", folder / "xy.h5:/x[0:91]", folder / "y.npy", code=3)

    # files of pictures know their sides: waves of 1 to 2 per picture, by numpy's transform
    pictures = [rng.integers(0, 256, size=(n, 6, 8)).astype(np.uint8) for n in (30, 20)]
    for name, x in zip("ab", pictures):
        (folder / f"{name}.idx").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *x.shape) + x.tobytes())
    _, value = metrics(folder / "a.idx", folder / "b.idx", "--only", "power_ratio_1")
    waves = np.hypot(np.fft.fftfreq(6, 1 / 6)[:, None], np.fft.fftfreq(8, 1 / 8))
    power = [np.var(np.fft.fft2(x), axis=0, ddof=1)[(waves >= 1) & (waves < 2)].sum() for x in pictures]
    np.testing.assert_allclose(value["power_ratio_1"], power[1] / power[0], rtol=1e-12)

    def words(name, rows):
        (folder / name).write_text("colour,size,kind\n" + rows)
        return folder / name

    real = words("r.csv", "red,1,a\nblue,2,b\ngreen,3,a\nred,4,b\n")
    fake = words("f.csv", "red,1,b\ngreen,3,b\n")  # ranks of its own would be 1, 0
    _, value = metrics(real, fake, "--labels", "kind", "--only", "mean_error_sq,class_entropy")
    assert value["class_entropy"] == 0  # all of class b
    np.testing.assert_allclose(value["mean_error_sq"], (1.25 - 1.5) ** 2 + (2.5 - 2) ** 2)
    refused("has the word 'pink', which", real, words("p.csv", "pink,1,a\n"), code=3)
    refused("column 1 holds words in", real, words("n.csv", "7,1,a\n"), code=3)
    refused("has rows of class 'c', which", real, words("c.csv", "red,1,c\n"), "--labels", "kind",
            code=3)
    dirty = words("d.csv", "red,1,a\nNA,1,a\nred,x,a\nblue,2,b\n")
    refused("line 3, column 1: missing value 'NA'", real, dirty, code=3)
    answer, value = metrics(real, dirty, "--drop-bad-rows", "--only", "trace")
    assert answer["n_dropped"] == [0, 2] and answer["n_synthetic"] == 2
    edge = folder / "edge.csv"
    edge.write_text("inf,b\n1,2\n3,4\n")
    refused("line 1, column 1: expected a finite number, got 'inf'", edge, edge, code=3)
    edge.write_text("information,b\n1,2\n3,4\n5,7\n")
    for header, n in (("auto", 3), ("yes", 3)):
        answer, _ = metrics(edge, edge, "--header", header, "--only", "trace")
        assert answer["n_real"] == n, (header, answer["n_real"])
    refused("'--header' expects one of auto|yes|no", edge, edge, "--header", "maybe")
    edge.write_text("2020,2021\n1,2\n3,4\n5,7\n")
    for header, n in (("auto", 4), ("yes", 3), ("no", 4)):
        answer, _ = metrics(edge, edge, "--header", header, "--only", "trace")
        assert answer["n_real"] == n, (header, answer["n_real"])
    latin = folder / "caf\udce9.csv"  # a byte that is no UTF-8
    latin.write_bytes(b"caf\xe9,b\n1,2\n3,5\n")
    answer, _ = metrics(latin, latin, "--only", "trace")
    assert answer["real"].endswith("caf?.csv") and answer["fake"] == answer["real"]
    text, _ = madloop("info", latin, "--json")
    assert list(json.loads(text)["columns"]) == ["caf?", "b"], text
    print("formats, words, dirty rows")


def check_refused(folder):
    x, y, z = folder / "x.npy", folder / "y.npy", folder / "z.npy"
    np.save(z, np.zeros((10, 2)))
    refused("columns", x, z, code=3)
    refused("unknown measure 'recal' (did you mean 'recall'?)", x, y, "--only", "recal")
    refused("needs a world that reads back", x, y, "--only", "scene")
    _, groups = metrics(x, y, "--only", "prdc,vendi,kid,trace")
    assert {n.split("_")[0] for n in groups} == {"precision", "recall", "density", "coverage", "vendi", "kid", "kernel", "trace"}, groups
    assert len(groups) == 15 and "trace_ratio" not in groups, groups
    refused("not a measure of plain rows", x, y, "--only", "heterozygosity")
    refused("names no measure", x, y, "--only", "")
    refused("needs labels", x, y, "--only", "class_entropy")
    refused("needs the centres", x, y, "--only", "modes_covered")
    refused("needs a model", x, y, "--only", "log_likelihood")
    refused("at least 301 rows", x, y, "--only", "recall", "--k", 299)
    refused("--centres and --sigma", x, y, "--sigma", 1)
    refused("--test needs --train", x, y, "--test", x)
    refused("expects a whole number", x, y, "--seed", 1.5)
    refused("pca:N with N from 1 to 5", x, y, "--features", "pca:6")
    refused("unknown features 'pcaa:6' (did you mean 'pca'?)", x, y, "--features", "pcaa:6")
    refused("No such file", x, folder / "none.npy", code=3)
    np.save(folder / "nan.npy", np.full((10, 5), np.nan))
    refused("nan.npy", x, folder / "nan.npy", code=3)
    np.save(folder / "objects.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    refused("objects.npy", x, folder / "objects.npy", code=3)
    with gzip.open(folder / "cut.npy.gz", "wb") as file:
        file.write(x.read_bytes()[:1000])
    refused("cut.npy.gz", x, folder / "cut.npy.gz", code=3)
    print("bad input: one line each")


with workspace() as name:
    root = pathlib.Path(name)
    check_values(root)
    check_floor(root)
    check_classes_and_modes(root)
    check_memory(root)
    check_directions(root)
    check_degenerate(root)
    check_refused(root)
    check_formats(root)
