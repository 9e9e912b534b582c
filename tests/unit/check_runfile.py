"""run.h5, gen-NNNN.h5, log.jsonl and PNG as others open them, and run.h5 after SIGKILLs.

Usage: check_runfile.py STORE_WRITE
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

try:
    import h5py
    import numpy as np
except ImportError:
    print("skipped: python without h5py")
    sys.exit(77)

TOOL = sys.argv[1]
WHERE = tempfile.mkdtemp(prefix="madloop-store-")
R, WIDTH, N_KILLS = 8, 5, 40
SERIES = {"metrics/recall": (0, 1), "lineage/real_share": (1, 1), "loss/train": (2, WIDTH)}


def columns(i_series, width, n_done):
    """What store_write put into the first n_done generations of a series."""
    r, g, s = np.ogrid[0:R, 1:n_done + 1, 0:width]
    value = i_series * 1e6 + r * 1e4 + g + 0.125 * s
    return value if width > 1 else value[:, :, 0]


def check_columns(file, n_generations):
    """Complete below n_done, NaN from there on; returns n_done."""
    n_done = file.attrs["n_done"]
    for name, (i_series, width) in SERIES.items():
        value = file[name][:]
        assert value.shape[:2] == (R, n_generations), (name, value.shape)
        assert np.array_equal(value[:, :n_done], columns(i_series, width, n_done)), (name, n_done)
        assert np.isnan(value[:, n_done:]).all(), (name, n_done)
    return n_done


def check_layout():
    folder = os.path.join(WHERE, "layout")
    os.mkdir(folder)
    subprocess.run([TOOL, "layout", folder], check=True)
    assert sorted(os.listdir(folder)) == ["gen-0001.h5", "gen-0002.h5", "run.h5"]
    with h5py.File(os.path.join(folder, "run.h5")) as file:
        text = {k: v.decode() for k, v in file.attrs.items() if isinstance(v, bytes)}
        assert text == {"conventions": "madloop-1", "config": "name: größe\n",
                        "seed": "18446744073709551615"}, text
        kind = file.attrs.get_id("config").get_type()
        assert kind.get_cset() == h5py.h5t.CSET_UTF8 and not kind.is_variable_str()
        assert file.attrs["n_done"] == 2 and file.attrs["threads"] == 2.0
        assert sorted(file) == ["floor", "generation", "lineage", "loss", "metrics", "replicate",
                                "theory"]
        assert file["generation"].dtype == "<i4" and file["generation"][:].tolist() == [*range(1, 8)]
        assert file["replicate"].dtype == "<i4" and file["replicate"][:].tolist() == [*range(R)]
        for name in ["generation", "replicate"]:
            assert file[name].attrs["CLASS"] == b"DIMENSION_SCALE"
        recall = file["metrics/recall"]
        assert recall.dtype == "<f8" and recall.chunks == (8, 7) and recall.maxshape == (8, 7)
        assert recall.compression is None and not recall.shuffle and not recall.fletcher32
        assert np.isnan(recall.fillvalue)
        assert recall.attrs["long_name"].decode() == "recall of größe" and recall.attrs["k"] == 5
        for name in SERIES:
            assert file[name].dims[0][0] == file["replicate"], name
            assert file[name].dims[1][0] == file["generation"], name
        assert file["floor/recall"].dims[0][0] == file["replicate"]
        assert file["theory/recall"].dims[0][0] == file["generation"]
        assert file["floor/recall"][:7].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
        assert file["theory/recall"][:].tolist() == [1, 0.5, 0.25, 0, 0, 0, 0]
        assert check_columns(file, 7) == 2
    with h5py.File(os.path.join(folder, "gen-0002.h5")) as file:
        assert file.attrs["generation"] == 2 and file.attrs["conventions"] == b"madloop-1"
        assert file["model/0000/mean"][:].tolist() == [1, 0.5, 0.25]
        assert file["samples"].shape == (R, 1, 1)
    again = os.path.join(WHERE, "again")
    os.mkdir(again)
    time.sleep(1.1)  # a stored time would have another second
    subprocess.run([TOOL, "layout", again], check=True)
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as a, open(os.path.join(again, name), "rb") as b:
            assert a.read() == b.read(), f"{name}: the same content gives other bytes"


def check_kills():
    """SIGKILL at random moments: whatever is visible is whole, and the writer goes on from it."""
    folder = os.path.join(WHERE, "kills")
    os.mkdir(folder)
    moments = random.Random(7)
    n_unfinished, seen, commit_s = 0, set(), 0.01
    for i in range(N_KILLS):
        writer = subprocess.Popen([TOOL, "commits", folder], stdout=subprocess.PIPE)
        assert writer.stdout.readline(), "the writer gave up"
        for _ in range(moments.randrange(4)):
            start = time.monotonic()
            assert writer.stdout.readline(), "the writer gave up"
            commit_s = time.monotonic() - start
        time.sleep(moments.uniform(0, commit_s))
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        n_unfinished += os.path.exists(os.path.join(folder, ".run.h5.tmp"))
        with h5py.File(os.path.join(folder, "run.h5")) as file:
            n_done = check_columns(file, 300)
        seen.add(int(n_done))
        for name in sorted(os.listdir(folder)):
            if name.startswith("gen-"):
                with h5py.File(os.path.join(folder, name)) as file:
                    assert file.attrs["generation"] == int(name[4:8])
                    assert file["model/0000/mean"][2] == 0.25
        names = {f"gen-{g:04d}.h5" for g in range(1, n_done + 1)}
        assert names <= set(os.listdir(folder)), f"kill {i}: missing generation files"
    assert len(seen) > N_KILLS // 4, f"the kills hit too few states: {sorted(seen)}"
    assert n_unfinished > 0, "the kills missed the commits"
    print(f"{N_KILLS} kills, {n_unfinished} within a commit, {len(seen)} values of n_done")


def check_events():
    subprocess.run([TOOL, "events", WHERE], check=True)
    with open(os.path.join(WHERE, "log.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert [line["event"] for line in lines] == ["start", "end"]
    assert list(lines[0])[:2] == ["time", "event"] and lines[0]["time"].endswith("Z")
    del lines[0]["time"], lines[0]["event"]
    assert lines[0] == {"text": 'a "quoted"\nline, größe', "broken": "?/x", "whole": 7, "real": 0.1,
                        "nan": None, "infinite": None}
    assert isinstance(lines[0]["whole"], int)


def png_pixels(path):
    """Header and pixels of an 8-bit PNG, by the PNG specification."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, head = 8, b"", None
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        assert struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + body)
        head = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else head
        packed += body if kind == b"IDAT" else b""
        at += 12 + n
    width, height, depth, colour = head[:4]
    assert depth == 8
    bpp = {0: 1, 2: 3}[colour]
    raw = zlib.decompress(packed)
    rows, above = [], [0] * (width * bpp)
    for y in range(height):
        line = raw[y * (width * bpp + 1):(y + 1) * (width * bpp + 1)]
        row = []
        for x, value in enumerate(line[1:]):
            a = row[x - bpp] if x >= bpp else 0
            b, c = above[x], above[x - bpp] if x >= bpp else 0
            paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row.append(value + [0, a, b, (a + b) // 2, paeth][line[0]] & 255)
        rows.append(row)
        above = row
    return width, height, bpp, sum(rows, [])


def check_pictures():
    subprocess.run([TOOL, "pictures", WHERE], check=True)
    for name, bpp in [("grey.png", 1), ("rgb.png", 3)]:
        want = (5, 3, bpp, [i * 37 % 256 for i in range(15 * bpp)])
        assert png_pixels(os.path.join(WHERE, name)) == want, name


check_layout()
check_kills()
check_events()
check_pictures()
shutil.rmtree(WHERE)
