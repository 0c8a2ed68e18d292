"""One device's upgrade, with a stand-in for ssh: what the device says decides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from checker.model import Status
from client.rollout.course import Came, Result
from client.rollout.device import IN_PLACE, NOT_COPIED, REPLACED, Login, Said
from client.rollout.upgrade import failure, upgrade_of
from client.rollout.view import view_of
from tests.client.rollout.stand_ins import ANSWERS, HANGS, jobs, put_ssh, seen

pytestmark = pytest.mark.usefixtures("at_once")


def came_to(folder: Path, status: Status = Status.UP, within_s: float = 180.0) -> Came:
    (job,) = jobs("office")
    with view_of(seen(folder, [job], status)) as view:
        login = Login(user="root", sudo=False, options=())
        return asyncio.run(upgrade_of(job, view, login, within_s).carry_out())


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
    ],
)
def test_what_the_device_says_decides(
    tmp_path: Path, answers: tuple[int, ...], result: Result, detail: str
) -> None:
    left = put_ssh(tmp_path, ANSWERS, *answers)

    came = came_to(tmp_path)

    assert left.read_text() == ""
    assert came.result is result
    assert detail in came.detail
    assert bool(detail) == bool(came.detail)


def test_without_a_new_session_the_time_runs_out(tmp_path: Path) -> None:
    put_ssh(tmp_path, ANSWERS, 0)

    came = came_to(tmp_path, within_s=1.0)

    assert came.result is Result.FAILED
    assert "no good verdict within 1 s" in came.detail


def test_a_device_that_just_went_down_is_left_out(tmp_path: Path) -> None:
    came = came_to(tmp_path, Status.DOWN)

    assert (came.result, came.detail) == (Result.SKIPPED, "port 20010 is down, not up")


def test_an_ssh_that_hangs_is_ended(tmp_path: Path) -> None:
    put_ssh(tmp_path, HANGS)
    before = set(psutil.Process().children())

    came = came_to(tmp_path, within_s=1.0)

    assert came.result is Result.FAILED
    assert "no good verdict within 1 s" in came.detail
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    ("status", "last", "hint"),
    [
        pytest.param(2, "office: no bundle is installed here; run install", "--sudo", id="root's"),
        pytest.param(255, "Host key verification failed.", "ssh-keygen -R office", id="host key"),
        pytest.param(255, "No route to host", "ssh: No route to host", id="none"),
        pytest.param(2, "", "upgrade: exit status 2", id="silent"),
    ],
)
def test_a_failure_says_what_to_do(status: int, last: str, hint: str) -> None:
    (job,) = jobs("office")

    assert hint in failure(Said(status=status, last=last), job.name)
