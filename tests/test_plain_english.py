"""Plain English: reject wordings that make a native reader stumble, wherever people read them."""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from checker.cli.main import build_parser as checker_parser
from client.cli import parser as client_parser
from reversi_tui.__main__ import parser as console_parser
from tests.wordings import GOOD, STUMBLES, Stumble, stumbles

ROOT = Path(__file__).parents[1]
SOURCES = ("checker", "client", "reversi_tui", "bench", "demo", "packaging", "tests")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
)
QUOTING = [Path(__file__), ROOT / "tests" / "wordings.py"]
"""These files quote the wordings that they reject."""
SCRIPTS = [ROOT / "run", *sorted((ROOT / ".ci").glob("*"))]
WIDTH = 100
PARSERS = {"checker": checker_parser, "client": client_parser, "reversi_tui": console_parser}


def paragraphs(page: str) -> Iterator[str]:
    """The parts of a page, separated by empty lines, table rows and list items."""
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:\||[-*] |\d+\. ))", page):
        yield re.sub(r"^\s*#+ ?", "", block, flags=re.MULTILINE)


def strings(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Docstrings and other strings that contain a space; each value filled in becomes `{}`."""
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in parts
            and " " in node.value
        ):
            yield node.value


def comments(source: str) -> Iterator[str]:
    """The comments; neighbouring lines are joined."""
    block: list[str] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield " ".join(block)
                block.clear()
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield " ".join(block)


def names_of_tests(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """The names of tests, as words."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield node.name.replace("_", " ")


def texts(path: Path) -> Iterator[str]:
    """What a person reads in a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from paragraphs(source)
        return
    nodes = [*ast.walk(ast.parse(source))]
    yield from strings(nodes)
    yield from comments(source)
    yield from names_of_tests(nodes)


def faults(paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in paths
        if path not in QUOTING
        for text in texts(path)
        for fault in stumbles(text)
    ]


def fail_on(found: list[str]) -> None:
    """Fail with the whole list, so that a person can work through it."""
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The help of a program and of each of its commands."""
    yield parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from helps(below)


def sources(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".py", ".sh")]


def begins_with_one_line(path: Path) -> bool:
    """Whether the first paragraph of the module's docstring is one line, or the file is empty."""
    source = path.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]
    return not source or (bool(first) and "\n" not in first and len(first) <= WIDTH)


@pytest.mark.parametrize("one", STUMBLES, ids=lambda one: one.bad)
def test_each_pattern_rejects_its_example(one: Stumble) -> None:
    assert re.search(one.pattern, one.bad, re.IGNORECASE)


@pytest.mark.parametrize("text", GOOD)
def test_ordinary_sentences_pass(text: str) -> None:
    assert stumbles(text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_reads_as_plain_english(path: Path) -> None:
    fail_on(faults([path]))


def test_the_scripts_of_the_checkout_read_as_plain_english() -> None:
    fail_on(faults(SCRIPTS))


@pytest.mark.parametrize("folder", SOURCES)
def test_messages_docstrings_and_comments_read_as_plain_english(folder: str) -> None:
    fail_on(faults(sources(folder)))


@pytest.mark.parametrize("folder", SOURCES)
def test_the_docstring_of_each_module_begins_with_one_line(folder: str) -> None:
    modules = [path for path in sources(folder) if path.suffix == ".py"]

    fail_on([str(path.relative_to(ROOT)) for path in modules if not begins_with_one_line(path)])


@pytest.mark.parametrize("folder", list(PARSERS))
def test_each_help_text_reads_as_plain_english(folder: str) -> None:
    fail_on([fault for text in helps(PARSERS[folder]()) for fault in stumbles(text)])
