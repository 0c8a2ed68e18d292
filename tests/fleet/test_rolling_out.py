"""A rollout in a fleet: each node's own order of gateways, and devices that go to another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.fleet.mirror import Mirror
from checker.model import NodeName, Port, ProcessId, Registration, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.rows import Batch, Sweep
from checker.state.store import open_reader
from client.bundle.build import find_source
from client.bundle.gateways import id_of
from client.bundle.settings import Settings
from client.cli import parse_arguments
from client.rollout.course import Came, Result
from client.rollout.device import Login
from client.rollout.elsewhere import Elsewhere
from client.rollout.memory import Memory
from client.rollout.plan import Plan, plan
from client.rollout.run import elsewhere
from client.rollout.upgrade import upgrade_of
from client.rollout.view import view_of
from tests.client.rollout.conftest import at_once
from tests.client.rollout.stand_ins import ANSWERS, jobs, put_ssh, seen
from tests.fleet.fleet_mirrors import write as write_mirror
from tests.fleet.homes import Member
from tests.reversi_tui.console.states import write

__all__ = ["at_once"]
GW2 = GatewayId("gw2")
NAMES = [f"n{number}" for number in range(6)]
PID = 4000
MOVES = ANSWERS.replace(
    "#!/bin/sh\n", "#!/bin/sh\n[ -e {there} ] || cp {mirror} {there}\n"
).replace("read -r status", 'printf "%s\\n" "$*" >>"$0.words"\nread -r status')
"""As if the device went to another gateway when it was told to upgrade."""


def up(name: str, port: int, instance: str = "word") -> Batch:
    """A tunnel that connected just now and works."""
    now, session = time.time(), ProcessId(pid=PID + port, start_ticks=1)
    one = Registration(
        node=NodeName(name),
        instance=instance,
        session=session,
        peer="192.0.2.1",
        registered_at=now,
        client="bundle-0.1.0/dropbear-2022.83",
    )
    row = Tunnel(
        node=NodeName(name), port=Port(port), status=Status.UP, session=session, probed_at=now + 1
    )
    return Batch(tunnels=(row,), registrations=(one,))


def tell(teller: Layout, path: Path) -> None:
    """Write what a gateway saw into another one's mirror."""
    path.parent.mkdir(exist_ok=True)
    with closing(Mirror(path)) as mirror:
        write_mirror(mirror, teller, 1)


def add(gw1: Member, name: str, instance: str = "word") -> None:
    """Register a node whose tunnel is here."""
    node = gw1.add(name)
    write(gw1.layout, up(name, node.forwards[0].port, instance))


def planned(gw1: Member, *words: str) -> Plan:
    wanted = parse_arguments(["rollout", "--all", "--home", str(gw1.layout.home), *words]).rollout
    assert wanted is not None
    source = find_source(wanted.build)
    with view_of(gw1.layout, elsewhere(source)) as view:
        return plan(source, wanted, view, Memory(gw1.layout.state.with_suffix(".memory")))


def test_each_device_gets_all_gateways_in_its_nodes_order(
    gw1: Member, gw2: Member, tmp_path: Path
) -> None:
    for name in NAMES:
        add(gw1, name)
    write(gw2.layout, up("other", 20099))
    tell(gw2.layout, mirror_path(gw1.layout, GW2))

    found = planned(gw1)

    assert not found.others
    orders = [list(map(id_of, job.bundle.gateways)) for job in found.jobs]
    assert sorted(set(map(tuple, orders))) == [("gw1", "gw2"), ("gw2", "gw1")]
    assert [job.home for job in found.jobs] == ["" if one[0] == "gw1" else one[0] for one in orders]
    for job in found.jobs:
        assert {line.partition(" ")[0] for line in job.bundle.host_keys} == {"gw1", "gw2"}
    typed = planned(gw1, "--gateway", "gw.example.org")
    assert {tuple(job.bundle.gateways) for job in typed.jobs} == {("gw.example.org:22",)}
    assert {job.home for job in typed.jobs} == {""}


def test_a_device_stays_if_nothing_is_heard_of_where_it_would_go(gw1: Member) -> None:
    add(gw1, "barn")
    add(gw1, "attic")
    gw1.do("node", "sign", "barn", "--gateways", "gw2,gw1")
    gw1.do("node", "sign", "attic", "--gateways", "gw1,gw2")

    found = planned(gw1)

    assert [job.name for job in found.jobs] == ["attic"]
    (barn,) = found.others
    assert (barn.name, barn.result) == ("barn", Result.SKIPPED)
    assert "its new bundle begins with its home gw2, of which nothing is heard here" in barn.detail
    assert [job.name for job in planned(gw1, "--gateway", "gw.example.org").jobs] == [
        "attic",
        "barn",
    ]


def test_a_device_at_another_gateway_is_left_to_it(gw1: Member, gw2: Member) -> None:
    nodes = {name: gw1.add(name).forwards[0].port for name in ("attic", "barn", "cellar")}
    write(gw1.layout, up("attic", nodes["attic"]))
    write(gw2.layout, up("barn", nodes["barn"]))
    path = mirror_path(gw1.layout, GW2)
    tell(gw2.layout, path)

    found = planned(gw1)
    with closing(open_reader(path)) as reader:
        heard = read_pulse(reader)
        assert heard is not None
    with closing(Mirror(path)) as mirror:
        mirror.put_pulse(replace(heard, heard_at=heard.heard_at - 60))
    later = planned(gw1, "--gateway", "gw.example.org")

    assert [job.name for job in found.jobs] == [job.name for job in later.jobs] == ["attic"]
    unknown = f"port {nodes['barn']} is unknown, not up"
    at_gw2 = "its tunnel is at gw2: run rollout there"
    elsewhere = f"port {nodes['cellar']} is unknown, not up"
    assert [one.detail for one in found.others] == [at_gw2, elsewhere]
    assert [one.detail for one in later.others] == [unknown, elsewhere]


def test_of_a_node_with_two_tunnels_the_one_that_is_here_is_replaced(gw1: Member) -> None:
    add(gw1, "barn", "word.2")
    gw1.do("node", "sign", "barn", "--gateways", "gw2,gw1", "--paths", "2")

    (job,) = planned(gw1).jobs

    assert (job.bundle.name, job.bundle.path, job.home) == ("barn_2", 2, "")
    assert list(map(id_of, job.bundle.gateways)) == ["gw1"]


@contextmanager
def one_that_moves(folder: Path, *answers: int) -> Iterator[tuple[Layout, Path]]:
    """A device that is here, and at gw2 once ssh was called; yield the words of each ssh."""
    (job,) = jobs("office")
    there = home_layout(folder / "gw2")
    there.state.parent.mkdir()
    write(there, up(job.name, job.port))
    tell(there, folder / "prepared" / "gw2.db")
    layout = seen(folder, [job])
    place = mirror_path(layout, GW2)
    place.parent.mkdir(exist_ok=True)
    script = MOVES.replace("{there}", f"'{place}'").replace(
        "{mirror}", f"'{folder / 'prepared' / 'gw2.db'}'"
    )
    put_ssh(folder, script, *answers)
    yield layout, folder / "ssh.words"


def upgraded(layout: Layout, *, trial: str = "180", within_s: float = 60.0) -> Came:
    (job,) = jobs("office")
    job = replace(job, bundle=replace(job.bundle, settings=Settings(trial=trial)))
    with view_of(layout, Elsewhere(layout=layout, own=GatewayId("gw1"))) as view:
        login = Login(user="root", sudo=False, options=())
        return asyncio.run(upgrade_of(job, view, login, within_s).carry_out())


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("answers", "trial", "detail"),
    [
        pytest.param((0, 0), "180", "it is at gw2 now", id="asked there"),
        pytest.param((0, 1, 0), "180", "it is at gw2 now", id="asked again"),
        pytest.param((0, 255, 255, 0), "180", "it is at gw2 now", id="late there"),
        pytest.param(
            (0, 255, 255, 255),
            "180",
            "it works at gw2 now, and was not asked there: ssh: office: said 255",
            id="no way there",
        ),
        pytest.param(
            (0, 255, 255, 255, 255, 0), "0", "it is at gw2 now", id="its old bundle may be back"
        ),
    ],
)
def test_a_device_that_went_to_another_gateway_is_asked_there(
    tmp_path: Path, answers: tuple[int, ...], trial: str, detail: str
) -> None:
    with one_that_moves(tmp_path, *answers) as (layout, words):
        came = upgraded(layout, trial=trial)

        assert (came.result, came.detail) == (Result.UPGRADED, detail)
        first, *others = words.read_text().splitlines()
        through = f"ProxyCommand=reversi-checker --home {tmp_path} connect"
        assert through not in first
        assert len(others) == len(answers) - 1
        assert all(through in one and "office:20010" in one for one in others)


def test_a_device_that_left_since_the_plan_is_left_to_its_gateway(tmp_path: Path) -> None:
    with one_that_moves(tmp_path) as (layout, words):
        layout.config.write_text('[fleet]\nname = "gw1"\n', encoding="utf-8")
        place = mirror_path(layout, GW2)
        place.write_bytes((tmp_path / "prepared" / "gw2.db").read_bytes())
        (job,) = jobs("office")
        gone = Tunnel(node=job.name, port=job.port, status=Status.DOWN, probed_at=time.time())
        sweep = Sweep(pid=PID, swept_at=time.time(), every_s=20.0)
        write(layout, Batch(tunnels=(gone,), sweep=sweep))

        came = upgraded(layout)

        assert came.result is Result.SKIPPED
        assert came.detail == "its tunnel is at gw2: run rollout there"
        assert not words.exists()


@pytest.mark.usefixtures("at_once")
def test_without_a_word_of_the_others_the_time_runs_out(tmp_path: Path) -> None:
    with one_that_moves(tmp_path, 0) as (layout, _):
        mirror_path(layout, GW2).write_bytes(b"no mirror at all")

        came = upgraded(layout, within_s=1.0)

    assert (came.result, "within 1 s" in came.detail) == (Result.FAILED, True)
