"""What a gateway shows of a fleet: the commands, and `reversi-tui --once`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout
from checker.control.client import Control
from checker.control.fleet_events import FleetLog
from checker.model import Event, EventKind, NodeName, Port, Watched
from checker.model.gateway_id import GatewayId
from checker.rows.uptimes import DAY_S, day_at
from checker.state.event_query import Wanted
from checker.state.mirrors import mirror_path
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from tests.fleet.homes import Words
from tests.fleet.mirrors import held_elsewhere, mirror
from tests.programs import run_program
from tests.reversi_tui.console.states import sweep, tunnel, write
from tests.reversi_tui.scripted import all_up

Say = Callable[..., Words]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return held_elsewhere(tmp_path)


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command on gw1."""

    def told(*words: str) -> Words:
        capsys.readouterr()
        code = int(run(["--home", str(tmp_path), *words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return told


@pytest.fixture
def once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run `reversi-tui --once` on gw1."""

    def told(*words: str) -> Words:
        capsys.readouterr()
        code = main(["--home", str(tmp_path), "--once", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return told


@pytest.mark.usefixtures("layout")
def test_status_shows_each_forward_at_the_gateway_that_holds_it(say: Say) -> None:
    code, out, err = say("status")
    document = json.loads(say("status", "--json")[1])

    assert (code, err) == (0, "")
    assert "GATEWAY" in out.splitlines()[0]
    assert [(one["node"], one["gateway"], one["also"]) for one in document["tunnels"]] == [
        ("attic", "gw1", ["gw2"]),
        ("barn", "gw2", []),
        ("cellar", "gw3", []),
    ]
    assert {one["status"] for one in document["tunnels"]} == {"up"}
    assert [(one["id"], one["here"]) for one in document["gateways"]] == [
        ("gw1", True),
        ("gw2", False),
        ("gw3", False),
    ]


@pytest.mark.usefixtures("layout")
def test_here_shows_only_this_gateway(say: Say, once: Say) -> None:
    code, out, _ = say("status", "--here")
    document = json.loads(once("--json", "--here")[1])

    assert code == 1
    assert "GATEWAY" not in out
    assert [one["status"] for one in document["tunnels"]] == ["up", "down", "down"]
    assert "gateway" not in document["tunnels"][0]
    assert "gateways" not in document


@pytest.mark.usefixtures("layout")
def test_once_has_a_column_and_a_filter_for_the_gateway(once: Say) -> None:
    code, out, _ = once()
    _, chosen, _ = once("--filter", "gateway:gw2", "--columns", "node,gateway")
    document = json.loads(once("--json", "--sort", "gateway")[1])

    assert code == 0
    assert "gateway" in out.splitlines()[0]
    assert [line.split() for line in chosen.splitlines()[1:]] == [
        ["attic", "gw1", "+gw2"],
        ["barn", "gw2"],
    ]
    assert [one["gateway"] for one in document["tunnels"]] == ["gw1", "gw2", "gw3"]


def test_a_silent_gateway_makes_its_rows_stale_and_says_so(
    tmp_path: Path, say: Say, once: Say
) -> None:
    held_elsewhere(tmp_path, heard_s_ago=7300)

    code, out, err = say("status", "cellar")
    _, shown, said = once("--filter", "status:stale", "--columns", "node,gateway,status")

    assert code == 1
    assert "up (stale)" in out
    assert "gw3 unreachable 2h" in err
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == [["cellar", "gw3"]]
    assert "gw3 unreachable 2h" in said


@pytest.mark.parametrize("ahead_s", [3.0, 6.0, 90.0, 7300.0, -90.0, -7300.0])
def test_the_clock_of_another_gateway_makes_no_row_stale(
    layout: Layout, say: Say, once: Say, ahead_s: float
) -> None:
    now = time.time()
    there = now + ahead_s
    barn = replace(tunnel("barn", 20011), since=there - 7200, probed_at=there - 4)
    often = replace(sweep(there), every_s=20.0)
    mirror(layout, "gw2", Batch(tunnels=[barn], sweep=often), now - 1, ahead_s=ahead_s)
    write(layout, Batch(sweep=replace(sweep(now), every_s=20.0)))

    code, out, _ = say("status", "barn", "--json")
    (found,) = json.loads(out)["tunnels"]
    stale = once("--filter", "status:stale node:barn", "--columns", "node")[1]

    assert code == 0
    assert (found["gateway"], found["status"]) == ("gw2", "up")
    assert found["probed_at"] == pytest.approx(now - 4, abs=4)
    assert found["since"] == pytest.approx(now - 7200, abs=4)
    assert "barn" not in stale


def event(node: str, at: float, text: str, kind: EventKind = EventKind.STATUS) -> Event:
    return Event(at=at, kind=kind, text=text, node=NodeName(node), port=Port(20011))


def test_the_log_has_the_events_of_all_gateways_by_time(layout: Layout, say: Say) -> None:
    now = time.time()
    write(layout, Batch(events=[event("barn", now - 90, "one"), event("barn", now - 30, "three")]))
    heard = Batch(events=[event("barn", now - 60, "two"), event("attic", now - 10, "four")])
    mirror(layout, "gw2", heard, now)

    _, out, _ = say("log")
    events = json.loads(say("log", "--json", "--node", "barn", "--limit", "2")[1])["events"]
    here = json.loads(say("log", "--json", "--here")[1])["events"]
    seen_there = say("log", "--filter", "gateway:gw2 node:barn")[1]

    lines = [line.split() for line in out.splitlines()]
    assert [(line[2], line[-1]) for line in lines] == [
        ("gw1", "one"),
        ("gw2", "two"),
        ("gw1", "three"),
        ("gw2", "four"),
    ]
    assert [(one["gateway"], one["text"]) for one in events] == [("gw2", "two"), ("gw1", "three")]
    assert [one["text"] for one in here] == ["one", "three"]
    assert "gateway" not in here[0]
    assert [line.split()[-1] for line in seen_there.splitlines()] == ["two"]


def test_the_report_counts_the_time_at_each_gateway(layout: Layout, say: Say) -> None:
    barn, now = (NodeName("barn"), Port(20011)), time.time()
    days = [day_at(now - DAY_S), day_at(now), day_at(now + DAY_S)]
    down = [(*barn, Watched(day=day, up_s=0.0, watched_s=DAY_S)) for day in days]
    write(layout, Batch(uptime=down))

    found = json.loads(say("report", "barn", "--json")[1])["forwards"]
    here = json.loads(say("report", "barn", "--json", "--here")[1])["forwards"]

    assert [one["up_s"] for one in found] == [7200.0]
    assert [one["up_s"] for one in here] == [0.0]


def test_the_log_follows_all_gateways_and_repeats_nothing(layout: Layout) -> None:
    now = time.time()
    old = [event("barn", now - 60 + number, f"old {number}") for number in range(3)]
    mirror(layout, "gw2", Batch(events=old), now)
    followed = FleetLog(layout=layout, own=GatewayId("gw1"), look_every_s=0.01)
    wanted = Wanted(limit=1)
    lines = followed.followed(followed.past(wanted), wanted)

    def told() -> tuple[str, str]:
        one, gateway = next(lines)
        return gateway, one.text

    assert told() == ("gw2", "old 2")
    write(layout, Batch(events=[event("barn", now, "here")]))
    assert told() == ("gw1", "here")
    mirror_path(layout, GatewayId("gw2")).unlink()
    mirror(layout, "gw2", Batch(events=old[:1]), now)
    mirror(layout, "gw4", Batch(events=[event("barn", now + 1, "further")]), now)
    assert told() == ("gw4", "further")
    mirror(layout, "gw2", Batch(events=[event("barn", now + 2, "again")]), now)
    assert told() == ("gw2", "again")


@pytest.mark.usefixtures("layout")
def test_where_says_which_gateway_holds_a_node(say: Say) -> None:
    code, out, _ = say("where", "barn", "attic")
    document = json.loads(say("where", "barn", "--json")[1])

    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["barn", "20011", "gw2"],
        ["attic", "20010", "gw1"],
    ]
    assert document["forwards"][0]["gateway"] == "gw2"


@pytest.mark.parametrize("verb", ["kill", "reset", "probe"])
@pytest.mark.usefixtures("layout")
def test_an_act_on_what_another_gateway_holds_needs_a_key(
    say: Say, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("REVERSI_SIGNING_KEY", raising=False)

    named = say(verb, "barn")
    found = say(verb, "--filter", "node:barn")

    for code, out, _ in (named, found):
        assert code == 1
        assert out.startswith("barn:20011 at gw2: nothing was done: gateway gw2 acts only on your")
        assert "bring your SSH agent (SSH_AUTH_SOCK" in out


@pytest.mark.usefixtures("layout")
def test_ssh_config_and_the_inventory_go_through_the_holder(tmp_path: Path, say: Say) -> None:
    connect = f"reversi-checker --home {tmp_path} connect"

    _, config, _ = say("ssh-config")
    _, jumping, _ = say("ssh-config", "--jump", "anna@gw1.example.org:2222", "--prefix", "site-")
    hosts = json.loads(say("inventory")[1])["_meta"]["hostvars"]

    assert f"  ProxyCommand {connect} %n\n" in config
    assert "ProxyJump" not in config
    there = f"ssh -p 2222 -- anna@gw1.example.org {connect} --prefix site- %n"
    assert f"  ProxyCommand {there}\n" in jumping
    assert f"'ProxyCommand={connect} barn:20011'" in hosts["barn"]["ansible_ssh_common_args"]
    assert (hosts["barn"]["reversi_gateway"], hosts["barn"]["reversi_status"]) == ("gw2", "up")


def test_mirrors_without_a_fleet_in_the_settings_change_nothing(
    layout: Layout, say: Say, once: Say
) -> None:
    layout.config.write_text("", encoding="utf-8")

    assert "GATEWAY" not in say("status")[1]
    assert "gateways" not in json.loads(once("--json")[1])
    assert "ProxyCommand" not in say("ssh-config")[1]


def test_a_machine_that_only_watches_has_rows_and_no_daemon_to_miss(
    layout: Layout, say: Say, once: Say
) -> None:
    for path in layout.state.parent.glob("state.db*"):
        path.unlink()

    code, out, err = say("status")
    printed = once("--columns", "node,gateway")

    assert code == 0
    assert "daemon" not in err + printed[2]
    assert [line.split() for line in printed[1].splitlines()[1:]] == [
        ["attic", "gw2"],
        ["barn", "gw2"],
        ["cellar", "gw3"],
    ]
    assert "up" in out


@pytest.mark.parametrize("verb", ["kill", "reset", "probe"])
@pytest.mark.parametrize("has_acted", [False, True])
def test_a_machine_that_only_watches_leaves_its_own_ports_alone(
    layout: Layout, say: Say, verb: str, *, has_acted: bool
) -> None:
    mirror_path(layout, GatewayId("gw2")).unlink()
    for path in layout.state.parent.glob("state.db*"):
        path.unlink()
    if has_acted:
        assert Control(layout=layout).report(()) == "", "it keeps the log of far acts"

    code, out, _ = say(verb, "barn")

    assert code == 1
    assert out == (
        "barn:20011: nothing was done: no gateway holds it, and this machine only watches; ask"
        " again when one does\n"
    )


@pytest.mark.parametrize("is_fleet", [False, True])
def test_only_a_fleet_loads_what_reads_one(tmp_path: Path, *, is_fleet: bool) -> None:
    if is_fleet:
        held_elsewhere(tmp_path)
    else:
        all_up(tmp_path)
    program = """
import sys
from pathlib import Path
from checker.cli.main import run
from checker.config.layout import home_layout
from reversi_tui.__main__ import main
from reversi_tui.reader.events import EventReader, Moment, Question, Way
def show_events(layout):
    posted = []
    reader = EventReader(layout, posted.append)
    now = Moment(now=1.0, every_s=1.0)
    reader.step(Question(number=1, way=Way.NEWEST, text="", rows=(), moment=now))
    reader.sources.close()
    assert posted[0].page.is_last
home = ["--home", sys.argv[1]]
main([*home, "--json"])
show_events(home_layout(Path(sys.argv[1])))
for verb in (["status"], ["log"], ["report"], ["inventory"], ["ssh-config"], ["probe", "attic"]):
    run([*home, *verb])
parts = {part for one in sys.modules for part in one.split(".")}
fleets = {"gateways", "mirrors", "fleet_rows", "fleet_events", "timed_pages", "fleet"}
print("found:", sorted(fleets & parts))
"""
    done = run_program([sys.executable, "-c", program, str(tmp_path)])

    some = (
        "['fleet_events', 'fleet_rows', 'gateways', 'mirrors', 'timed_pages']" if is_fleet else "[]"
    )
    assert done.stdout.splitlines()[-1] == f"found: {some}", done.stderr


def test_a_mirror_that_cannot_be_read_is_a_sentence(layout: Layout, say: Say) -> None:
    (layout.mirrors / "gw4.db").write_bytes(b"no database" * 900)

    code, out, err = say("status")

    assert code == 0
    assert "gw2" in out
    assert "gw4: the state file" in err


def test_a_row_that_two_gateways_hold_can_be_acted_on_here(layout: Layout, say: Say) -> None:
    write(layout, Batch(tunnels=()))

    _, out, _ = say("kill", "attic", "--dry-run")

    assert "would kill" in out
