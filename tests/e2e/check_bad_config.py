"""Bad configurations: one clear line on stderr, the documented exit code, nothing written. Good
ones: the resolved print-out is a configuration that prints itself."""
import glob
import os
import re
import subprocess
import sys
import tempfile

MADLOOP = os.environ["MADLOOP"]
GOOD = "world: {kind: gauss}\nmodel: {kind: gauss}\n"

SIZED = GOOD + "loop: {family: fully_synthetic, n_initial: 9, n_synthetic: 9}\n"
RING = ("world: {kind: ring}\nmodel: {kind: exact}\n"
        "loop: {family: fully_synthetic, n_initial: 9, n_synthetic: 9}\n")

# name: (bytes of the file or None, overrides, exit code, what the message must hold)
CASES = {
    "unknown key": (GOOD + "loop: {n_reel: 5}\n", [], 2,
                    [":3:8: unknown key 'loop.n_reel' (did you mean 'loop.n_real'?)"]),
    "unknown section": (GOOD + "lop: {n_real: 5}\n", [], 2,
                        [":3:7: unknown section 'lop' (did you mean 'loop'?)"]),
    "unknown world": ("world: {kind: gaus}\nmodel: {kind: gauss}\n", [], 2,
                      [":1:15: unknown world 'gaus'", "did you mean 'gauss'?"]),
    "key of another plug-in": (GOOD + "model.bandwidth: 1\n", [], 2,
                               [":3:1: key 'model.bandwidth' belongs to model 'kde'"]),
    "wrong type": (GOOD + "generations: fast\n", [], 2,
                   [":3:14: generations: expected a whole number from 1 to 1000000, got 'fast'"]),
    "out of range": (GOOD + "generations: 0\n", [], 2, ["from 1 to 1000000, got '0'"]),
    "bad override": (GOOD, ["generations=-3"], 2,
                     ["override 'generations=-3': generations: expected a whole number from 1"]),
    "override without value": (GOOD, ["generations"], 2, ["key=value"]),
    "lambda": (GOOD + "bias: {lambda: 0.5}\n", [], 2, [":3:8: no key is called 'lambda'",
                                                      "bias.strength", "loop.n_synthetic"]),
    "bias the model cannot do": (SIZED + "bias: {kind: steps}\n", [], 2,
                                 ["bias.kind: 'steps'", "'gauss' (model.kind)"]),
    "guidance without classes": (SIZED + "bias: {kind: guidance}\n", ["model.kind=exact"], 2,
                                 ["bias.kind: guidance", "'gauss' (world.kind)"]),
    "guided twice": (RING + "bias: {kind: autoguidance}\n", ["model.guide.kind=auto"], 2,
                     ["bias.kind: autoguidance", "model.guide.kind: auto"]),
    "two strengths": (RING + "bias: {kind: guidance, strength: 0.5, w: 2}\n", [], 2,
                      ["bias.strength", "bias.w"]),
    "steps above the schedule": (RING + "bias: {kind: steps, strength: 'linear(5, 1001)'}\n", [],
                                 2, ["bias.strength", "1001 steps", "model.schedule.steps",
                                     "1000"]),
    "duplicate key": (GOOD + "seed: 1\nseed: 2\n", [], 2,
                      [":4:1: duplicate key 'seed', first set in line 3"]),
    "scalar for a section": (GOOD + "loop: 5\n", [], 2, [":3:7: 'loop' is a section"]),
    "mapping for a value": (GOOD + "seed: {a: 1}\n", [], 2, [":3:8: seed: expected", "a mapping"]),
    "include cycle": ("include: bad.yaml\n", [], 2,
                      [":1:10: include cycle: ", "bad.yaml -> ", "bad.yaml"]),
    "missing include": ("include: nowhere.yaml\n", [], 2, [":1:10: cannot read ", "nowhere.yaml"]),
    "missing file": (None, [], 3, ["cannot read ", "bad.yaml", "No such file"]),
    "binary file": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", [], 2, [":1:1: byte 0x89 is not valid"]),
    "elf file": (b"\x7fELF\x02\x01\x01\x00", [], 2, [":1:1: control character 0x7f: a binary"]),
    "invalid utf-8": (b"seed: 1\nname: a\xffb\n", [], 2, [":2:8: byte 0xff is not valid UTF-8"]),
    "utf-8 in a directive": (b"%YAML \xe2\x28\xa1\n---\nseed: 1\n", [], 2, [":1:7: byte 0xe2"]),
    "empty file": ("", [], 2, [":1:1: the configuration is empty"]),
    "tabs": (GOOD + "loop:\n\tn_real: 5\n", [], 2, [":4:1: tab in the indentation"]),
    "anchor": (GOOD + "seed: &x 5\n", [], 2, ["anchors and aliases"]),
    "huge file": ("#" * (1 << 20) + "\n#\n", [], 2, ["larger than 1 MiB"]),
    "blank lines": ("seed: |\n " + "\n" * 1000000, [], 2, ["blank lines in a row"]),
    "deep nesting": (GOOD + "a: " + "{a: " * 5000, [], 2, ["nested deeper than 8 levels"]),
    "deep list": (GOOD + "seed: " + "[" * 100000, [], 2, ["a list may hold plain values only"]),
    "many keys": ("".join(f"k{i}: 1\n" for i in range(50000)), [], 2, ["more than 10000 keys"]),
    "unknown metric": (GOOD + "measure: {metrics: [recal]}\n"
                       "loop: {n_initial: 9, n_synthetic: 9}\n", [], 2,
                       [":3:20: measure.metrics: unknown metric 'recal' (did you mean 'recall'?)"]),
    "size out of range later": (GOOD + "loop: {n_synthetic: 'geometric(1000, 100)', "
                                "n_initial: 100}\n", [], 2,
                                [":3:21: loop.n_synthetic: geometric(1000, 100) is 1e+19"]),
}


def check(name, folder):
    content, overrides, code, expected = CASES[name]
    path = os.path.join(folder, "bad.yaml")
    if os.path.exists(path):
        os.remove(path)
    if content is not None:
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
    before = sorted(os.listdir(folder))
    done = subprocess.run([MADLOOP, "run", path, *overrides, "-o", os.path.join(folder, "out")],
                          capture_output=True, timeout=30, cwd=folder)
    message = done.stderr.decode("utf-8", "replace")
    problems = []
    if done.returncode != code:
        problems.append(f"exit code {done.returncode}, expected {code}")
    if message.count("\n") != 1:
        problems.append("not one line")
    problems += [f"no {text!r}" for text in expected if text not in message]
    if done.stdout:
        problems.append("stdout is not empty")
    if sorted(os.listdir(folder)) != before:
        problems.append("something was written")
    if problems:
        print(f"FAILED {name}: {'; '.join(problems)}\n  {message[:400]}")
    return not problems


def resolved(path, *arguments):
    done = subprocess.run([MADLOOP, "run", path, "--dry-run", *arguments], capture_output=True,
                          timeout=120, text=True)
    if done.returncode != 0:
        print(f"FAILED {path}: {done.stderr}")
        return None
    return done.stdout.split("\n# ")[0] + "\n"


def check_fixed_point(path, folder):
    arguments = ["--smoke"]
    with open(path) as f:
        _, _, swept = f.read().partition("\nsweep:\n")
    for key, values in re.findall(r"^  (\S+): \[(.*)\]$", swept, re.M):
        arguments.append(f"{key}={values.split(',')[-1].strip()}")
    once = resolved(path, *arguments)
    if once is None:
        return False
    copy = os.path.join(folder, "copy.yaml")
    with open(copy, "w") as f:
        f.write(once)
    again = resolved(copy)
    if again != once:
        print(f"FAILED {path}: the resolved print-out prints\n{again}\ninstead of\n{once}")
    return again == once


def main():
    with tempfile.TemporaryDirectory() as folder:
        n_good = sum([check(name, folder) for name in CASES])
    print(f"{n_good} of {len(CASES)} bad configurations refused as they should be")
    # digits and mnist need data files beside them; every other one stands alone
    configs = sorted(p for p in glob.glob("configs/*.yaml") if not re.search("digits|mnist", p))
    with tempfile.TemporaryDirectory() as folder:
        n_fixed = sum([check_fixed_point(path, folder) for path in configs])
    print(f"{n_fixed} of {len(configs)} configurations print themselves")
    sys.exit(n_good != len(CASES) or n_fixed != len(configs) or not configs)


main()
