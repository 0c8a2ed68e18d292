"""One device's upgrade, with a stand-in for ssh: what the device says decides."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from checker.config.layout import home_layout
from checker.model import (
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.state.rows import Batch
from checker.state.store import open_store
from client.rollout import upgrade
from client.rollout.course import Came, Result
from client.rollout.device import IN_PLACE, NOT_COPIED, REPLACED, Login
from client.rollout.upgrade import upgrade_of
from client.rollout.view import view_of
from client.rollout.way import Job
from tests.client.bundle.samples import OFFICE

NAME, PORT = NodeName("office"), Port(20010)
SSH = """#!/bin/sh
cat >/dev/null
read -r status <"$0.answers"
sed -i 1d "$0.answers"
printf 'office: said %s\\n' "$status" >&2
exit "$status"
"""
"""Ends with the next status of a list."""


def up(status: Status = Status.UP) -> Batch:
    """The state of a node whose tunnel the checker found to work."""
    session = ProcessId(pid=1, start_ticks=1)
    return Batch(
        tunnels=(Tunnel(node=NAME, port=PORT, status=status, session=session, probed_at=20.0),),
        registrations=(
            Registration(
                node=NAME,
                instance="word",
                session=session,
                peer="192.0.2.1",
                registered_at=10.0,
                client="bundle-0.1.0/dropbear-2022.83",
            ),
        ),
    )


def came_to(folder: Path, state: Batch, *answers: int) -> Came:
    """Upgrade a device whose ssh ends with these statuses, one after the other."""
    layout = home_layout(folder)
    with closing(open_store(layout.state)) as store:
        store.write(state)
    (folder / "ssh.answers").write_text("".join(f"{status}\n" for status in answers))
    (folder / "ssh").write_text(SSH)
    (folder / "ssh").chmod(0o755)
    target, expect = parse_target("127.0.0.1:22"), parse_expect("banner:SSH-2.0")
    forward = Forward(node=NAME, port=PORT, target=target, expect=expect)
    node = Node(name=NAME, public_key="ssh-ed25519 AAAA", forwards=(forward,), added_at=0)
    job = Job(node=node, forward=forward, bundle=OFFICE)
    with view_of(layout) as view:
        login = Login(user="root", sudo=False, options=())
        came = asyncio.run(upgrade_of(job, view, login, 1.0).carry_out())
    assert (folder / "ssh.answers").read_text() == ""
    return came


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(upgrade, "ASK_EVERY_S", 0.01)
    monkeypatch.setattr(upgrade, "LOOK_EVERY_S", 0.01)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("answers", "result", "detail"),
    [
        pytest.param((IN_PLACE,), Result.SAME, "it had this bundle already", id="in place"),
        pytest.param((255,), Result.FAILED, "ssh: office: said 255", id="no login"),
        pytest.param(
            (NOT_COPIED,), Result.FAILED, "the copy failed: office: said 91", id="cut off"
        ),
        pytest.param((2,), Result.FAILED, "upgrade: office: said 2", id="refused"),
        pytest.param((REPLACED, 0), Result.UPGRADED, "", id="confirmed"),
        pytest.param((REPLACED, 1, 255, 1, 0), Result.UPGRADED, "", id="asked again"),
        pytest.param((REPLACED, 2), Result.FAILED, "the old one is back", id="rolled back"),
        pytest.param((0,), Result.FAILED, "no good verdict within 1 s", id="no new session"),
    ],
)
def test_what_the_device_says_decides(
    tmp_path: Path, answers: tuple[int, ...], result: Result, detail: str
) -> None:
    came = came_to(tmp_path, up(), *answers)

    assert came.result is result
    assert detail in came.detail
    assert bool(detail) == bool(came.detail)


def test_a_device_that_just_went_down_is_left_out(tmp_path: Path) -> None:
    came = came_to(tmp_path, up(Status.DOWN))

    assert (came.result, came.detail) == (Result.SKIPPED, "port 20010 is down, not up")


def test_an_ssh_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SSH", "#!/bin/sh\nexec sleep 60\n")
    before = set(psutil.Process().children())

    came = came_to(tmp_path, up())

    assert came.result is Result.FAILED
    assert "no good verdict within 1 s" in came.detail
    assert set(psutil.Process().children()) <= before
