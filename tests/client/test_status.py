"""The status file: its content, its owner, and the report that is made from it."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from client import identity, status
from client.config import Address
from client.report import Report
from client.status import Record, StatusFile
from client.words import State, View
from tests.client import samples

CONNECTING = View(
    state=State.CONNECTING,
    gateway=None,
    listening=frozenset(),
    denied=frozenset(),
    verdict_s=None,
    error="",
)
UP = replace(
    CONNECTING,
    state=State.UP,
    gateway=Address(host="gw", port=22),
    listening=frozenset({20010, 20011}),
    verdict_s=0,
)
PARTIAL = replace(UP, state=State.PARTIAL, listening=frozenset({20010}), denied=frozenset({20011}))


class Home:
    """A directory with a configuration, where clients start."""

    def __init__(self, path: Path) -> None:
        self.config = samples.config(path / "office.toml")
        self.said: list[str] = []

    def client(self) -> StatusFile:
        return StatusFile(self.config, self.said.append)

    def record(self) -> Record:
        found = status.read(self.config.status_file)
        assert found is not None
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def left_by_a_dead_process(home: Home) -> Record:
    """Leave the status file of a client that has ended."""
    client = home.client()
    client.start(CONNECTING, 100.0)
    client.update(UP, 200.0)
    record = replace(home.record(), process=replace(client.process, start_ticks=1))
    status.write(home.config.status_file, record)
    return record


def test_a_record_reads_back(home: Home) -> None:
    client = home.client()
    client.start(CONNECTING, 100.0)
    client.update(PARTIAL, 200.5)

    record = home.record()

    assert (record.state, record.since, record.gateway, record.verdict_s) == (
        State.PARTIAL,
        200,
        "gw:22",
        0,
    )
    assert [forward.state for forward in record.forwards] == ["listening", "denied"]
    assert record.process.pid == os.getpid()
    assert status.parse(status.render(record)) == record
    assert stat.S_IMODE(home.config.status_file.stat().st_mode) == 0o600
    assert [path.name for path in home.config.status_file.parent.iterdir()] == [
        "office.toml.status"
    ]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"schema": 2}', '{"schema": 1}', '{"schema": 1, "forwards": [{}]}'],
)
def test_a_file_that_is_not_a_status_file_is_ignored(text: str) -> None:
    assert status.parse(text) is None


def test_the_file_is_written_for_a_new_state_and_not_for_each_beat(home: Home) -> None:
    client = home.client()
    client.start(CONNECTING, 100.0)
    client.update(UP, 200.0)
    inode = home.config.status_file.stat().st_ino

    for second in range(1000):
        client.update(replace(UP, verdict_s=second % 2), 201.0 + second)

    assert home.config.status_file.stat().st_ino == inode


def test_changing_errors_are_written_every_ten_minutes(home: Home) -> None:
    client = home.client()
    client.start(CONNECTING, 0.0)
    written = 0

    for second in range(0, 3600, 10):
        client.update(replace(CONNECTING, error=f"error {second}"), float(second))
        written += home.record().error == f"error {second}"

    assert written == 5


def test_a_client_takes_over_the_instance_of_a_dead_one(home: Home) -> None:
    before = left_by_a_dead_process(home)

    client = home.client()
    client.start(CONNECTING, 300.0)

    assert client.instance == before.instance
    assert home.record().process.pid == os.getpid()


@pytest.mark.parametrize(
    "change",
    [{"machine": "another"}, {"path": "/elsewhere/office.toml.status"}],
    ids=["machine", "path"],
)
def test_a_copy_from_elsewhere_is_another_instance(home: Home, change: dict[str, str]) -> None:
    before = replace(left_by_a_dead_process(home), **change)  # type: ignore[arg-type]  # both are texts
    status.write(home.config.status_file, before)

    client = home.client()
    client.start(CONNECTING, 300.0)

    assert client.instance != before.instance
    assert home.record().instance == client.instance


def test_a_second_client_has_its_own_instance_and_leaves_the_file(home: Home) -> None:
    other = identity.Process(
        pid=os.getppid(),
        start_ticks=identity.start_ticks_of(os.getppid()),
        boot_id=identity.boot_id(),
    )
    before = replace(left_by_a_dead_process(home), process=other)
    status.write(home.config.status_file, before)

    client = home.client()
    client.start(CONNECTING, 300.0)
    client.update(UP, 400.0)

    assert client.instance != before.instance
    assert home.record() == before
    assert home.said == [
        (
            f"another client (PID {os.getppid()}) uses {home.config.status_file}; this client"
            " does not write its status"
        ),
    ]


def test_two_clients_that_start_at_once_do_not_share_an_instance(home: Home) -> None:
    before = left_by_a_dead_process(home)
    handle = os.open(home.config.status_file.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    client = home.client()
    client.start(CONNECTING, 300.0)
    os.close(handle)

    assert client.instance != before.instance


def test_a_missing_directory_is_logged_once(home: Home) -> None:
    home.config = replace(home.config, status_file=Path("/nowhere/at/all"))
    client = home.client()

    client.start(CONNECTING, 300.0)
    client.update(UP, 400.0)

    assert home.said == [
        "the status file /nowhere/at/all cannot be written: no such file or directory"
    ]


def test_the_report_of_a_client_that_runs(home: Home) -> None:
    client = home.client()
    client.start(CONNECTING, 100.0)
    client.update(UP, 200.0)

    report = Report(home.config)

    assert report.is_up
    assert "office: up via gw:22 for " in report.text()
    assert "20011 -> mail.lan:25  listening" in report.text()
    assert set(report.document()) == {
        "schema",
        "node",
        "running",
        "state",
        "since",
        "gateway",
        "verdict_s",
        "error",
        "instance",
        "pid",
        "forwards",
    }


def test_the_report_of_a_client_that_died(home: Home) -> None:
    left_by_a_dead_process(home)

    report = Report(home.config)

    assert not report.is_up
    assert "not running; its last state was up" in report.text()
    assert report.document()["running"] is False


def test_the_report_before_any_client(home: Home) -> None:
    report = Report(home.config)

    assert not report.is_up
    assert "no client has written" in report.text()
    assert report.document()["state"] is None
    assert report.document()["forwards"] == []


def test_a_process_is_alive_only_with_its_own_start_time() -> None:
    process = identity.this_process()

    assert identity.is_alive(process)
    assert not identity.is_alive(replace(process, boot_id="another"))
    assert not identity.is_alive(replace(process, pid=2**30, start_ticks=None))
    if process.start_ticks is not None:
        assert not identity.is_alive(replace(process, start_ticks=process.start_ticks + 1))


def test_brackets_in_a_process_name_do_no_harm() -> None:
    fields = " ".join(str(number) for number in range(4, 30))

    assert identity.start_ticks_in(f"77 (a) b (c) S {fields}") == 22


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["sleep", "60"])
    alive = identity.Process(
        pid=child.pid, start_ticks=identity.start_ticks_of(child.pid), boot_id=identity.boot_id()
    )
    assert identity.is_alive(alive)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not identity.is_alive(alive)
    child.wait()


def test_a_system_without_proc_knows_a_process_by_its_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(identity, "PROC", tmp_path / "none")
    process = identity.this_process()

    assert process.start_ticks is not None
    assert identity.is_alive(process)
    assert identity.is_alive(replace(process, start_ticks=None))
    assert not identity.is_alive(replace(process, start_ticks=process.start_ticks - 1))
    assert not identity.is_alive(replace(process, pid=2**30))
