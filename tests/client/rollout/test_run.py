"""A rollout over several devices, with a stand-in for ssh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.settings import Config
from checker.registry.reading import read_registry
from client.bundle.build import Source
from client.cli import parse_arguments
from client.rollout.course import Came, Result
from client.rollout.device import REPLACED
from client.rollout.memory import Memory
from client.rollout.plan import Plan
from client.rollout.run import carried_out
from client.rollout.view import view_of
from client.rollout.way import Job
from tests.client.rollout.stand_ins import ANSWERS, INTERRUPTS, jobs, put_ssh, seen

pytestmark = pytest.mark.usefixtures("at_once")


def rolled_out(folder: Path, those: list[Job]) -> list[Came]:
    wanted = parse_arguments(["rollout", "--all", "--yes"]).rollout
    assert wanted is not None
    wanted = replace(wanted, within_s=5, at_once=1)
    memory = Memory(folder / "rollout.json")
    layout = seen(folder, those)
    source = Source(
        layout=layout,
        config=Config(tunnel_user="reversi"),
        registry=read_registry(layout.nodes),
        gateways=("gateway.test:22",),
        host_keys=those[0].bundle.host_keys,
    )
    with view_of(layout) as view:
        return carried_out(wanted, source, view, memory, Plan(jobs=those, others=()))


def test_done_devices_are_remembered_and_three_failures_stop_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    those = jobs("a", "b", "c", "d", "e")
    left = put_ssh(tmp_path, ANSWERS, REPLACED, 0, 2, 255, 2)

    came = rolled_out(tmp_path, those)

    assert left.read_text() == ""
    assert {one.name: one.result for one in came} == {
        "a": Result.UPGRADED,
        "b": Result.FAILED,
        "c": Result.FAILED,
        "d": Result.FAILED,
        "e": Result.LEFT,
    }
    memory = Memory(tmp_path / "rollout.json")
    assert [memory.has(job.name, job.digest) for job in those] == [True] + [False] * 4
    said = capsys.readouterr()
    assert "[1/5] a upgraded\n[2/5] b failed: upgrade: office: said 2\n" in said.err
    assert "stopped after 3 failures in a row" in said.err
    assert [line.split()[0] for line in said.out.splitlines()] == ["NODE", *"abcde"]


def test_an_interrupted_rollout_prints_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_ssh(tmp_path, INTERRUPTS)

    with pytest.raises(KeyboardInterrupt):
        rolled_out(tmp_path, jobs("a", "b"))

    said = capsys.readouterr()
    assert "interrupted: its upgrade may go on by itself" in said.out
    assert "1 failed, 1 not started" in said.err
