"""The documents name every plug-in, every output of a measure and every configuration, and no others."""
import json
import re
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import ROOT, madloop


def listed(what):
    return {entry["name"] for entry in json.loads(madloop("list", what, "--json")[0])}


def expand(cell, names):
    """Names in the first cell of a row: `a_1`, `_2` continues the name before; `a_1` ... `_9` is a range."""
    found, last = set(), ""
    for dots, token in re.findall(r"(\.\.\. )?`([a-z0-9_]+)`", cell):
        if not token.startswith("_"):
            found.add(token)
            last = token
            continue
        continued = {last[:k] + token for k in range(1, len(last) + 1)} & names
        assert continued, f"docs: nothing that begins as `{last}` ends in `{token}`"
        found |= continued
        if dots:
            stem, to = re.fullmatch(r"(.*?)(\d+)", max(continued, key=len)).groups()
            found |= {f"{stem}{i}" for i in range(1, int(to))}
    return found


def section(path, title):
    text = (ROOT / path).read_text()
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0] if title else text


def first_cells(text):
    return [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]


outputs = listed("metrics")
named = set().union(*(expand(cell, outputs) for cell in first_cells(section("docs/measures.md", "Outputs"))))
assert named == outputs, f"docs/measures.md lacks {outputs - named}, invents {named - outputs}"

worlds = listed("worlds")
named = set().union(*(set(re.findall(r"`(\w+)`", cell)) for cell in first_cells(section("docs/worlds.md", None))))
assert worlds <= named, f"docs/worlds.md lacks {worlds - named}"

selects = listed("selects")
kinds = section("docs/selection.md", None).split("## Rewards")[0]
named = set().union(*(set(re.findall(r"`(\w+)`", cell)) for cell in first_cells(kinds)))
assert named == selects, f"docs/selection.md lacks {selects - named}, invents {named - selects}"
keys = {row["key"]: row["allowed"] for row in json.loads(madloop("keys", "select", "--json")[0])}
rewards = (ROOT / "docs/selection.md").read_text().split("## Rewards")[1].split("\n## ")[0]
named = set().union(*(set(re.findall(r"`(\w+)`", cell)) for cell in first_cells(rewards)))
assert named == set(keys["select.reward.kind"].split(" | ")), named

models = (ROOT / "docs/models.md").read_text()
assert all(f"| `{name}` |" in models for name in listed("models")), "docs/models.md lacks a model"

channels = (ROOT / "docs/channels.md").read_text()
for what, stage in (("corrects", "correct"), ("posts", "post"), ("channels", "channel")):
    missing = [name for name in listed(what) if f"| `{name}` |" not in channels]
    assert not missing, f"docs/channels.md lacks {missing}"
    for row in json.loads(madloop("keys", stage + ".", "--json")[0]):
        key = row["key"].split(".", 1)[1]
        assert key == "kind" or f"`{key}`" in channels or f"`{row['key']}`" in channels, row["key"]

table = section("README.md", "Configurations")
for path in sorted((ROOT / "configs").glob("*.yaml")):
    assert f"`configs/{path.name}`" in table or f"`{path.name}`" in table, f"README.md lacks {path.name}"
print(f"{len(outputs)} outputs, {len(worlds)} worlds named")
