"""The project's own files are true: versions, steps of lint, layers, and text layout."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from checker import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SPACES_COUNT = {".svg"}
"""Generated files, kept as they were made; see .editorconfig."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def steps_of_lint() -> list[str]:
    (steps,) = re.findall(r"\[ \$# -gt 0 \] \|\| set -- ([a-z ]+)\n    for step", read("run"))
    return str(steps).split()


def test_each_check_before_a_commit_is_a_step_of_lint() -> None:
    hooks = re.findall(r"entry: \./run lint (\w+)$", read(".pre-commit-config.yaml"), re.MULTILINE)

    assert sorted(hooks) == sorted(steps_of_lint())


def test_before_or_beside_the_suite_each_step_of_lint_runs() -> None:
    (before,) = re.findall(r"^test\) prepare test && lint ([a-z ]+) &&", read("run"), re.MULTILINE)

    assert sorted([*before.split(), "types"]) == sorted(steps_of_lint())
    assert "\ntypes\n" in read("run"), "a part of the suite"


def test_hooks_run_only_local_programs() -> None:
    text = read(".pre-commit-config.yaml")

    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}


@pytest.mark.parametrize("page", ["run", "CONTRIBUTING.md"])
def test_each_step_of_lint_is_named(page: str) -> None:
    text = read(page)

    assert all(re.search(rf"\b{step}\b", text) for step in steps_of_lint())


def test_each_test_file_is_in_exactly_one_part_of_the_suite() -> None:
    parts = re.findall(r"^beside (tests/.+)$", read("run"), re.MULTILINE)
    found = [
        file
        for part in parts
        for pattern in part.split()
        for place in ROOT.glob(pattern)
        for file in ([place] if place.is_file() else sorted(place.rglob("test_*.py")))
    ]

    assert len(parts) > 1
    assert sorted(found) == sorted((ROOT / "tests").rglob("test_*.py"))


def test_the_table_of_layers_matches_the_import_contract() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "the checker's layers")
    _, _, table = read("CONTRIBUTING.md").partition("top to bottom")
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)

    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [
        set(layer.split(" | ")) for layer in layers[1:]
    ]


def test_the_changelog_begins_with_unreleased_changes_and_goes_back_in_time() -> None:
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    released = [
        re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)", heading)
        for heading in headings[1:]
    ]

    assert headings[0] == "Unreleased"
    assert all(released)
    versions = [tuple(int(part) for part in found.groups()[:3]) for found in released if found]
    assert versions == sorted(versions, reverse=True)
    assert versions[0] <= tuple(int(part) for part in re.findall(r"\d+", __version__)[:3])


def test_git_blame_skips_only_commits_of_this_history() -> None:
    revisions = re.findall(r"^[^#\s].*$", read(".git-blame-ignore-revs"), re.MULTILINE)
    deep = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if deep.stdout != "false\n":
        pytest.skip("not a git checkout with its history")

    for revision in revisions:
        subprocess.run(
            ["git", "merge-base", "--is-ancestor", revision, "HEAD"], cwd=ROOT, check=True
        )


def test_the_projects_addresses_are_public() -> None:
    for name, address in PROJECT["project"].get("urls", {}).items():
        assert re.match(r"https://[\w.-]+\.\w+/", address), name
        assert "example" not in address, name


def test_text_files_follow_the_editorconfig() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b""
        if b"\0" in content or name.startswith("tests/data/"):
            continue
        assert b"\r" not in content, name
        assert not content or path.suffix in SPACES_COUNT or content.endswith(b"\n"), name
        assert path.suffix in SPACES_COUNT or not re.search(rb"[ \t]$|\t", content, re.MULTILINE), (
            name
        )
