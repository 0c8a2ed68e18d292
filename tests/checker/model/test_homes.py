"""The names of the package: each is where the table says, and loaded only when asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from checker import model
from checker.model.homes import HOMES

SOURCE = Path(str(model.__file__)).read_text(encoding="utf-8")
IMPORTED = {
    name.name: each.module
    for each in ast.walk(ast.parse(SOURCE))
    if isinstance(each, ast.ImportFrom) and each.module and each.module.startswith("checker.model.")
    for name in each.names
    if name.name != "home_of"
}


def test_the_table_says_what_the_type_checker_reads() -> None:
    assert {name: f"checker.model.{home}" for name, home in HOMES.items()} == IMPORTED
    assert sorted(HOMES) == sorted(model.__all__)


def test_every_name_is_there() -> None:
    assert all(getattr(model, name) is not None for name in model.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Tunel'"):
        _ = model.Tunel  # type: ignore[attr-defined]


def test_a_name_loads_only_its_module_and_what_that_needs() -> None:
    program = (
        "import sys; from checker.model import NodeName;"
        " print(*sorted(name for name in sys.modules if name.startswith('checker.model.')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True
    )

    assert done.stdout.split() == [
        "checker.model.errors",
        "checker.model.homes",
        "checker.model.node",
    ]
