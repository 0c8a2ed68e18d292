"""The picture of the levels in docs/design.md shows the imports as they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = re.search(
    r"```mermaid\n(.*?)```", (ROOT / "docs/design.md").read_text(encoding="utf-8"), re.DOTALL
)
assert PICTURE is not None
LINES = PICTURE[1].splitlines()


def part_of(module: str) -> str:
    """The package or module directly below `checker` that contains this one; "" for `checker`."""
    return module.removeprefix("checker").lstrip(".").partition(".")[0].strip("_")


def imports() -> dict[str, set[str]]:
    """The parts that each part imports directly."""
    graph = grimp.build_graph("checker", cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        importer = part_of(module)
        imported = map(part_of, graph.find_modules_directly_imported_by(module))
        if importer:
            found.setdefault(importer, set()).update(
                part for part in imported if part not in ("", importer)
            )
    return found


def reached(direct: dict[str, set[str]], start: str) -> set[str]:
    """What `start` imports, directly or through others."""
    return direct[start].union(*(reached(direct, part) for part in direct[start]))


def test_each_arrow_is_a_direct_import_that_no_other_path_implies() -> None:
    direct = imports()
    needed = {
        (importer, part)
        for importer, parts in direct.items()
        for part in parts
        if not any(part in reached(direct, other) for other in parts - {part})
    }

    drawn = {tuple(line.split(" --> ")) for line in map(str.strip, LINES) if " --> " in line}

    assert drawn == needed


def test_the_levels_match_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(
        one
        for one in contracts["tool"]["importlinter"]["contracts"]
        if one["name"] == "the checker's layers"
    )
    drawn: list[set[str]] = []
    for line in map(str.strip, LINES):
        if line.startswith("subgraph"):
            drawn.append(set())
        elif box := re.fullmatch(r'(\w+)\["[\w.]+"\]', line):
            drawn[-1].add(box[1])

    wanted = [{part.strip("_") for part in layer.split(" | ")} for layer in layers["layers"]]
    wanted[0] |= set(layers["exhaustive_ignores"])
    assert drawn == wanted
