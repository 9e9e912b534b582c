"""Archives, dirty text tables and folders of pictures, written by numpy, h5py and zlib, read by the
store: exactly, or refused with a reason.

Usage: check_archives.py TABLE_PRINT
"""
import gzip
import io
import os
import resource
import shutil
import struct
import zipfile
import zlib

from table_cases import check, csv_of, finish, h5py, np, path_of, put, read, refused, same


# ---- NPZ -----------------------------------------------------------------------------------------


def check_npz():
    x = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    y = np.array([7, 3, 7, 5])
    for save in (np.savez, np.savez_compressed):
        save(path_of("two.npz"), x=x, y=y, **{"a/b": np.asfortranarray(x[0])})
        save(path_of("one.npz"), x)
        table, label = same("npz", x.reshape(4, 6), "npy", path=path_of("two.npz:x"),
                            labels=path_of("two.npz:y"))
        check((table["height"], table["width"], table["channels"]) == (3, 2, 1), "npz pictures")
        check(label.tolist() == [2, 0, 2, 1], "npz labels")
        same("npz, name with .npy", x.reshape(4, 6), "npy", path=path_of("two.npz:x.npy"))
        same("npz, name with slash", x[0], "npy", path=path_of("two.npz:a/b"))
        same("npz, the only array", x.reshape(4, 6), "npy", path=path_of("one.npz"))
        refused("npz, which", ["holds 3 arrays", "x, y, a/b"], "npy", path=path_of("two.npz"))
        refused("npz, no such", ["no array 'z'", "x, y, a/b"], "npy", path=path_of("two.npz:z"))
        whole = open(path_of("two.npz"), "rb").read()
        for n in range(0, len(whole), 37):
            refused(f"npz of {n} bytes", "", "npy", path=put("cut.npz", whole[:n]) + ":x")
        for i in range(0, len(whole), 5):
            broken = bytearray(whole)
            broken[i] ^= 0xff
            got, message, _ = read("npy", path=put("flip.npz", bytes(broken)) + ":x")
            check(got == 3 or isinstance(got, dict), f"npz byte {i}: {got} {message}")
    np.savez(path_of("o.npz"), x=np.array([{}, None], dtype=object))
    refused("npz objects", "Python objects", "npy", path=path_of("o.npz:x"))
    with zipfile.ZipFile(path_of("empty.npz"), "w"):
        pass
    refused("npz empty", "holds no array", "npy", path=path_of("empty.npz"))
    with zipfile.ZipFile(path_of("packed.npz"), "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("x.npy", b"x" * 100)
    refused("npz bzip2", "another method", "npy", path=path_of("packed.npz"))


def zip_of(name, packed, n_bytes, crc):
    """A deflated member that promises n_bytes, whatever it holds."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), n_bytes,
                        len(name), 0) + name + packed
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(packed), n_bytes,
                        len(name), 0, 0, 0, 0, 0, 0) + name
    return local + entry + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def check_bombs():
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(bytes(10**7)) + deflate.flush()
    for what, n_bytes, words in [("more than promised", 100, "size it promises"),
                                 ("less than promised", 10**7 + 1, "size it promises"),
                                 ("beyond deflate", 4 * 10**9, "contradict"),
                                 ("4 GiB", 0xffffffff, "more than 4 GiB")]:
        bomb = zip_of(b"x.npy", packed, n_bytes, zlib.crc32(bytes(10**7)))
        refused("bomb, " + what, words, "npy", path=put("bomb.npz", bomb))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False,
                                                  "shape": (2**31, 2**31)})
    head = header.getvalue()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(head) + deflate.flush()
    refused("bomb in the header", "header promises", "npy",
            path=put("bomb.npz", zip_of(b"x.npy", packed, len(head), zlib.crc32(head))))
    for name, head in (("bomb.idx.gz", bytes([0, 0, 8, 1, 0, 0, 0, 4])), ("bomb.npy.gz", npy_head(4))):
        with gzip.open(path_of(name), "wb", 1) as file:
            file.write(head)
            for _ in range(300):
                file.write(bytes(2**20))
        refused("bomb " + name, "more than the [4] items", "npy", path=path_of(name))
    packed = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = packed.compress(npy_head(4))
    for _ in range(300):
        body += packed.compress(bytes(2**20))
    body += packed.flush()
    whole = zip_of(b"x.npy", body, len(npy_head(4)) + 300 * 2**20, 0)
    refused("bomb, header of an archive", "more than the [4] items", "npy",
            path=put("bomb.npz", whole))
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check(largest < 150 * 1024, f"bombs: {largest} KiB of memory were used")
    long = b"\x93NUMPY\2\0" + struct.pack("<I", 10**6) + b" " * 10**6
    refused("a long header", "NPY header of 1000000 bytes", "npy", path=put("long.npy", long))


def npy_head(n):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False,
                                                  "shape": (n,)})
    return header.getvalue()


def check_whole():
    """A double holds whole numbers of 53 bits."""
    for number, dtype in ((2**53 - 1, np.int64), (1 - 2**53, np.int64), (2**53 - 1, np.uint64)):
        np.save(path_of("whole.npy"), np.array([[1, 2], [3, number]], dtype))
        same("53 bits", [[1, 2], [3, float(number)]], "npy", path=path_of("whole.npy"))
    for number, dtype in ((2**53, np.int64), (-2**53 - 1, np.int64), (2**64 - 1, np.uint64)):
        x = np.array([[1, 2], [3, number]], dtype)
        np.save(path_of("whole.npy"), x)
        with h5py.File(path_of("whole.h5"), "w") as file:
            file["x"] = x
        for reader, where in (("npy", "whole.npy"), ("hdf5", "whole.h5:x")):
            refused(f"{number} in {where}", ["row 2, column 2", "more than 53 bits"], reader,
                    path=path_of(where))


# ---- HDF5 ----------------------------------------------------------------------------------------


def check_hdf5():
    x = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    where = path_of("d.h5")
    with h5py.File(where, "w") as file:
        file["x"] = x
        file["deep/y"] = np.array([4, 2, 4, 9, 2], np.uint8)
        file["float"] = x[0].astype(np.float32)
        file["flag"] = np.array([True, False, True])
        file["text"] = np.array([b"a", b"b"])
        file["pair"] = np.zeros(3, dtype=[("a", "f8"), ("b", "i4")])
        file["one"] = 3.5
        file["none"] = np.zeros((0, 3))
        file["nan"] = np.array([[1, 2], [np.nan, 3], [4, np.inf], [5, 6]])
        file.create_dataset("packed", data=x, chunks=(2, 4, 3), compression="gzip", shuffle=True)
        file.create_dataset("huge", shape=(2**40, 2**10), dtype="f8", chunks=(1, 2**10))
    table, label = same("hdf5", x.reshape(5, 12), "hdf5", path=where + ":/x",
                        labels=where + ":deep/y")
    check((table["height"], table["width"]) == (4, 3), "hdf5 pictures")
    check(label.tolist() == [1, 0, 1, 2, 0], "hdf5 labels")
    same("hdf5 packed", x.reshape(5, 12), "hdf5", path=where + ":/packed")
    same("hdf5 float", x[0], "hdf5", path=where + ":float")
    same("hdf5 flag", [[1], [0], [1]], "hdf5", path=where + ":flag")
    for part, want in [("[1:4]", x[1:4]), ("[:2]", x[:2]), ("[3:]", x[3:]), ("[::2]", x[::2]),
                       ("[1:5:3]", x[1:5:3]), ("[2]", x[2]), ("[:, 1]", x[:, 1]),
                       ("[:,1:3,2]", x[:, 1:3, 2]), ("[0:2, 3, 0:3:2]", x[:2, 3, ::2])]:
        same("hdf5 " + part, want.reshape(len(want), -1), "hdf5", path=where + ":/x" + part)
    same("hdf5 slice of the huge", np.zeros((2, 4)), "hdf5", path=where + ":/huge[5:7, 0:4]")
    for part in ("[5]", "[0:6]", "[3:3]", "[4:2]", "[-1:]", "[::0]", "[:,:,:,:]", "[", "[]", "[1",
                 "[1]x", "[a]", "[1:2:3:4]", "[99999999999999999999]"):
        refused("hdf5 " + part, ["is no slice of shape [5][4][3]", part], "hdf5",
                path=where + ":/x" + part)
    for name, words in [("z", ["no dataset 'z'", "/x", "/deep/y"]), ("deep", "numbers in the group"),
                        ("text", "holds text"), ("pair", "holds structures"),
                        ("one", "one number"), ("none", "is empty"), ("huge", "4 GiB"),
                        ("nan", "row 2, column 1 (from 1) is nan"), ("x[0,0,0]", "one number")]:
        refused("hdf5 " + name, words, "hdf5", path=where + ":" + name)
    refused("hdf5, which", "holds 11 datasets: name one", "hdf5", path=where)
    table, _ = same("hdf5 drop", [[1, 2], [5, 6]], "hdf5", path=where + ":nan", bad_rows="drop")
    check(table["n_dropped"] == 2, "hdf5 dropped")
    with h5py.File(path_of("single.h5"), "w") as file:
        file["g/only"] = x[0]
    same("hdf5, the only one", x[0], "hdf5", path=path_of("single.h5"))
    whole = open(where, "rb").read()
    for n in (8, 100, 1000, len(whole) // 2):
        refused(f"hdf5 of {n} bytes", "", "hdf5", path=put("cut.h5", whole[:n]) + ":/x")
    refused("hdf5 as npy", "is an HDF5 file, expected an NPY or NPZ file", "npy", path=where)
    refused("npy as hdf5", "expected an HDF5 file", "hdf5", path=put("t.csv", "1,2\n"))
    refused("member of text", "only NPZ and HDF5", "csv", path=put("t.csv", "1,2\n") + ":x")


# ---- text ----------------------------------------------------------------------------------------


def check_words():
    table, label = same("words", [[1, 1], [0, 2.5], [1, 3]],
                        **csv_of("colour,size,kind\nred,1,b\nblue,2.5,a\nred,3,b\n",
                               label_column="kind"))
    check(table["columns"][0] == {"n": 2, "words": ["blue", "red"], "name": ["colour"]}, "words")
    check(table["columns"][1]["n"] == 0 and table["columns"][1]["name"] == ["size"], "numbers")
    check(table["class_names"] == ["a", "b"] and label.tolist() == [1, 0, 1], "class names")
    table, _ = same("quoted words", [[0, 1], [1, 2], [0, 3]],
                    **csv_of('"a, ""b""";1\n"c;d";2\n"a, ""b""";3\n', header="no"))
    check(table["columns"][0]["words"] == ['a, "b"', "c;d"], "quoted words")
    same("all words", [[0, 1], [1, 0]], **csv_of("p,q\nx,y\ny,x\n"))
    same("header: no", [[0, 0], [1, 2], [2, 1]], **csv_of("p,q\nx,y\ny,x\n", header="no"))
    same("header: yes", [[3.0, 4]], **csv_of("1,2\n3,4\n", header="yes"))
    same("delimiter", [[1, 0], [3, 1]], **csv_of("1\t5,6\n3\tx\n".replace("5,6", "w"), delimiter="tab"))
    refused("decimal commas are no words", "got '1,5'", **csv_of("1,5;2\n2,5;3\n"))
    refused("a number among words", "line 2, column 1: expected a finite number, got 'red'",
            **csv_of("colour,size\nred,1\n5,2\n"))
    refused("missing word", "line 3, column 1: missing value 'NA'", **csv_of("a,b\nx,1\nNA,2\n"))
    refused("prose is no table", "expected a finite number", **csv_of("It was\na dark\n"))
    refused("long words", "expected a finite number, got 'xxxx", **csv_of("1," + "x" * 65 + "\n"))
    labels = put("l.txt", "cat\ndog\ncat\n")
    np.save(path_of("x.npy"), np.eye(3))
    table, label = same("words as labels", np.eye(3), "npy", path=path_of("x.npy"), labels=labels)
    check(table["class_names"] == ["cat", "dog"] and label.tolist() == [0, 1, 0], "word labels")


def check_dirty():
    content = "a,b\n1,2\n3,NA\n5\n7,8,9\n,4\n11,x\n\"12,1\n13,inf\n14,15\n"
    table, _ = same("dirty", [[1, 2], [14, 15]], **csv_of(content, bad_rows="drop"))
    check(table["n_dropped"] == 7, f"dropped {table['n_dropped']}")
    refused("dirty", "line 3, column 2: missing value 'NA'", **csv_of(content))
    refused("only dirty", "no rows without bad fields", **csv_of("1,NA\n2,NA\n", bad_rows="drop"))
    table, label = same("dirty labels", [[1.0], [5]],
                        **csv_of("1,a\n2,\n5,b\n", bad_rows="drop", label_column="last"))
    check(table["n_dropped"] == 1 and label.tolist() == [0, 1], "dirty labels")
    x = np.arange(12.0).reshape(6, 2)
    x[1, 0], x[4, 1] = np.nan, -np.inf
    np.save(path_of("x.npy"), x)
    np.save(path_of("l.npy"), np.array([1, 9, 1, 2, 8, 2]))
    table, label = same("dirty npy", x[[0, 2, 3, 5]], "npy", path=path_of("x.npy"),
                        labels=path_of("l.npy"), bad_rows="drop")
    check(table["n_dropped"] == 2 and table["n_classes"] == 2, "classes of dropped rows are gone")
    check(label.tolist() == [0, 0, 1, 1], "labels of kept rows")
    np.save(path_of("x.npy"), x[[1, 4]])
    refused("all dirty", "no row without NaN", "npy", path=path_of("x.npy"), bad_rows="drop")


# ---- PNG -----------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(pixels, kind, bits=8, before=b"", interlaced=False):
    """A PNG file by the format's definition. kind: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    pixels = np.asarray(pixels)
    height, width = pixels.shape[:2]

    def scan(p):
        p = p.reshape(p.shape[0], -1)
        if bits < 8:
            padded = np.zeros((p.shape[0], -(-p.shape[1] * bits // 8) * 8 // bits), np.uint8)
            padded[:, :p.shape[1]] = p
            bit = (padded[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
            p = np.packbits(bit.reshape(p.shape[0], -1), axis=1)
        return b"".join(b"\0" + row.astype(">u2" if bits == 16 else np.uint8).tobytes() for row in p)

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)]
    parts = [pixels[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [pixels]
    data = b"".join(scan(p) for p in parts if p.size > 0)
    head = struct.pack(">2I5B", width, height, bits, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def folder(name, **files):
    shutil.rmtree(path_of(name), ignore_errors=True)
    for file, content in files.items():
        put(f"{name}/{file.replace('__', '/')}.png", content)
    return path_of(name)


def check_png():
    rng = np.random.default_rng(4)
    grey = rng.integers(0, 256, (5, 7))
    rgb = rng.integers(0, 256, (5, 7, 3))
    alpha = rng.integers(0, 256, (5, 7, 1))
    index = rng.integers(0, 4, (5, 7))
    colours = rng.integers(0, 256, (4, 3))
    deep = rng.integers(0, 65536, (5, 7))
    palette = chunk(b"PLTE", colours.astype(np.uint8).tobytes())
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    for what, want, content in [
            ("grey", grey, png(grey, 0)), ("rgb", rgb, png(rgb, 2)),
            ("gamma is passed over", grey, png(grey, 0, before=gamma)),
            ("interlaced", rgb, png(rgb, 2, interlaced=True)),
            ("palette", colours[index], png(index, 3, 8, palette)),
            ("palette of 2 bits", colours[index], png(index, 3, 2, palette)),
            ("palette with transparency", colours[index],
             png(index, 3, 8, palette + chunk(b"tRNS", b"\0\x80"))),
            ("1 bit", (index % 2) * 255, png(index % 2, 0, 1)),
            ("4 bits", index * 17, png(index, 0, 4)),
            ("16 bits", deep / 257.0, png(deep, 0, 16)),
            ("grey and alpha", grey, png(np.concatenate([grey[:, :, None], alpha], 2), 4)),
            ("rgb and alpha", rgb, png(np.concatenate([rgb, alpha], 2), 6))]:
        table, label = same("png " + what, want.reshape(1, -1), "png", path=folder("p", a=content))
        check((table["height"], table["width"], table["channels"]) ==
              (5, 7, 3 if want.ndim == 3 else 1), f"png {what}: {table}")
        check(label is None, "no labels")
    both = np.stack([np.repeat(grey[:, :, None], 3, 2), rgb]).reshape(2, -1)
    same("png grey among colours", both, "png", path=folder("p", a=png(grey, 0), b=png(rgb, 2)))
    one, two = png(grey, 0), png(255 - grey, 0)
    rows = np.stack([grey, 255 - grey, grey]).reshape(3, -1)
    table, label = same("png classes", rows, "png", path=folder("p", cat__1=one, cat__2=two, dog__1=one))
    check(table["class_names"] == ["cat", "dog"] and label.tolist() == [0, 0, 1], "png class names")
    table, label = same("png numbers", rows[[0, 1, 2]], "png",
                        path=folder("p", **{"10__a": one, "2__a": two, "9__a": one}))
    check(label.tolist() == [2, 0, 1] and "class_names" not in table, "png class numbers")
    refused("png sizes", ["a.png' has 6 x 5", "7 x 5"][1:] + ["one size"], "png",
            path=folder("p", a=one, b=png(grey[:, :6], 0)))
    refused("png mixed with folders", "pictures and folders", "png", path=folder("p", a=one, k__a=one))
    refused("png none", "holds no .png", "png", path=os.path.dirname(put("q/x.txt", "x")))
    refused("png empty class", "class folder", "png",
            path=os.path.dirname(os.path.dirname(put("r/k/x.txt", "x"))))
    refused("png no folder", "expected a folder", "png", path=put("one.png", one))
    for n in (0, 7, 20, 40, len(one) - 20):
        refused(f"png of {n} bytes", "", "png", path=folder("p", a=one[:n]))
    refused("png checksum", "damaged", "png", path=folder("p", a=one[:-20] + b"\1" + one[-19:]))
    bomb = struct.pack(">2I5B", 65535, 65535, 8, 6, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bomb) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    refused("png bomb", "4 GiB", "png", path=folder("p", a=bomb))


check_npz()
check_bombs()
check_whole()
check_hdf5()
check_words()
check_dirty()
check_png()
finish()
