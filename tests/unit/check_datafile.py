"""Data files written by numpy and by hand, read by the store: exactly, or refused with a reason.

Usage: check_datafile.py TABLE_PRINT [digits]; with `digits` the real ones below ../shared/data.
"""
import gzip
import json
import os
import struct
import subprocess
import sys

from table_cases import TOOL, WHERE, check, csv_of, finish, np, put, read, refused, same


def idx(array, code, kind):
    head = struct.pack(">BBBB", 0, 0, code, array.ndim)
    head += struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(">" + kind).tobytes()


def check_npy():
    rng = np.random.default_rng(1)
    for kind in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?"]:
        for order in "<>":
            for shape in [(7,), (5, 3), (4, 2, 3), (3, 2, 4, 3), (2, 3, 2, 2, 2)]:
                array = (rng.standard_normal(shape) * 90).astype("i1" if kind[0] in "iu?" else "f8")
                array = np.abs(array) if kind == "u8" else array  # below 2^53
                array = array.astype(kind).astype(np.dtype(kind).newbyteorder(order))
                for layout in "CF":
                    path = os.path.join(WHERE, "a.npy")
                    np.save(path, np.asarray(array, order=layout))
                    want = array.astype(float).reshape(shape[0], -1)
                    table, _ = same(f"{order}{kind} {shape} {layout}", want, "npy", path=path)
                    picture = len(shape) in (3, 4)
                    check(table["height"] == (shape[1] if picture else 0) and
                          table["width"] == (shape[2] if picture else 0) and
                          table["channels"] == (0 if not picture else (shape + (1,))[3]),
                          f"picture size of {shape}: {table}")
    small = np.array([[6e-8, 6.1e-5, 65504, -0.0, 1 / 3]], "f2")
    path = os.path.join(WHERE, "half.npy")
    np.save(path, small)
    same("half precision", small.astype(float), "npy", path=path)
    array = np.arange(12.0).reshape(4, 3)
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(path, "wb") as file:
            np.lib.format.write_array(file, array, version=version)
        same(f"version {version}", array, "npy", path=path)
        with open(path, "rb") as file:
            packed = put("packed", gzip.compress(file.read()))
        same(f"version {version}, gzip", array, "npy", path=packed)
    labels = os.path.join(WHERE, "l.npy")
    np.save(path, array)
    np.save(labels, np.array([9, 3, 9, 5]))
    table, label = same("labels", array, "npy", path=path, labels=labels)
    check(label.tolist() == [2, 0, 2, 1] and table["n_classes"] == 3, "class ranks")
    for bad, text in [([1, 2, 3], "each of the 4 rows"), ([1, -2, 3, 4], "row 2 is -2"),
                      ([1, 2, 65536, 4], "row 3 is 65536"), ([1, 2, 3, 0.5], "row 4 is 0.5"),
                      ([[1, 2], [2, 2], [3, 2], [4, 2]], "of 2 column")]:
        np.save(labels, np.array(bad))
        refused(f"labels {bad}", text, "npy", path=path, labels=labels)


def check_bad_npy():
    path = os.path.join(WHERE, "bad.npy")
    np.save(path, np.arange(12.0).reshape(4, 3))
    with open(path, "rb") as file:
        good = file.read()
    for n in [1, 5, 6, 8, 9, 11, 40, 127]:
        refused(f"npy of {n} bytes", "NPY", "npy", path=put("b.npy", good[:n]))
    refused("npy cut", "but only 95 bytes", "npy", path=put("b.npy", good[:-1]))
    refused("npy longer", "1 bytes more", "npy", path=put("b.npy", good + b"x"))
    refused("npy version", "version 9", "npy", path=put("b.npy", good[:6] + b"\x09" + good[7:]))
    for old, new, text in [(b"(4, 3)", b"(4, 9)", "[4][9]"), (b"(4, 3)", b"(0, 3)", "empty"),
                           (b"(4, 3)", b"(4;33", "bad NPY header"), (b"(4, 3)", b"()    ", "one number"),
                           (b"(4, 3), }  ", b"(4, 3, -1),", "bad NPY header"),
                           (b"<f8", b"<c8", "type '<c8'"), (b"<f8", b"<U2", "type '<U2'"),
                           (b"'<f8'", b"'|O' ", "Python objects"), (b"False", b"Fals ", "bad NPY"),
                           (b"'shape'", b"'sharp'", "bad NPY header")]:
        refused(f"npy {new}", text, "npy", path=put("b.npy", good.replace(old, new)))
    huge = b"(4, 3), }" + b" " * 44, b"(4294967295, 4294967295, 4294967295), }" + b" " * 14
    refused("npy huge", "promises", "npy", path=put("b.npy", good.replace(*huge)))
    np.save(path, np.array([{}, 1], object), allow_pickle=True)
    refused("npy objects", "Python objects", "npy", path=path)
    np.save(path, np.zeros(3, [("a", "f8")]))
    refused("npy structured", "structured", "npy", path=path)
    for value in [np.nan, np.inf, -np.inf]:
        array = np.zeros((4, 3))
        array[2, 1] = value
        for layout in "CF":
            np.save(path, np.asarray(array, order=layout))
            refused(f"npy {value}", "row 3, column 2", "npy", path=path)


def check_idx():
    rng = np.random.default_rng(2)
    for code, kind in [(8, "u1"), (9, "i1"), (0xb, "i2"), (0xc, "i4"), (0xd, "f4"), (0xe, "f8")]:
        for shape in [(7,), (5, 3), (4, 2, 3), (3, 2, 4, 1), (2, 3, 2, 2, 2)]:
            array = (rng.standard_normal(shape) * 90).astype("i1").astype(kind)
            if kind[0] == "f":
                array /= 7
            want = array.astype(float).reshape(shape[0], -1)
            bytes_ = idx(array, code, kind)
            table, _ = same(f"idx {kind} {shape}", want, "idx", images=put("train.idx-ubyte", bytes_))
            check(table["channels"] == {3: 1, 4: 1}.get(len(shape), 0), f"idx channels {shape}")
            same(f"idx gz {kind} {shape}", want, "idx", images=put("x", gzip.compress(bytes_)))
    good = idx(np.arange(60).reshape(5, 4, 3), 8, "u1")
    classes = put("l", idx(np.array([1, 0, 1, 2, 0]), 8, "u1"))
    _, label = same("idx labels", np.arange(60.0).reshape(5, 12), "idx", images=put("i", good),
                    labels=classes)
    check(label.tolist() == [1, 0, 1, 2, 0], "idx labels")
    for what, content, text in [
            ("empty", b"", "empty"), ("three bytes", good[:3], "only 3 bytes"),
            ("magic", b"\1" + good[1:], "starts with 01"), ("type", good[:2] + b"\7" + good[3:], "07"),
            ("rank 0", good[:3] + b"\0" + good[4:], "0 dimensions"),
            ("rank 6", good[:3] + b"\6" + good[4:], "6 dimensions"),
            ("header", good[:10], "truncated"), ("cut", good[:-1], "only 59 bytes"),
            ("longer", good + b"xy", "2 bytes more"),
            ("huge", good[:4] + b"\xff" * 12 + good[16:], "[4294967295][4294967295][4294967295]"),
            ("overflow", struct.pack(">4B4I", 0, 0, 14, 4, *[1 << 31] * 4), "promises"),
            ("no rows", struct.pack(">4B3I", 0, 0, 8, 3, 0, 4, 3), "empty"),
            ("no columns", struct.pack(">4B3I", 0, 0, 8, 3, 5, 0, 3), "empty"),
            ("gzip cut", gzip.compress(good)[:-9], "ends too early"),
            ("gzip header", gzip.compress(good)[:5], "gzip"),
            ("gzip sum", gzip.compress(good)[:-8] + b"12345678", "gzip"),
            ("a picture", b"\x89PNG\r\n\x1a\n" + b"0" * 30, "no IDX file")]:
        refused("idx " + what, text, "idx", images=put("bad", content))
    nan = np.ones((3, 4))
    nan[1, 2] = np.nan
    refused("idx nan", "row 2, column 3", "idx", images=put("bad", idx(nan, 0xe, "f8")))
    refused("no such file", "there is no data file", "idx", images="no/such")
    refused("a folder", "is a folder, expected an IDX file", "idx", images=WHERE)
    refused("no labels", "no/such", "idx", images=put("i", good), labels="no/such")
    refused("no name", "no data file is named", "idx", images="")


def check_csv():
    want = np.array([[1, 2.5, -3], [4e3, 0.05, 6]])
    for what, content in [
            ("plain", "1,2.5,-3\n4e3,.05,+6\n"), ("no last newline", "1,2.5,-3\n4000,0.05,6"),
            ("CRLF", "1,2.5,-3\r\n4e3,.05,6\r\n"), ("semicolon", "1;2.5;-3\n4e3;.05;6\n"),
            ("tab", "1\t2.5\t-3\n4e3\t.05\t6\n"), ("header", "a,b,c\n1,2.5,-3\n4e3,.05,6\n"),
            ("quotes", '"a,x",b,"c ""d"""\n"1",2.5,"-3"\n4e3,".05",6\n'),
            ("comments", "# x;y\n\n1,2.5,-3\n  # 3 columns\n4e3,.05,6\n\n"),
            ("spaces", " 1 ,  2.5,-3 \n4e3 ,.05 , 6\n"), ("mark", "\ufeff1,2.5,-3\n4e3,.05,6\n"),
            ("header and comment", "# made by hand\r\na;b;c\r\n\r\n1;2.5;-3\r\n4e3;.05;6")]:
        same("csv " + what, want, **csv_of(content))
        same("csv gz " + what, want, "csv", path=put("t.csv.gz", gzip.compress(content.encode())))
    same("csv one column", np.array([[1.0], [2.0]]), **csv_of("x\n1\n2\n"))
    same("csv exact", np.array([[0.1, 1e-320, 1.7976931348623157e308]]),
         **csv_of("0.1,1e-320,1.7976931348623157e308\n"))
    for column, rows in [("last", [[1, 2], [4, 5]]), ("first", [[2, 7], [5, 3]]),
                         ("b", [[1, 7], [4, 3]])]:
        table, label = same("label " + column, np.array(rows, float),
                            **csv_of("a,b,c\n1,2,7\n4,5,3\n", label_column=column))
        check(label.tolist() == ([1, 0] if column == "last" else [0, 1]), "label " + column)
    same("numbers as header", np.array([[1.0], [3.0]]), **csv_of("0,y\n1,2\n3,4\n", label_column="y"))
    for what, content, part, keys in [
            ("nothing", "# only\n\n", "no rows", {}), ("only a header", "a,b\n", "no rows", {}),
            ("short row", "1,2\n3\n", "line 2 has 1 columns, line 1 has 2", {}),
            ("long row", "a,b\n1,2\n\n3,4,5\n", "line 4 has 3 columns, line 1 has 2", {}),
            ("text", "1,2\n3,four\n", "line 2, column 2: expected a finite number, got 'four'", {}),
            ("text and numbers first", "a,1\n2,3\n", "line 1, column 1", {}),
            ("hex", "1,0x10\n", "'0x10'", {}), ("two points", "1,1.2.3\n", "'1.2.3'", {}),
            ("decimal comma", "1,5;2\n", "'1,5'", {}), ("too large", "1,1e999\n", "'1e999'", {}),
            ("inf", "1,inf\n", "'inf'", {}), ("binary", b"1,2\n\0\1\2,3\n", "line 2, column 1", {}),
            ("long text", "1\n" + "x" * 5000 + "\n", "...", {}),
            ("quotes", '1,"2\n3,4\n', "line 1, column 2: broken quotes", {}),
            ("after quotes", '1,2\n3,"4"5\n', "line 2, column 2: broken quotes", {}),
            ("no such label", "a,b\n1,2\n", "label_column 'c'", {"label_column": "c"}),
            ("only labels", "1\n2\n", "nothing is left", {"label_column": "last"}),
            ("bad label", "1,2\n3,-4\n", "row 2 is -4", {"label_column": "last"}),
            ("half label", "1,2.5\n3,4\n", "row 1 is 2.5", {"label_column": "last"})]:
        arguments = csv_of(content, **keys)
        refused("csv " + what, part, **arguments)
    for word in ["", "NA", "nan", "NaN", "N/A", "null", "?"]:
        refused(f"csv missing {word}", f"line 2, column 2: missing value '{word}'",
                **csv_of(f"1,2,3\n4,{word},6\n"))


def check_cifar():
    rng = np.random.default_rng(8)
    planes = rng.integers(0, 256, (7, 3, 32, 32), dtype=np.uint8)
    want = planes.transpose(0, 2, 3, 1).reshape(7, -1).astype(float)
    for n_label in (1, 2):
        labels = rng.integers(0, 5, (7, n_label), dtype=np.uint8)
        content = b"".join(labels[i].tobytes() + planes[i].tobytes() for i in range(7))
        for name, packed in (("b.bin", content), ("b.bin.gz", gzip.compress(content))):
            table, label = same(f"cifar {n_label}", want, "cifar", path=put(name, packed))
            check((table["height"], table["width"], table["channels"]) == (32, 32, 3), "cifar size")
            check((label == np.unique(labels[:, -1], return_inverse=True)[1]).all(), "cifar labels")
        refused("cifar cut", "no whole number of records of 3073 or 3074", "cifar",
                path=put("bad", content[:-1]))
    refused("cifar empty", "empty", "cifar", path=put("bad", b""))


def check_noise():
    """Random bytes behind every reader's magic: an answer, never a crash."""
    rng = np.random.default_rng(3)
    starts = {"idx": b"\0\0\x08", "npy": b"\x93NUMPY\1\0\x40\0{'descr': '<f8', ", "csv": b"1,2\n"}
    for reader, start in starts.items():
        for i in range(40):
            content = start + rng.bytes(rng.integers(0, 300))
            if i % 4 == 0:
                content = gzip.compress(content)
            path = put("noise", content)
            got, message, _ = read(reader, **{"images" if reader == "idx" else "path": path})
            check(isinstance(got, dict) or got == 3, f"{reader} noise {i}: {got} {message}")


def check_digits(data):
    x = os.path.join(data, "digits", "digits8x8-images-idx3-ubyte.gz")
    y = os.path.join(data, "digits", "digits8x8-labels-idx1-ubyte.gz")
    t = os.path.join(data, "digits", "digits.csv.gz")
    table, rows, label = read("idx", images=x, labels=y)
    text, text_rows, text_label = read("csv", path=t, label_column="last")
    check(np.array_equal(rows, text_rows) and np.array_equal(label, text_label), "digits IDX = CSV")
    del text["columns"]
    check(table == {**text, "height": 8, "width": 8, "channels": 1}, f"digits: {table} {text}")
    check(rows.shape == (1797, 64) and rows.max() == 16 and table["n_classes"] == 10, "digits")
    x = os.path.join(data, "mnist", "train-images-idx3-ubyte.gz")
    y = os.path.join(data, "mnist", "train-labels-idx1-ubyte.gz")
    done = subprocess.run([TOOL, "idx", "-", f"images={x}", f"labels={y}"], check=True,
                          capture_output=True)
    table = json.loads(done.stdout)
    check(table["n_rows"] == 60000 and table["dim"] == 784 and table["n_classes"] == 10, "MNIST")
    mean, sd = table["mean"] / 255, table["sd"] / 255
    check(abs(mean - 0.13066) < 5e-6 and abs(sd - 0.30811) < 5e-6, f"MNIST mean {mean}, sd {sd}")


def check_other_files(data):
    """Shapes and counts as the files' publishers state them."""
    table, _, label = read("csv", path=os.path.join(data, "tabular", "letter-recognition.csv"),
                           label_column="lettr")
    letters = [chr(c) for c in range(ord("A"), ord("Z") + 1)]
    check(table["n_rows"] == 20000 and table["dim"] == 16 and table["class_names"] == letters,
          f"letters: {table['n_rows']}")
    check((np.bincount(label)[[0, 20]] == [789, 813]).all(), "counts of A and U")
    table, _, _ = read("csv", path=os.path.join(data, "rotations", "drill.csv"), bad_rows="drop")
    check((table["n_rows"], table["n_dropped"]) == (614, 106), "drill: 614 of 720 rows complete")
    grasps = [f for f in os.listdir(os.path.join(data, "rotations")) if f.endswith(".h5")][0]
    where = os.path.join(data, "rotations", grasps)
    table, rows, label = read("hdf5", path=where + ":grasps/transforms",
                              labels=where + ":grasps/qualities/flex/object_in_gripper")
    check(rows.shape == (2000, 16) and table["n_classes"] == 2, "grasps")
    check(np.allclose(rows[:, 12:], [0, 0, 0, 1]), "grasps are rigid motions")
    table, rows, _ = read("idx", images=os.path.join(data, "video", "lpc-clips-idx5-ubyte.gz"))
    check(rows.shape == (432, 8 * 32 * 32 * 3), "clips")


DATA = os.path.join("..", "shared", "data")
if sys.argv[2:] == ["digits"]:
    if not os.path.isdir(DATA):
        print(f"skipped: no real digits in {DATA}")
        sys.exit(77)
    check_digits(DATA)
    check_other_files(DATA)
else:
    check_npy()
    check_bad_npy()
    check_idx()
    check_csv()
    check_cifar()
    check_noise()
finish()
