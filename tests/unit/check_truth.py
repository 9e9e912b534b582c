"""Recompute with numpy and scipy the measures that ask the world. usage: check_truth.py TRUTH_PRINT"""
import json
import subprocess
import sys

try:
    import numpy as np
    from scipy import linalg, stats
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

failures = []
rng = np.random.default_rng(20260)
nan = float("nan")


def close(case, name, got, expected, rel=1e-9, absolute=1e-13):
    got, expected = float(got), float(expected)
    same = got == expected or (np.isnan(got) and np.isnan(expected))
    if not (same or abs(got - expected) <= rel * abs(expected) + absolute):
        failures.append(f"{case['group']} {case['real'].shape}: {name} is {got!r}, expected {expected!r}")


# ---- bridges: rows between modes ---------------------------------------------------------------

def bridges(case):
    x, centre, sd, weight = case["fake"], case["centres"], case["sd"], case["weights"]
    distance = np.sqrt(((x[:, None] - centre[None]) ** 2).sum(-1)) / sd
    nearest, near = distance.argmin(1), distance.min(1) <= 5
    groups = [x[near & (nearest == k)] for k in range(len(centre))]
    groups = [g for g in groups if len(g)]
    n_free = sum(map(len, groups)) - len(groups)
    square = sum(((g - g.mean(0)) ** 2).sum() for g in groups)
    return {"bridge_mass": 1 - near.mean(), "modes_missed": len(centre) - len(set(nearest)),
            "modes_missed_expected": ((1 - weight) ** len(x)).sum(),
            "mode_variance_ratio": square / (x.shape[1] * n_free * sd**2) if n_free > 0 else nan}


def bridges_cases():
    for n, dim, k, spread in ((200, 2, 25, 0.05), (500, 2, 8, 0.3), (50, 1, 3, 0.2), (40, 5, 4, 0.1),
                              (1, 2, 3, 0.1), (3, 2, 3, 0.1)):
        centre = rng.normal(size=(k, dim)) * 2
        weight = rng.dirichlet(np.ones(k))
        pick = rng.choice(k, size=n, p=weight)
        fake = centre[pick] + spread * rng.standard_t(2, size=(n, dim))
        yield {"group": "bridges", "real": fake, "fake": fake, "centres": centre, "sd": spread,
               "weights": weight}
        fake = np.repeat(fake[:1], n, 0)  # one point
        yield {"group": "bridges", "real": fake, "fake": fake, "centres": centre, "sd": spread,
               "weights": weight}
    far = np.full((4, 2), 1e6)  # no row near any mode
    yield {"group": "bridges", "real": far, "fake": far, "centres": np.zeros((2, 2)), "sd": 0.1,
           "weights": np.array([0.5, 0.5])}


# ---- nll: densities ----------------------------------------------------------------------------

def nll(case):
    real, fake = (x[np.isfinite(x)] for x in case["logs"])
    return {"nll_excess": real.mean() - fake.mean() if len(fake) else nan,
            "impossible_share": 1 - len(fake) / len(case["logs"][1])}


def nll_cases():
    for n, m, share in ((100, 80, 0), (7, 300, 0.3), (1, 1, 0), (5, 5, 1)):
        logs = [rng.normal(size=n) * 10, rng.normal(size=m) * 30]
        logs[1][rng.random(m) < share] = -np.inf
        yield {"group": "nll", "real": np.zeros((n, 1)), "fake": np.zeros((m, 1)), "logs": logs}


# ---- heavy_tails: the largest norms ------------------------------------------------------------

def heavy_tails(case):
    real, fake = (np.sort(linalg.norm(case[side], axis=1)) for side in ("real", "fake"))
    k = len(fake) // 100
    hill = nan
    if k and fake[-k - 1] > 0 and fake[-1] > fake[-k - 1]:
        hill = 1 / np.mean(np.log(fake[-k:]) - np.log(fake[-k - 1]))
    low, far = np.quantile(fake, [0.99, 0.999])
    real_iqr = stats.iqr(real)
    return {"hill_index": hill, "tail_quantile_ratio": far / low if low > 0 else nan,
            "iqr_ratio": stats.iqr(fake) / real_iqr if real_iqr > 0 else nan,
            "exceedance_q99": np.mean(fake > np.quantile(real, 0.99))}


def heavy_tails_cases():
    for n, m, dim, nu, scale in ((500, 500, 1, 2.5, 1), (300, 2000, 3, 1, 1e140), (100, 100, 8, 30, 1e-140),
                                 (4, 99, 2, 3, 1), (1, 1, 1, 3, 1)):
        real, fake = (scale * rng.standard_t(nu, size=(rows, dim)) for rows in (n, m))
        yield {"group": "heavy_tails", "real": real, "fake": fake}
        yield {"group": "heavy_tails", "real": real, "fake": np.round(fake / scale) * scale}  # ties
        yield {"group": "heavy_tails", "real": real, "fake": np.zeros((m, dim))}
        yield {"group": "heavy_tails", "real": np.ones((n, dim)), "fake": np.ones((m, dim))}


# ---- hermite: moments of polynomials that the OU semigroup damps one by one --------------------

def hermite(case):
    real, fake = case["real"], case["fake"]
    sd = real.std(0, ddof=1)
    if not np.ptp(real, 0).all():  # the sd of equal numbers may round away from 0
        return {f"hermite_{k}": nan for k in (2, 3, 4)}
    z = (fake - real.mean(0)) / sd
    return {f"hermite_{k}": np.polynomial.hermite_e.hermeval(z, np.eye(5)[k]).mean() for k in (2, 3, 4)}


def hermite_cases():
    for n, m, dim, scale in ((500, 400, 1, 1), (300, 2000, 3, 1e140), (60, 60, 8, 1e-140), (2, 5, 1, 1)):
        real, fake = (scale * (rng.gamma(2, size=(rows, dim)) + 1) for rows in (n, m))
        yield {"group": "hermite", "real": real, "fake": fake}
        yield {"group": "hermite", "real": real, "fake": np.repeat(fake[:1], m, 0)}
        yield {"group": "hermite", "real": np.repeat(real[:1], n, 0), "fake": fake}
    flat = rng.normal(size=(50, 3))
    flat[:, 1] = 2
    yield {"group": "hermite", "real": flat, "fake": rng.normal(size=(50, 3))}


# ---- directions: variance along the real axes --------------------------------------------------

def directions(case):
    real, fake = (np.atleast_2d(np.cov(case[side], rowvar=False)) for side in ("real", "fake"))
    value, vector = linalg.eigh(real)
    names = ("first", "last", "min", "max")
    if value[0] <= 1e-12 * value[-1]:
        return {f"direction_ratio_{name}": nan for name in names}
    ratio = np.einsum("ji,jk,ki->i", vector, fake, vector) / value
    picked = (ratio[-1], ratio[0], ratio.min(), ratio.max())
    return {f"direction_ratio_{name}": x for name, x in zip(names, picked)}


def directions_cases():
    for n, m, dim in ((200, 100, 1), (200, 300, 3), (60, 60, 8), (500, 20, 30), (5, 40, 10)):
        turn = rng.normal(size=(dim, dim))
        real, fake = rng.normal(size=(n, dim)) @ turn, rng.normal(size=(m, dim)) @ turn * 0.8
        yield {"group": "directions", "real": real, "fake": fake}
        yield {"group": "directions", "real": real, "fake": np.repeat(fake[:1], m, 0)}
    flat = rng.normal(size=(50, 3))
    flat[:, 1] = 2
    yield {"group": "directions", "real": flat, "fake": rng.normal(size=(50, 3))}


# ---- power: scales of pictures ------------------------------------------------------------------

def power(case):
    height, width, channels = case.get("shape", (0, 0, 0))
    bands = {"0": (0, 1), "1": (1, 2), "2": (2, 4), "4": (4, 8), "8": (8, 16), "16": (16, np.inf)}
    if not height:
        return {f"power_ratio_{name}": nan for name in bands}
    waves = np.hypot(np.fft.fftfreq(height, 1 / height)[:, None], np.fft.fftfreq(width, 1 / width))
    sides = []
    for rows in (case["real"], case["fake"]):
        pictures = (rows - rows[0]).reshape(len(rows), height, width, channels)
        f = np.fft.fft2(pictures - pictures.mean(0), axes=(1, 2))
        sides.append((np.abs(f) ** 2).sum((0, 3)) / (len(rows) - 1))
    out = {}
    for name, (low, high) in bands.items():
        real, fake = (side[(waves >= low) & (waves < high)].sum() for side in sides)
        out[f"power_ratio_{name}"] = fake / real if real > 1e-20 * sides[0].sum() else nan
    return out


def power_cases():
    for shape in ((16, 16, 1), (8, 8, 3), (5, 7, 1), (1, 12, 1), (1, 1, 1), (28, 28, 1), (33, 32, 1)):
        for n, m, scale in ((40, 30, 1), (2, 300, 1e150), (9, 9, 1e-150)):
            real, fake = rng.normal(size=(n, *shape)), rng.normal(size=(m, *shape))
            fake = (fake + np.roll(fake, 1, 2)) / 2 + 3  # fine waves die first
            yield {"group": "power", "real": real.reshape(n, -1) * scale,
                   "fake": fake.reshape(m, -1) * scale, "shape": shape}
    x = rng.normal(size=(20, 16))
    yield {"group": "power", "real": x, "fake": x}
    yield {"group": "power", "real": x, "fake": np.repeat(x[:1], 5, 0), "shape": (4, 4, 1)}
    yield {"group": "power", "real": np.repeat(x[:1], 5, 0), "fake": x, "shape": (4, 4, 1)}
    yield {"group": "power", "real": np.repeat(x[:, :1], 16, 1), "fake": x, "shape": (4, 4, 1)}


# ---- motion: films -----------------------------------------------------------------------------

def angle(z):
    return np.angle(z) % (2 * np.pi)


def motion(case):
    n_frames = case.get("frames", 0)
    names = ("path_residual shape_residual speed_variation bounce_angle_error speed_ks heading_kuiper "
             "start_ks motion_entropy frame_autocorrelation frame_difference").split()
    if not n_frames:
        return dict.fromkeys(names, nan)
    height, width, _ = case["shape"]
    real, fake = case["tracks"]  # x y misfit law_x law_y law_vx law_vy
    seen, law, v = (t[..., 0] + 1j * t[..., 1] for t in (fake, fake[..., 3:], fake[..., 5:]))
    free = v[:, 1:] == v[:, :-1]
    steps = np.diff(seen)
    speeds = [abs(s[f]) for s, f in zip(steps, free)]
    variation = [s.std(ddof=1) / s.mean() for s in speeds if len(s) > 1 and s.mean() > 0]
    film, t = np.nonzero(~free[:, 1:-1] & free[:, :-2] & free[:, 2:])
    before, after = v[film, t + 1], v[film, t + 2]
    into = (steps[film, t].real * np.where(before.real == after.real, 1, -1)
            + 1j * steps[film, t].imag * np.where(before.imag == after.imag, 1, -1))
    errors = np.angle(steps[film, t + 2] * into.conj())
    speed, heading, start = zip(*((abs(x[:, 0, 5] + 1j * x[:, 0, 6]), angle(x[:, 0, 5] + 1j * x[:, 0, 6]),
                                   x[:, 0, 3:5]) for x in (real, fake)))
    at = np.sort(np.concatenate(heading))
    gap = [np.searchsorted(np.sort(h), at, "right") / len(h) for h in heading]
    cells = [np.searchsorted(np.quantile(speed[0], np.arange(1, 6) / 6), speed[1]),
             np.minimum(heading[1] / (2 * np.pi) * 8, 7).astype(int), start[1][:, 0] >= width / 2,
             start[1][:, 1] >= height // n_frames / 2]
    h = np.unique(np.stack(cells), axis=1, return_counts=True)[1] / len(fake)
    x = case["fake"].reshape(len(fake), n_frames, -1)
    d = x - x.mean((1, 2), keepdims=True)
    c0, c1 = (d**2).mean((1, 2)), (d[:, 1:] * d[:, :-1]).mean((1, 2))
    return dict(zip(names, (
        np.sqrt((abs(seen - law) ** 2).mean()), np.sqrt((fake[..., 2] ** 2).mean()),
        np.mean(variation) if variation else nan, np.sqrt((errors**2).mean()) if len(errors) else nan,
        stats.ks_2samp(*speed).statistic, (gap[0] - gap[1]).max() + (gap[1] - gap[0]).max(),
        max(stats.ks_2samp(start[0][:, k], start[1][:, k]).statistic for k in (0, 1)), -(h * np.log(h)).sum(),
        np.mean(c1[c0 > 0] / c0[c0 > 0]) if (c0 > 0).any() else nan,
        np.sqrt((np.diff(x, axis=1) ** 2).mean()))))


def motion_cases():
    def tracks(n, n_frames, share):
        turns = np.where(rng.random((n, n_frames, 2)) < share, -1, 1)
        velocity = rng.normal(size=(n, 1, 2)) * np.cumprod(turns, axis=1)
        law = rng.uniform(0, 6, (n, n_frames, 2))
        return np.concatenate([law + 0.1 * rng.normal(size=law.shape), rng.random((n, n_frames, 1)), law,
                               velocity], axis=2)

    for n, m, n_frames, share in ((50, 60, 8, 0.1), (200, 300, 16, 0.05), (3, 2, 2, 0.5), (40, 40, 9, 0),
                                  (30, 20, 5, 1)):
        shape = (n_frames * 6, 6, 1)
        real, fake = (rng.normal(size=(k, n_frames * 36)) for k in (n, m))
        case = {"group": "motion", "real": real, "fake": fake, "shape": shape, "frames": n_frames,
                "tracks": [tracks(n, n_frames, share), tracks(m, n_frames, share)]}
        yield case
        still = case["tracks"][1][:, :1].repeat(n_frames, 1)
        yield {**case, "fake": np.full_like(fake, 0.25), "tracks": [case["tracks"][0], still]}
    yield {"group": "motion", "real": real, "fake": fake}


# ---- scene: objects at places ------------------------------------------------------------------

def scene(case):
    names = ("object_kind_kl object_place_kl object_depth_kl kind_pair_kl kind_place_information "
             "distinct_arrangements object_count object_size_sd_ratio object_iou").split()
    if "scene" not in case:
        return dict.fromkeys(names, nan)
    places, kinds, depths = case["scene"]
    joint, pair, depth = case["law"]
    real, fake = case["objects"]  # kind depth x y size iou
    kind = fake[..., 0].astype(int)
    row, place = np.nonzero(kind >= 0)
    found = fake[row, place]

    def shares(x, n):
        return np.bincount(x, minlength=n) / len(x)

    def kl(h, p):
        return stats.entropy(h, p) if np.isfinite(h).all() else nan

    if not len(found):
        out = dict.fromkeys(names, nan)
        out.update(distinct_arrangements=1 / len(fake), object_count=0)
        return out
    k = kind[row, place]
    pairs = [tuple(sorted((x[a], x[b]))) for x in (one[one >= 0] for one in kind)
             for a in range(len(x)) for b in range(a)]
    together = {(a, b): pair[a, b] + (pair[b, a] if a < b else 0) for a in range(kinds) for b in range(a, kinds)}
    h = np.array([pairs.count(ab) for ab in together]) / max(len(pairs), 1)
    table = np.bincount(k * places + place, minlength=kinds * places).reshape(kinds, places)
    real_size, size = real[..., 4][real[..., 0] >= 0], found[:, 4]
    spread = size.std(ddof=1) / real_size.std(ddof=1) if min(len(size), len(real_size)) > 1 else nan
    expected = np.outer(table.sum(1), table.sum(0)).ravel()
    return dict(zip(names, (
        kl(shares(k, kinds), joint.sum(1)), kl(shares(place, places), joint.sum(0)),
        kl(shares(found[:, 1].astype(int), depths), depth),
        kl(h, np.array(list(together.values()))) if pairs else nan, kl(table.ravel(), expected),
        len(np.unique(fake[..., :2].reshape(len(fake), -1), axis=0)) / len(fake), len(found) / len(fake), spread,
        found[:, 5].mean())))


def scene_cases():
    for n, m, places, kinds, depths, share in ((200, 300, 9, 3, 4, 0.3), (50, 20, 4, 2, 5, 0.5),
                                               (10, 400, 2, 5, 3, 0.4), (9, 9, 1, 1, 1, 0.9), (5, 6, 9, 3, 4, 0)):
        def objects(n, share):
            there = rng.random((n, places, 1)) < share
            what = np.stack([rng.integers(kinds, size=(n, places)), rng.integers(depths, size=(n, places))], 2)
            return np.concatenate([np.where(there, what, -1), rng.normal(size=(n, places, 3)),
                                   rng.random((n, places, 1))], 2)

        pair = rng.dirichlet(np.ones(kinds * kinds)).reshape(kinds, kinds)
        law = [rng.dirichlet(np.ones(kinds * places)).reshape(kinds, places), pair + pair.T,
               rng.dirichlet(np.ones(depths))]
        law[1] /= 2
        yield {"group": "scene", "real": np.zeros((n, 1)), "fake": np.zeros((m, 1)),
               "scene": (places, kinds, depths), "law": law, "objects": [objects(n, 0.5), objects(m, share)]}
    yield {"group": "scene", "real": np.zeros((3, 1)), "fake": np.zeros((2, 1))}


# ---- factors: what rows are made of --------------------------------------------------------------

def is_number(f):
    return f["period"] == 0 and not len(f["levels"])


def factors(case):
    names = ("residual residual_ratio valid_share rare_rate found_class_kl label_hit_rate factor_class_information "
             "factor_w2 factor_sd_ratio factor_sd_ratio_min factor_ks factor_kuiper factor_coverage "
             "factor_level_kl").split()
    law, found, n_classes = case["factors"], case["found"], len(case["class_p"])
    real, fake = (side["factor"].T for side in found)
    out = dict.fromkeys(names, nan)
    rms = [np.sqrt((side["residual"] ** 2).mean()) for side in found]
    out["residual"], out["valid_share"] = rms[1], found[1]["valid"].mean()
    out["residual_ratio"] = rms[1] / rms[0] if rms[0] > 0 else nan
    if case["rare_p"] > 0:
        out["rare_rate"] = found[1]["rare"].mean()
    label = found[1]["label"]
    if n_classes:
        out["found_class_kl"] = stats.entropy(np.bincount(label, minlength=n_classes) / len(label), case["class_p"])
        out["label_hit_rate"] = (label == case["labels"]).mean()
    numbers = [k for k, f in enumerate(law) if is_number(f)]
    if numbers:
        white = [np.array([(side[k] - law[k]["mean"]) / law[k]["sd"] for k in numbers]) for side in (real, fake)]
        mean, cov = [w.mean(1) for w in white], [np.atleast_2d(np.cov(w)) for w in white]
        root = linalg.sqrtm(cov[0])
        cross = np.sqrt(np.maximum(linalg.eigvalsh(root @ cov[1] @ root), 0)).sum()
        square = ((mean[0] - mean[1]) ** 2).sum() + np.trace(cov[0] + cov[1]) - 2 * cross
        out["factor_w2"] = np.sqrt(max(square, 0))
        if np.ptp(white[0], axis=1).min() > 0:
            flat = np.ptp(white[1], axis=1) == 0
            ratio = np.where(flat, 0, white[1].std(1, ddof=1) / white[0].std(1, ddof=1))
            out["factor_sd_ratio"], out["factor_sd_ratio_min"] = stats.gmean(ratio), ratio.min()
        out["factor_ks"] = max(stats.ks_2samp(real[k], fake[k]).statistic for k in numbers)
        if n_classes:
            eta = [0 if np.ptp(x) == 0 else
                   1 - sum(((x[label == c] - x[label == c].mean()) ** 2).sum() for c in set(label)) / ((x - x.mean()) ** 2).sum()
                   for x in white[1]]
            out["factor_class_information"] = -np.log1p(-np.array(eta)).sum() / 2
    gaps = []
    for k, f in enumerate(law):
        if f["period"]:
            at = np.concatenate([real[k], fake[k]])
            cdf = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (real[k], fake[k])]
            gaps.append(max((cdf[0] - cdf[1]).max(), 0) + max((cdf[1] - cdf[0]).max(), 0))
    out["factor_kuiper"] = max(gaps, default=nan)
    reached = [len(np.unique(np.minimum((fake[k] - f["low"]) / (f["high"] - f["low"]) * 100, 99).astype(int))) / 100
               for k, f in enumerate(law) if f["high"] > f["low"]]
    out["factor_coverage"] = np.mean(reached) if reached else nan
    kls = [stats.entropy(np.bincount(fake[k].astype(int), minlength=len(f["levels"])) / fake.shape[1], f["levels"])
           for k, f in enumerate(law) if len(f["levels"])]
    out["factor_level_kl"] = np.mean(kls) if kls else nan
    return out


def factor_spread(case):
    real, fake = (side["factor"].T for side in case["found"])
    out = dict.fromkeys((f"factor_sd_ratio_{k}" for k in range(1, 8)), nan)
    for k, f in enumerate(case["factors"]):
        if is_number(f) and np.ptp(real[k]) > 0:
            out[f"factor_sd_ratio_{k + 1}"] = fake[k].std(ddof=1) / real[k].std(ddof=1) if np.ptp(fake[k]) else 0
    return out


def factors_cases():
    def law(**more):
        return {"mean": 0.2, "sd": 0.5, "low": 0, "high": 0, "period": 0, "levels": np.zeros(0), **more}

    number, angle = law(), law(period=2 * np.pi, high=2 * np.pi)
    range_, levels = law(mean=3, sd=2, low=-40, high=40), law(levels=np.array([0.2, 0.5, 0.3]))

    def draw(f, n, wide):
        if len(f["levels"]):
            return rng.integers(len(f["levels"]), size=n)
        return rng.uniform(0, 2 * np.pi, n) if f["period"] else f["mean"] + wide * f["sd"] * rng.normal(size=n)

    def side(laws, n, n_classes, wide):
        label = rng.integers(max(n_classes, 1), size=n)
        x = np.array([draw(f, n, wide) + (0.1 * label if is_number(f) else 0) for f in laws]).T
        return {"factor": x, "residual": abs(rng.normal(size=n)), "valid": rng.random(n) < 0.8,
                "rare": rng.random(n) < 0.3, "label": label}

    def still(one, k):
        """All rows as row k."""
        return {name: np.repeat(x[k:k + 1], len(x), 0) for name, x in one.items()}

    for n, m, laws, n_classes, rare_p in ((300, 200, [number, range_, number], 4, 0.1), (50, 61, [angle, levels, range_], 0, 0),
                                          (40, 30, [levels, angle, number, angle, levels], 3, 0), (90, 80, [levels], 2, 0.5),
                                          (2, 2, [number, number], 0, 0.2)):
        real, fake = side(laws, n, n_classes, 1), side(laws, m, n_classes, 0.8)
        ties = [{**one, "factor": np.round(one["factor"], 1)} for one in (real, fake)]
        for found in ([real, fake], ties, [real, still(fake, 0)], [still(real, 1), fake], [still(real, 0), still(fake, 1)],
                      [{**real, "residual": np.zeros(n)}, fake]):
            if any(f["period"] for f in laws):
                found = [{**one, "factor": np.where([f["period"] > 0 for f in laws],
                                                    np.clip(one["factor"], 0, 6.28), one["factor"])} for one in found]
            case = {"real": np.zeros((n, 1)), "fake": np.zeros((m, 1)), "factors": laws, "found": found,
                    "class_p": rng.dirichlet(np.ones(n_classes)) if n_classes else np.zeros(0), "rare_p": rare_p,
                    "labels": rng.integers(max(n_classes, 1), size=m)}
            yield {**case, "group": "factors"}
            yield {**case, "group": "factor_spread"}


def factor_arrays(case):
    if "factors" not in case:
        return []
    arrays = [np.array([case["rare_p"]])]
    for f in case["factors"]:
        arrays += [np.array([f[key] for key in ("mean", "sd", "low", "high", "period")] + [len(f["levels"])]), f["levels"]]
    arrays.append(case["class_p"])
    for one in case["found"]:
        arrays += [one["factor"], one["residual"], one["valid"]]
        arrays += [one["rare"]] if case["rare_p"] else []
        arrays += [one["label"]] if len(case["class_p"]) else []
    return arrays + ([case["labels"]] if len(case["class_p"]) else [])


# ---- all ---------------------------------------------------------------------------------------

def as_text(case):
    real, fake = case["real"], case["fake"]
    modes, logs = len(case.get("centres", ())), case.get("logs")
    parts = [case["group"], len(real), len(fake), real.shape[1], *case.get("shape", (0, 0, 0)), modes,
             len(logs[1]) if logs else 0, case.get("frames", 0), *case.get("scene", (0, 0, 0)), len(case.get("factors", ())), len(case.get("class_p", ()))]
    arrays = [real, fake]
    if modes:
        arrays += [np.array([case["sd"]]), case["centres"], case["weights"]]
    arrays += logs if logs else []
    arrays += [*case.get("tracks", []), *case.get("law", []), *case.get("objects", []), *factor_arrays(case)]
    return " ".join([str(part) for part in parts] + [float(x).hex() for a in arrays for x in a.ravel()])


cases = [*bridges_cases(), *nll_cases(), *heavy_tails_cases(), *hermite_cases(), *directions_cases(), *power_cases(),
         *motion_cases(), *scene_cases(), *factors_cases()]
run = subprocess.run([sys.argv[1]], input="\n".join(map(as_text, cases)) + "\n", text=True,
                     capture_output=True)
lines = [json.loads(line) for line in run.stdout.splitlines()]
if run.returncode != 0 or len(lines) != len(cases):
    sys.exit(f"truth_print stopped with {run.returncode} after {len(lines)} cases: {run.stderr}")
for one, values in zip(cases, lines):
    expected = globals()[one["group"]](one)
    assert set(expected) == set(values) - {"case"}, (set(expected), set(values))
    for name, value in expected.items():
        close(one, name, values[name], value)
print(f"{len(cases)} cases, {len(failures)} failures")
print("\n".join(failures[:30]))
sys.exit(1 if failures else 0)
