"""Note which lines of the product run, in every process that the suite starts.

Tracing, as coverage.py does it, makes all Python code of a process up to twice as slow before
Python 3.12. What a process saw is lost if it is killed, becomes another program, or calls os._exit,
as many of ours do. So `line_table` compiles each module once more, with a store before each
statement, into a file that all processes map. A line in `.venv` runs this module at the start of
every Python if REVERSI_MARKS names the directory.

Not measured: what runs without the site packages (the gate), what is run as a file, and what sshd
starts, as sshd passes no environment on.
"""

from __future__ import annotations

import builtins
import marshal
import mmap
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

VARIABLE = "REVERSI_MARKS"
NAME = "_reversi_marks"
"""The builtin that the stores go to."""


class MarkedLoader(SourceFileLoader):
    """Load the code that was compiled with the stores."""

    def __init__(self, name: str, path: str, compiled: str) -> None:
        super().__init__(name, path)
        self.compiled = compiled

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            with open(self.compiled, "rb") as file:  # noqa: PTH123 - pathlib is not loaded for a program that may not need it
                code: CodeType = marshal.load(file)
        except OSError:
            return super().get_code(fullname)
        return code


class MarkedFinder:
    """Find modules as Python does, and load those marked whose very file was compiled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with open(f"{folder}/index", "rb") as file:  # noqa: PTH123 - as above
            self.index: dict[str, str] = marshal.load(file)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.index:
            return None
        found = (
            finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self
        )
        spec = next((one for one in found if one is not None), None)
        if spec is not None and spec.origin == self.index[name]:
            spec.loader = MarkedLoader(name, self.index[name], f"{self.folder}/{name}")
        return spec


def start(folder: str) -> None:
    """Mark what this process imports from now on.

    Raises OSError if the directory is out of reach, in a chroot for example.
    """
    finder = MarkedFinder(folder)
    with open(f"{folder}/marks", "r+b") as file:  # noqa: PTH123 - as above
        marks = mmap.mmap(file.fileno(), 0)
    setattr(builtins, NAME, marks)
    sys.meta_path.insert(0, finder)


if __name__ == "line_marks" and not hasattr(
    builtins, NAME
):  # some Pythons read each .pth file twice
    start(os.environ[VARIABLE])
