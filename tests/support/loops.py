"""Small experiments that together touch every box and knob; used by bit-identity checks."""

DIFFUSION = """
world: {kind: ring, modes: 8}
model:
  kind: diffusion
  net: {width: 32, depth: 2}
  train: {steps: 60, batch: 64}
  schedule: {steps: 40}
measure: {n: 300, preview: 64}
"""

GAUSS = """
world: {kind: gauss, dim: 3, spectrum: 1}
model: {kind: gauss, ddof: unbiased}
measure: {n: 200, preview: 32}
"""

# name -> (generations, replicates, yaml)
LOOPS = {
    "diffusion-fresh": (4, 2, DIFFUSION + """
loop: {family: fresh, n_initial: 200, n_real: 100, n_synthetic: 100}
"""),
    "diffusion-warm-pool": (4, 2, DIFFUSION + """
loop: {family: synthetic_augmentation, n_initial: 200, n_real: 100, n_synthetic: 100,
       retain: accumulate, start: warm(20)}
bias: {kind: guidance, strength: "linear(0.7, 1)"}
"""),
    "gauss-ages": (9, 3, GAUSS + """
loop: {real: fresh, n_initial: 50, n_real: 20, n_synthetic: "linear(10, 60)", age: uniform(3),
       real_weight: 0.4}
bias: {kind: shrink, strength: 0.9}
"""),
    "gauss-window-budget": (9, 3, GAUSS + """
loop: {real: fixed, n_initial: 50, n_real: 30, n_synthetic: [40, 50, 60], retain: window(3),
       budget: 70}
"""),
    "gauss-all-ages": (8, 2, GAUSS + """
loop: {real: fresh_accumulate, n_initial: 40, n_real: 10, n_synthetic: 30, age: all,
       retain: accumulate}
bias: {kind: truncation, strength: 2}
checkpoint: {every: 3}
"""),
    "gauss-geometric": (8, 2, GAUSS + """
loop: {real: none, n_initial: 40, n_synthetic: 40, age: geometric(0.5)}
checkpoint: {every: 2}
"""),
    "zipf": (6, 3, """
world: {kind: zipf, categories: 30, exponent: 1}
model: {kind: categorical}
loop: {family: fresh, n_initial: 100, n_real: 20, n_synthetic: 80}
measure: {n: 100, preview: 16}
"""),
    "mixture": (4, 2, """
world: {kind: grid, side: 3}
model: {kind: mixture, components: 9}
loop: {family: fully_synthetic, n_initial: 300, n_synthetic: 300}
measure: {n: 200, preview: 32}
"""),
    "kde": (5, 2, """
world: {kind: moons}
model: {kind: kde, bandwidth: silverman}
loop: {family: synthetic_augmentation, n_initial: 100, n_real: 100, n_synthetic: 100}
measure: {n: 200, preview: 32}
"""),
    "kde-growing": (4, 6, """
world: {kind: gauss, dim: 2}
model: {kind: kde}
loop: {family: fully_synthetic, n_initial: 30, n_synthetic: 60, age: all}
measure: {n: 100, preview: 16}
checkpoint: {every: 4}
"""),
    "diffusion-every": (7, 2, DIFFUSION + """
loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100, retain: window(2)}
checkpoint: {every: 3}
"""),
    "linear": (5, 3, """
world: {kind: regression, features: 5}
model: {kind: linear, design: reused}
loop: {real: fixed, n_initial: 40, n_real: 40, n_synthetic: 40, retain: accumulate}
measure: {n: 100, preview: 16}
"""),
}


def write(folder, name, extra=""):
    """Write one experiment as folder/name.yaml."""
    generations, replicates, text = LOOPS[name]
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name}\nseed: 11\ngenerations: {generations}\n"
                    f"replicates: {replicates}\n{text}{extra}")
    return path
