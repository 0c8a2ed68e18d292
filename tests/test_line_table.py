"""The lines that ran: as coverage.py tells, and none is lost with its process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import line_marks
from tests.line_table import RUN_AS_FILES, begin, missing, table

PROGRAM = '''"""A docstring."""

from __future__ import annotations

import enum
from dataclasses import dataclass

NUMBERS = [
    1,
    2,
]


class Colour(enum.Enum):
    """Of two."""

    RED = 1
    BLUE = 2


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    """Where."""
    y: int = 0

    @property
    def far(self) -> bool:
        """Docstring."""
        if self.x > 10:
            return True
        elif self.x > 5:
            return self.y > 5
        return False


def pick(value: object) -> str:
    match value:
        case Point(x=1):
            return "one"
        case str():
            return "text"
        case _:
            pass
    try:
        int("no")
    except TypeError:
        return "type"
    except ValueError:
        found = "value"
    else:
        found = "none"
    finally:
        NUMBERS.append(3)
    for number in NUMBERS:
        if number == 2:
            break
    else:
        found = "never"
    while NUMBERS:
        NUMBERS.pop()
    with open("/dev/null") as file:
        file.read()
    return found


async def later() -> None:
    yield_nothing = lambda: None
    yield_nothing()


def main() -> None:
    assert Point(1).far is False
    assert Point(7).far is False
    assert pick(Point(1)) == "one"
    assert pick(2) == "value"
    assert Colour.RED.value == 1
    assert main.__doc__ is None
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a package."""
    made = tmp_path / "root"
    (made / "product").mkdir(parents=True)
    (made / "product" / "__init__.py").write_text("")
    (made / "product" / "program.py").write_text(PROGRAM)
    return made


@pytest.fixture
def marks(root: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    begin(folder, root, ["product"])
    return folder


def run(root: Path, marks: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run the code as Python starts in `.venv`, whatever it is measured by itself."""
    start = (
        "import builtins, marshal, os, sys\n"
        f"builtins.__dict__.pop({line_marks.NAME!r}, None)\n"
        "kept = [one for one in sys.meta_path if type(one).__name__ != 'MarkedFinder']\n"
        "sys.meta_path[:] = kept\n"
        f"with open({str(marks / 'start')!r}, 'rb') as file:\n"
        " exec(marshal.load(file), {'__name__': 'line_marks'})\n"
    )
    environ = {**os.environ, line_marks.VARIABLE: str(marks)}
    words = [sys.executable, "-c", start + code]
    return subprocess.run(
        words, cwd=root, env=environ, capture_output=True, text=True, check=False, timeout=30
    )


def not_run(folder: Path, root: Path) -> list[int]:
    return missing(folder)[str(root / "product" / "program.py")][1]


def test_what_did_not_run_is_what_coverage_says_and_each_clause_not_taken(
    root: Path, marks: Path, tmp_path: Path
) -> None:
    code = "from product.program import main; main()"
    (tmp_path / "code.py").write_text(f"import sys; sys.path.insert(0, {str(root)!r})\n{code}\n")
    traced = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        "--include",
        str(root / "product" / "*"),
        str(tmp_path / "code.py"),
    ]
    environ = {name: value for name, value in os.environ.items() if name != line_marks.VARIABLE}
    subprocess.run(traced, cwd=tmp_path, env=environ, check=True, timeout=30)
    subprocess.run(
        [sys.executable, "-m", "coverage", "json", "-q", "-o", "traced.json"],
        cwd=tmp_path,
        env=environ,
        check=True,
        timeout=30,
    )
    (files,) = (
        value
        for name, value in json.loads((tmp_path / "traced.json").read_text())["files"].items()
        if name.endswith("program.py")
    )

    done = run(root, marks, code)

    assert (done.returncode, done.stderr) == (0, "")
    tried = [
        at
        for at, line in enumerate(PROGRAM.splitlines(), 1)
        if line.strip() in {"case str():", "except TypeError:"}
    ]
    assert not_run(marks, root) == sorted([*files["missing_lines"], *tried])
    assert files["missing_lines"]


def test_nothing_is_lost_with_a_process_that_is_killed(root: Path, marks: Path) -> None:
    code = "from product.program import main; main(); os.kill(os.getpid(), 9)"

    done = run(root, marks, code)

    assert done.returncode == -signal.SIGKILL
    assert len(not_run(marks, root)) < 10


def test_a_traceback_names_the_line_that_failed(root: Path, marks: Path) -> None:
    (root / "product" / "broken.py").write_text("def fail():\n    x = 1\n    raise ValueError(x)\n")
    begin(marks, root, ["product"])

    done = run(root, marks, "from product.broken import fail; fail()")

    assert 'broken.py", line 3, in fail' in done.stderr


def test_a_copy_of_a_module_elsewhere_is_loaded_as_it_is(
    root: Path, marks: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    (copy / "product").mkdir(parents=True)
    (copy / "product" / "__init__.py").write_text("here = 1")

    done = run(copy, marks, "import product; print(product.here)")

    assert done.stdout == "1\n"


def test_without_its_directory_a_process_runs_as_ever(root: Path, marks: Path) -> None:
    (marks / "marks").unlink()

    with pytest.raises(OSError, match="marks"):
        line_marks.start(str(marks))


def test_the_table_has_the_total_and_the_modules_below_80_percent(tmp_path: Path) -> None:
    found = {
        str(tmp_path / "a.py"): (10, [1, 2, 3]),
        str(tmp_path / "b.py"): (10, [4, 5]),
        str(tmp_path / "c.py"): (0, []),
    }

    assert table(found, tmp_path).splitlines() == [
        "coverage: 75.0 % of 20 lines; modules under 80 %:",
        "  70 %  a.py: 3 of 10 lines did not run",
    ]
    assert table({str(tmp_path / "b.py"): (10, [])}, tmp_path) == "coverage: 100.0 % of 10 lines"


def test_what_is_not_measured_is_run_as_a_file() -> None:
    checkout = Path(__file__).parents[1]

    for name in RUN_AS_FILES:
        assert '__name__ == "__main__"' in (checkout / name).read_text(encoding="utf-8")
