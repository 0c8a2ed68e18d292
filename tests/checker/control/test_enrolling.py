"""Reject devices through a daemon, beside an older one, and without one."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.client import DaemonAbsent, NotAllowed
from checker.control.enrolling import reject
from checker.control.muting import OldDaemon
from checker.state.rows import Batch
from checker.state.store import open_store, read_applicants
from tests.checker.control.test_client import answering
from tests.enrolled import applicant

ONE, TWO = applicant(1), applicant(2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = home_layout(tmp_path / "home")
    found.nodes.mkdir(parents=True)
    with closing(open_store(found.state)) as store:
        store.write(Batch(applicants=[ONE]))
    return found


def test_the_daemon_says_who_waited(layout: Layout) -> None:
    answer = f'{{"schema": 1, "rejected": ["device-1"], "unknown": ["{TWO.fingerprint}"]}}'
    daemon = answering(layout, answer.encode())

    failures = reject(layout, [ONE, TWO])

    daemon.join()
    assert [(one.name, one.why) for one in failures] == [("device-2", "it no longer waits")]
    assert read_applicants(layout.state) == (ONE,)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param("a malformed request: KeyError('aims')", OldDaemon, id="older"),
        pytest.param("only root may reject here: use sudo", NotAllowed, id="refused"),
    ],
)
def test_a_daemon_that_refuses_is_reported(
    layout: Layout, answer: str, error: type[Exception]
) -> None:
    daemon = answering(layout, f'{{"schema": 1, "error": "{answer}"}}'.encode())

    with pytest.raises(error):
        reject(layout, [ONE])

    daemon.join()


def test_without_a_daemon_only_who_may_write_rejects(layout: Layout) -> None:
    if os.geteuid() != 0:
        layout.nodes.chmod(0o500)
        with pytest.raises(DaemonAbsent):
            reject(layout, [ONE])
        layout.nodes.chmod(0o700)

    assert [one.name for one in reject(layout, [ONE, TWO])] == ["device-2"]
    assert [one.is_rejected for one in read_applicants(layout.state)] == [True]
