"""Streams and normals against numpy: any draw can be repeated in a notebook.

Usage: check_rng.py PROGRAM, which prints for each key a line
  seed replicate generation purpose item | 3 raw words | 1 uniform | 32 normals
"""
import subprocess
import sys

import numpy as np

program = sys.argv[1]
lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
assert len(lines) >= 20
for line in lines:
    key, raw, uniform, normals = (part.split() for part in line.split("|"))
    seed, *spawn_key = (int(word) for word in key)

    def stream():
        return np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=tuple(spawn_key)))

    assert [int(word) for word in raw] == [int(word) for word in stream().random_raw(3)], line
    assert float(uniform[0]) == np.random.Generator(stream()).random(), line
    words = stream().random_raw(16).reshape(2, 8)
    unit = (words >> np.uint64(11) | np.uint64(1)) * 2.0**-53
    turns = (words & np.uint64(0xFFFFFFFF)) * 2.0**-32
    radius, angle = np.sqrt(-2 * np.log(unit)), 2 * np.pi * turns
    expected = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()
    got = np.array([float(word) for word in normals])
    assert np.abs(got - expected).max() < 1e-14, line
print(f"{len(lines)} streams equal numpy's, normals within 1e-14")
