"""Gateways and receivers for the tests of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from tests.checker.alerts.gateways import NAMES, forward, sweep
from tests.checker.alerts.receivers import Inbox, web_server
from tests.registry_samples import register


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with web_server() as box:
        yield box


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A gateway whose daemon swept just now, and found all up."""
    layout = home_layout(tmp_path / "home")
    register(layout, [forward(name, port) for name, port in NAMES.items()])
    sweep(layout)
    return layout
