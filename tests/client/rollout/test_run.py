"""A rollout over several devices, with a stand-in for ssh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.pin_files import note_pins, read_pins
from checker.registry.pins import Pins
from checker.sshd.host_keys import as_pin
from client.bundle.build import Source
from client.bundle.gateways import Pinning
from client.cli import parse_arguments
from client.rollout.course import Came, Result
from client.rollout.device import REPLACED
from client.rollout.memory import Memory
from client.rollout.plan import Plan
from client.rollout.run import carried_out
from client.rollout.view import view_of
from client.rollout.way import Job
from tests.client.rollout.stand_ins import ANSWERS, HOST_KEY, INTERRUPTS, jobs, put_ssh, seen

pytestmark = pytest.mark.usefixtures("at_once")
EARLIER = Pins(at=1, host_keys=("ssh-ed25519 SHA256:earlier",))
NEW = (as_pin(HOST_KEY),)
"""What a device pins before and after."""


def rolled_out(folder: Path, those: list[Job]) -> list[Came]:
    wanted = parse_arguments(["rollout", "--all", "--yes"]).rollout
    assert wanted is not None
    wanted = replace(wanted, within_s=5, at_once=1)
    memory = Memory(folder / "rollout.json")
    layout = seen(folder, those)
    layout.nodes.mkdir()
    with locked(layout):
        for job in those:
            note_pins(layout, job.name, EARLIER)
    source = Source(
        layout=layout,
        config=Config(tunnel_user="reversi"),
        registry=Registry(nodes=MappingProxyType({})),
        gateways=(),
        pins=Pinning(lines=(HOST_KEY,), own=(HOST_KEY,), to_come=()),
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
    layout = home_layout(tmp_path)
    assert [len(read_pins(layout, job.name)) for job in those] == [1, 2, 2, 2, 1]
    assert [read_pins(layout, job.name)[-1].host_keys for job in those[:2]] == [NEW, NEW]
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
