"""What the house style asks of each file of the checker, and of the README."""

from __future__ import annotations

import argparse
import ast
import builtins
import functools
import importlib
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.cli.main import build_parser
from checker.model import Status

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "checker").rglob("*.py"))
ERRORS = {
    name: value
    for module in (
        builtins,
        *(
            importlib.import_module(
                ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            )
            for path in MODULES
            if path.name not in ("gate.py", "__main__.py")
        ),
    )
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, Exception)
}
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
MARKS = re.compile("TODO|FIXME|XXX|noqa")
RAISES = re.compile(r"Raises ([A-Z]\w+(?:(?:, | and )[A-Z]\w+)*)")


def marked_comments(path: Path) -> Iterator[str]:
    """The comments that hold one of the marks; a file without any is not cut into tokens."""
    text = path.read_text(encoding="utf-8")
    if not MARKS.search(text):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and MARKS.search(token.string):
            yield token.string


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def documented_errors(path: Path) -> set[str]:
    """The names of the errors that the module's docstrings promise."""
    nodes = (
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    found = (RAISES.findall((ast.get_docstring(node) or "").replace("\n", " ")) for node in nodes)
    return {name for lists in found for names in lists for name in re.split(r", | and ", names)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_each_module_says_in_two_lines_what_it_owns(path: Path) -> None:
    docstring = ast.get_docstring(tree_of(path)) or ""

    first = docstring.split("\n\n")[0]
    assert first.endswith(".")
    assert first.count("\n") < 2


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_each_documented_error_is_an_exception_of_ours(path: Path) -> None:
    for name in documented_errors(path):
        error = ERRORS.get(name)
        assert isinstance(error, type), name
        assert issubclass(error, Exception), name


def test_each_documented_error_of_the_checker_has_a_test() -> None:
    promised = {name for path in MODULES for name in documented_errors(path)} - {"OSError"}
    tested = " ".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )

    untested = {name for name in promised if not re.search(rf"\b{name}\b", tested)}
    assert not untested


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_todo_is_left_and_every_silenced_warning_has_a_reason(path: Path) -> None:
    for comment in marked_comments(path):
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", comment), comment
        if "noqa" in comment:
            assert re.fullmatch(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - .+", comment), comment


def test_sql_statements_are_constants() -> None:
    tree = ast.parse((ROOT / "checker" / "state" / "store.py").read_text(encoding="utf-8"))
    built = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]

    assert [text for text in built if re.search(r"SELECT|INSERT|UPDATE|DELETE|BEGIN", text)] == []


def commands(parser: argparse.ArgumentParser, path: str) -> Iterator[str]:
    """Every subcommand, as a user types it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                deeper = list(commands(below, f"{path} {name}"))
                yield from deeper or [f"{path} {name}"]


@pytest.mark.parametrize("command", list(commands(build_parser(), "reversi-checker")))
def test_each_command_is_in_the_readme_or_the_docs(command: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = " ".join(page.read_text(encoding="utf-8") for page in pages)
    verb = command.removeprefix("reversi-checker ")

    assert re.search(rf"reversi-checker(?: --home \S+)? {verb}\b|`{verb}\b", text), (
        f"{command} is in no page"
    )


@pytest.mark.parametrize("status", list(Status))
def test_each_status_is_in_the_readmes_table(status: Status) -> None:
    assert f"| `{status}` |" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_file_names_a_path_of_the_machine_where_it_was_written() -> None:
    mark = f"/{'work'}/"

    for folder in ("checker", "client", "reversi_tui", "packaging", "tests", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".sh", ".sql", ".md", ".tcss", ".toml"):
                assert mark not in path.read_text(encoding="utf-8"), path
