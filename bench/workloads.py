"""What is measured: rows of the ratio table, and sweeps of our own benches."""
import dataclasses
import pathlib

HERE = pathlib.Path(__file__).parent
UNIT_LOOP = "generations x seeds/s"
HAS_AVX512 = " avx512f " in pathlib.Path("/proc/cpuinfo").read_text()
# PyTorch leaves AVX-512 unused unless told; without it in the processor the word makes it crash.
WIDEST = {"ATEN_CPU_CAPABILITY": "avx512" if HAS_AVX512 else "avx2"}


@dataclasses.dataclass(frozen=True)
class Program:
    words: tuple       # name (*.py: a peer), then arguments; {threads} is filled in
    figure: str        # path of the figure in its JSON object
    env: dict = dataclasses.field(default_factory=dict)
    label: str = "default"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str            # a rate ("images/s"), or "s" where less is better
    ours: Program
    peers: tuple         # its variants: the fastest counts
    must: float
    stretch: float
    our_gflops: str = ""  # figures of the programs, where they count FLOPs
    peer_gflops: str = ""
    slow: bool = False   # minutes a pair: only when asked for by name


@dataclasses.dataclass(frozen=True)
class Sweep:
    """One of our benches over a parameter."""
    name: str
    title: str
    axis: str
    values: tuple
    program: object      # value -> Program
    unit: str
    more: tuple = ()     # further figures to print


def variants(words, figure, *axes):
    """Every combination of one choice per axis; a choice is (label, words, env)."""
    found = [("", (), {})]
    for axis in axes:
        found = [(f"{label} {name}".strip(), more + extra, env | add)
                 for label, more, env in found for name, extra, add in axis]
    return tuple(Program(words + more, figure, WIDEST | env, label or "default")
                 for label, more, env in found)


NO = ("", (), {})
JIT = ("jit", ("--jit",), {})
LAST = ("channels-last", ("--channels-last",), {})
FOREACH = ("foreach", ("--foreach",), {})
# OpenBLAS picks a kernel by the processor's name; on a new one that may not be the fastest.
KERNEL = "SkylakeX" if HAS_AVX512 else "Haswell"
NAMED = (f"OpenBLAS {KERNEL}", (), {"OPENBLAS_CORETYPE": KERNEL})


def batches(*sizes):
    return [(f"batch {size}", ("--sample-batch", str(size)), {}) for size in sizes]


def mlp_ours(figure, width, depth, batch, steps, samples, windows=3):
    return Program(("bench_diffusion", "--threads", "{threads}", "--windows", str(windows),
                    "--samples", str(samples), f"net.width={width}", f"net.depth={depth}",
                    "net.embedding=64", f"train.batch={batch}", f"train.steps={steps}",
                    "parameterization=eps", "sampler.kind=ddim", "sampler.steps=50"), figure)


def mlp_train(name, width, depth, batch, must, stretch, steps):
    peer = ("peer_mlp2d.py", "--threads", "{threads}", "--width", str(width), "--layers",
            str(depth), "--batch", str(batch), "--train-steps", str(3 * steps), "--windows", "3",
            "--warmup", "10", "--samples", "1024", "--sample-reps", "1")
    return Row(name, f"MLP {depth} x {width} training, batch {batch}", "steps/s",
               mlp_ours("train_steps_per_s", width, depth, batch, 2 * steps, 1024),
               variants(peer, "train_steps_per_s", [NO, NAMED], [NO, JIT], [NO, FOREACH]),
               must, stretch, "train_gflops", "train_gflops")


def mlp_sample(samples):
    peer = ("peer_mlp2d.py", "--threads", "{threads}", "--train-steps", "7", "--warmup", "0",
            "--samples", str(samples), "--sample-reps", "1")
    return Row("mlp-sample", "MLP 4 x 256 sampling, DDIM 50 steps", "samples/s",
               mlp_ours("samples_per_s", 256, 4, 1024, 8, samples),
               variants(peer, "samples_per_s", [NO, NAMED], [NO, JIT],
                        batches(256, 1024, 4096)), 2.4, 3.0, "sample_gflops",
               "sample_gflops")


def unet_ours(figure, size, base=32, batch=128, steps=8, samples=512, evaluations=2, windows=3,
              more=()):
    return Program(("bench_diffusion", "--threads", "{threads}", "--windows", str(windows),
                    "--pictures", str(size), "--samples", str(samples), "net.kind=unet",
                    f"net.base={base}", f"train.batch={batch}", f"train.steps={steps}",
                    "train.lr=1e-4", "parameterization=eps", "sampler.kind=ddim",
                    f"sampler.steps={evaluations}", "sampler.clip=range", *more), figure)


def unet_train(size, few):
    peer = ("peer_unet.py", "--threads", "{threads}", "--size", str(size), "--no-sample",
            "--warmup", "2", "--windows", "3", "--steps-per-window", str(max(1, 3 // few)))
    return Row(f"unet{size}", f"U-Net {size} x {size} training, batch 128", "images/s",
               unet_ours("train_rows_per_s", size, samples=1, steps=max(3, 10 // few)),
               variants(peer, "train_images_per_s", [NO, LAST], [NO, JIT]), 2.0, 2.5,
               "train_gflops", "train_gflops")


def unet_sample(size, guided, few):
    """DDIM with clipped x0 on both sides. Three runs of the peer: its first traced one compiles."""
    nfe = max(4, 16 // few)
    name, title, theirs, more = (
        ("-guided", "guided", "guided", ("guide.kind=cfg", "guide.w=1")) if guided else
        ("-sample", "plain", "sample", ()))
    peer = ("peer_unet.py", "--threads", "{threads}", "--size", str(size), "--batch", "8",
            "--warmup", "0", "--windows", "1", "--steps-per-window", "1", "--nfe", str(nfe),
            "--sample-reps", "3",
            *(() if guided else ("--no-guided",)))
    sizes = [(f"batch {n}", ("--sample-batch", str(n), "--samples", str(n)), {})
             for n in (64, 128)]
    return Row(f"unet{size}{name}", f"U-Net {size} x {size} sampling, {title}, DDIM {nfe} steps",
               "images/s",
               unet_ours("samples_per_s", size, steps=1, evaluations=nfe, more=more),
               variants(peer, f"{theirs}_images_per_s", [NO, LAST], [NO, JIT], sizes), 1.8, 2.5,
               "sample_gflops", f"{theirs}_gflops")


def loop(name, title, config, generations, peer, axis, must, stretch):
    ours = Program(("bench_loops", str(HERE / config), "{threads}", f"generations={generations}"),
                   "generation_seeds_per_s")
    return Row(name, title, UNIT_LOOP, ours,
               variants(("peer_gauss.py", "--reps", "1", *peer), "generation_seeds_per_s", axis),
               must, stretch)


def neighbours(name, rows, must, stretch, slow=False):
    peer = ("peer_neighbours.py", "--threads", "{threads}", "--rows", str(rows))
    ways = [("scikit-learn", ("--how", "sklearn"), {})]
    ways += [(f"{how}, blocks of {block}", ("--how", how, "--block", str(block)), {})
             for how in ("kthvalue", "topk") for block in (500, 2000)]
    ours = Program(("bench_metrics", "prdc", "--threads", "{threads}", "--rows", str(rows),
                    "--repeats", "1"), "seconds")
    return Row(name, f"precision and recall, k = 5, {rows} + {rows} rows x 128", "s", ours,
               variants(peer, "seconds", ways), must, stretch, slow=slow)


def frechet():
    peer = ("peer_metrics.py", "--threads", "{threads}", "--what", "fd2048")
    peers = [dataclasses.replace(p, figure=f"results.fd_2048_{how}.s", label=f"{how} {p.label}")
             for how in ("eigh", "sqrtm") for p in variants(peer, "", [NO, NAMED])]
    return Row("frechet", "Frechet distance, 10000 + 10000 rows x 2048", "s",
               Program(("bench_metrics", "frechet", "--threads", "{threads}", "--dim", "2048",
                        "--repeats", "1"), "seconds"), tuple(peers), 1.0, 2.0)


def rows(quick):
    few = 4 if quick else 1
    return [
        mlp_train("mlp256", 256, 4, 1024, 1.8, 2.4, 120 // few),
        mlp_train("mlp128", 128, 3, 512, 2.5, 4.0, 400 // few),
        mlp_sample(16384 // few),
        *(unet_train(size, few) for size in (28, 16)),
        *(unet_sample(size, guided, few) for size in (28, 16) for guided in (False, True)),
        loop("gauss1d", "Gaussian loop, d = 1, n = 100, 1000 seeds", "gauss-1d.yaml",
             2000 // few, ("--mode", "1d", "--sub-generations", str(200 // few)),
             [NO, ("100 seeds at a time", ("--sub-seeds", "100"), {})], 25.0, 40.0),
        loop("gauss100d", "Gaussian loop, d = 100, n = 1000, explicit samples", "gauss-100d.yaml",
             40 // few, ("--mode", "nd", "--sub-generations", str(60 // few)), [NO, NAMED],
             7.0, 12.0),
        neighbours("neighbours", 10000, 5.0, 10.0),
        neighbours("neighbours50k", 50000, 5.0, 10.0, slow=True),
        frechet(),
    ]


def loop_sweep(name, title, axis, values):
    """Rate of the 1-D Gaussian loop: level when the cost is linear in `axis`."""
    return Sweep(name, f"1-D Gaussian loop over {title}", axis, values,
                 lambda v: Program(("bench_loops", str(HERE / "gauss-1d.yaml"), "{threads}",
                                    *(["generations=500"] if axis != "generations" else []),
                                    f"{axis}={v}"), "generation_seeds_per_s"),
                 UNIT_LOOP, ("peak_mb",))


def sweeps(quick):
    few = 4 if quick else 1
    return [
        Sweep("mlp-batch", "MLP 4 x 256 training over the batch", "batch",
              (128, 256, 512, 1024, 2048, 4096),
              lambda v: mlp_ours("train_steps_per_s", 256, 4, v, 200 * 1024 // v // few, 256, 1),
              "steps/s", ("train_gflops",)),
        Sweep("mlp-width", "MLP with 4 layers, batch 1024, training over the width", "width",
              (64, 128, 256, 512, 1024),
              lambda v: mlp_ours("train_steps_per_s", v, 4, 1024,
                                 max(10, 200 * 65536 // (v * v) // few), 256, 1),
              "steps/s", ("train_gflops",)),
        Sweep("mlp-samples", "MLP 4 x 256, DDIM 50 steps, over the number of samples", "samples",
              (256, 1024, 4096, 16384),
              lambda v: mlp_ours("samples_per_s", 256, 4, 1024, 8, v, 1),
              "samples/s", ("sample_gflops",)),
        Sweep("unet-size", "U-Net training, batch 128, over the size of pictures", "pixels",
              (8, 16, 28, 32, 64),
              lambda v: unet_ours("train_rows_per_s", v, samples=1, windows=1,
                                  steps=max(2, 6 * 1024 // (v * v))),
              "images/s", ("train_gflops",)),
        Sweep("unet-batch", "U-Net 28 x 28 training over the batch", "batch",
              (16, 32, 64, 128, 256),
              lambda v: unet_ours("train_rows_per_s", 28, batch=v, samples=1, windows=1,
                                  steps=max(2, 1024 // v // few)),
              "images/s", ("train_gflops",)),
        Sweep("unet-width", "U-Net 28 x 28 training, batch 128, over the width", "base channels",
              (8, 16, 32, 64),
              lambda v: unet_ours("train_rows_per_s", 28, base=v, samples=1, windows=1,
                                  steps=max(2, 200 // v // few)),
              "images/s", ("train_gflops",)),
        Sweep("unet-samples", "U-Net 16 x 16 sampling, DDIM 8 steps, over the number of samples",
              "samples", (256, 512, 1024, 2048),
              lambda v: unet_ours("samples_per_s", 16, steps=1, samples=v, evaluations=8,
                                  windows=1),
              "images/s", ("sample_gflops",)),
        loop_sweep("loop-generations", "generations", "generations", (250, 500, 1000, 2000, 4000)),
        loop_sweep("loop-replicates", "replicates", "replicates", (125, 250, 500, 1000, 2000)),
    ]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """One of our benches on 1 and on all threads."""
    name: str
    title: str
    program: Program


def scalings(quick):
    by_name = {row.name: row for row in rows(quick)}
    names = ["mlp256", "mlp128", "mlp-sample", "unet28", "unet16", "unet28-sample",
             "unet28-guided", "unet16-sample", "gauss1d", "gauss100d", "neighbours"]
    return [Scaling(name, by_name[name].title, by_name[name].ours) for name in names]


MUST_SCALE, STRETCH_SCALE = 1.85, 1.95  # times, from 1 to 2 threads
