"""The verdict files that beat loops read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from checker.config.files import replace_text
from checker.config.layout import Layout
from checker.daemon.verdicts import clear_verdicts
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from tests.checker.daemon.running import COMMAND
from tests.strategies import OFFICE, node


def test_verdicts_that_cannot_be_rewritten_are_removed(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with locked(layout):
        add(layout, node(), COMMAND)
    replace_text(layout.run / OFFICE, "7\n")
    monkeypatch.setattr("checker.daemon.verdicts.replace_text", full)

    clear_verdicts(layout.run, read_registry(layout.nodes))

    assert not (layout.run / OFFICE).exists()
