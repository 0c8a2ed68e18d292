"""Prepare the measuring of lines, and print the table afterwards. `./run test` calls both.

coverage.py knows which lines count; `line_marks` knows which of them ran. An `except` or `case` ran
if it was taken. For coverage.py it is enough that it was tried.
"""

from __future__ import annotations

import ast
import marshal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import coverage

from tests.line_marks import NAME

LOW_PERCENT = 80
RUN_AS_FILES = ("checker/gate.py", "checker/stand_in.py", "reversi_tui/terminal/leashed.py")
"""They are programs that no process of the suite imports, so nothing is known of them."""


def marked(tree: ast.Module, offset: int) -> ast.Module:
    """Put a store before each statement; `offset` is the place of the module's line 0."""
    for node in list(ast.walk(tree)):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                head = head_of(node) if name == "body" else 0
                setattr(
                    node,
                    name,
                    [
                        *body[:head],
                        *first_of(node, name, offset),
                        *with_stores(body[head:], offset),
                    ],
                )
    return tree


def with_stores(body: Sequence[ast.stmt], offset: int) -> Iterator[ast.stmt]:
    for node in body:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        yield from stores(sorted({node.lineno, *(one.lineno for one in decorators)}), offset)
        yield node


def first_of(node: ast.AST, name: str, offset: int) -> Iterator[ast.stmt]:
    """The stores of `except`, `case` and imports from `__future__`: none can stand before them."""
    match node:
        case ast.ExceptHandler() if name == "body":
            yield from stores([node.lineno], offset)
        case ast.match_case() if name == "body":
            yield from stores([node.pattern.lineno], offset)
        case ast.Module():
            for first in filter(is_future, node.body):
                yield from stores([first.lineno], offset)
        case _:
            pass


def head_of(node: ast.AST) -> int:
    """How many statements must stay first: the docstring, and imports from `__future__`."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return 0
    head = int(ast.get_docstring(node, clean=False) is not None)
    while head < len(node.body) and is_future(node.body[head]):
        head += 1
    return head


def is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def stores(lines: Sequence[int], offset: int) -> list[ast.stmt]:
    """They count as the first line's in a traceback."""
    made = ast.parse("; ".join(f"{NAME}[{offset + line}] = 1" for line in lines))
    for node in ast.walk(made):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno = node.end_lineno = lines[0]
    return made.body


def modules(root: Path, packages: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each module and its file."""
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            place = path.relative_to(root)
            if str(place) not in RUN_AS_FILES:
                yield ".".join(place.with_suffix("").parts).removesuffix(".__init__"), path


def begin(folder: Path, root: Path, packages: Sequence[str]) -> None:
    """Write what `line_marks` reads. Every user may add marks."""
    size, index, places = 0, {}, {}
    for name, path in modules(root, packages):
        text = path.read_text(encoding="utf-8")
        code = compile(marked(ast.parse(text), size), str(path), "exec", dont_inherit=True)
        (folder / name).write_bytes(marshal.dumps(code))
        length = text.count("\n") + 2
        index[name], places[str(path)] = str(path), (size, length)
        size += length
    start = Path(__file__).with_name("line_marks.py")
    program = compile(start.read_text(encoding="utf-8"), str(start), "exec", dont_inherit=True)
    for name, content in (("start", program), ("index", index), ("places", places)):
        (folder / name).write_bytes(marshal.dumps(content))
    (folder / "marks").write_bytes(bytes(size))
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o666 if path.name == "marks" else 0o644)


def missing(folder: Path) -> dict[str, tuple[int, list[int]]]:
    """For each file how many lines count, and which of them did not run."""
    marks = (folder / "marks").read_bytes()
    places: dict[str, tuple[int, int]] = marshal.loads((folder / "places").read_bytes())
    measured = coverage.Coverage(data_file=None)
    ran = {
        path: [line for line in range(length) if marks[first + line]]
        for path, (first, length) in places.items()
    }
    measured.get_data().add_lines(ran)
    found = {}
    for path in places:
        _, counted, _, not_run, _ = measured.analysis2(path)
        found[path] = len(counted), not_run
    return found


def table(found: dict[str, tuple[int, list[int]]], root: Path) -> str:
    """The total, and each module below 80 %."""
    total, lost = (
        sum(count for count, _ in found.values()),
        sum(len(not_run) for _, not_run in found.values()),
    )
    rows = [
        (
            100 * (count - len(not_run)) / count,
            str(Path(path).relative_to(root)),
            len(not_run),
            count,
        )
        for path, (count, not_run) in found.items()
        if count
    ]
    low = [
        f"{int(percent):4} %  {name}: {not_run} of {count} lines did not run"
        for percent, name, not_run, count in sorted(rows)
        if percent < LOW_PERCENT
    ]
    first = f"coverage: {100 * (total - lost) / max(total, 1):.1f} % of {total} lines"
    return "\n".join([f"{first}; modules under {LOW_PERCENT} %:" if low else first, *low])


def main(words: Sequence[str]) -> None:
    match words:
        case ["begin", folder, root, *packages]:
            begin(Path(folder), Path(root), packages)
        case ["report", folder, root]:
            print(table(missing(Path(folder)), Path(root)))
        case _:
            sys.exit("usage: line_table begin DIRECTORY ROOT PACKAGE... | report DIRECTORY ROOT")


if __name__ == "__main__":
    main(sys.argv[1:])
