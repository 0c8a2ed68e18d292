"""The file of what the alerts told, and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.alerts.memory_file import AlreadyRuns, load_memory, memory_file, only_one
from checker.config.layout import SYSTEM


def test_only_one_process_sends_alerts(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"

    with only_one(path), pytest.raises(AlreadyRuns, match="sends alerts already"), only_one(path):
        pass
    with only_one(path):
        pass


def test_after_a_broken_memory_all_begins_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.json"
    path.write_text("{")

    assert load_memory(path) == load_memory(tmp_path / "none")
    assert "what is down is told once more" in caplog.text


def test_the_installed_gateway_keeps_its_memory_apart() -> None:
    assert memory_file(SYSTEM) == Path("/var/lib/reversi-alert/alerts.json")
