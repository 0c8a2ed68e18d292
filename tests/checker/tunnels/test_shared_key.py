"""The shared key: what it may speak of, what it may hold, what of it is remembered, and that no
registered node suffers by it.
"""

from __future__ import annotations

import re
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user, load_config
from checker.config.toml_file import ConfigError
from checker.daemon.schedule import Schedule
from checker.model import (
    MOST_PORTS,
    OPEN,
    SHARED_KEY,
    Answer,
    EventKind,
    Expect,
    ExpectKind,
    Flaps,
    Node,
    NodeName,
    Policy,
    Port,
    SharedKey,
    Status,
    Tunnel,
    Unregistered,
    expect_said,
    parse_expect,
)
from checker.registry.authorized_keys import gate_command, lines_of_shared, write_keys
from checker.registry.key_lines import GateCommand, merge, shared_lines
from checker.registry.node_file import node_toml, read_node
from checker.registry.nodes import Registry, conflict, renames
from checker.state.ledger import Ledger
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from checker.state.unregistered import Sightings
from checker.tunnels.gateway import REFUSALS, Gateway
from checker.tunnels.judge import Kill, Nothing, Observation, Owner, Recheck, judge
from checker.tunnels.requests import Requests
from checker.tunnels.shared_key import (
    KEPT_S,
    SPEAKS_FOR_S,
    NotForSharedKey,
    forward_meant,
    is_over,
    shared_ports,
    sighted,
    still_unregistered,
)
from checker.wire import ANY_NODE, Asked, OldCheck
from tests.strategies import (
    FORWARD,
    NOW,
    OFFICE,
    SESSION,
    free_port,
    instants,
    names,
    node,
    public_key,
)

ON = SharedKey(enabled=True, public_keys=(public_key(9),), ports=range(50000, 50100))
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
DAY = "2026-01-01"
OWNED = node("owned", 1, (50001, 20001))
LEGACY = replace(node("legacy", 2, (50002, 61000)), public_key=SHARED_KEY)
REGISTRY = Registry(
    nodes=MappingProxyType({one.name: one for one in (OWNED, LEGACY)}),
    broken=frozenset({NodeName("odd")}),
    broken_ports=frozenset({Port(50003)}),
)
unregistered = st.builds(
    Unregistered,
    node=names,
    port=st.integers(50000, 50099).map(Port),
    expect=st.sampled_from([OPEN, FORWARD.expect]),
    first_at=instants,
    last_at=instants,
)


def stranger(name: str = "stranger", port: int = 50010, *, last_at: float = NOW) -> Unregistered:
    return Unregistered(
        node=NodeName(name), port=Port(port), expect=FORWARD.expect, first_at=NOW, last_at=last_at
    )


def test_an_unknown_name_on_a_port_of_the_range_is_believed() -> None:
    forward = forward_meant(OldCheck("stranger", 50010, "SSH-2.0 x"), REGISTRY, ON, DAY)

    assert (forward.node, forward.port, str(forward.expect)) == (
        "stranger",
        50010,
        "banner:SSH-2.0 x",
    )


def test_of_a_node_without_another_key_the_registry_knows_what_to_expect() -> None:
    assert (
        forward_meant(OldCheck("legacy", 61000, "bogus"), REGISTRY, ON, DAY) is LEGACY.forwards[1]
    )


@pytest.mark.parametrize(
    ("name", "port", "says"),
    [
        pytest.param("owned", 50001, "has a key of its own", id="a-key-of-its-own"),
        pytest.param("stranger", 50001, "belongs to node owned", id="a-port-of-its-own"),
        pytest.param("stranger", 61000, "belongs to node legacy", id="a-legacy-port"),
        pytest.param(
            "legacy", 50010, "not a port of the registered node legacy", id="another-port"
        ),
        pytest.param("owned", 50010, "not a port of the registered node owned", id="a-free-port"),
        pytest.param("odd", 50010, "registered node odd", id="a-broken-name"),
        pytest.param("stranger", 50003, "belongs to another", id="a-broken-port"),
        pytest.param(
            "stranger", 50100, "not one of the shared key's, 50000-50099", id="out-of-range"
        ),
        pytest.param("hold", 50010, "word of the protocol", id="a-verb"),
    ],
)
def test_what_the_shared_key_may_not_speak_of(name: str, port: int, says: str) -> None:
    with pytest.raises(NotForSharedKey, match=says):
        forward_meant(OldCheck(name, port), REGISTRY, ON, DAY)


def test_while_it_is_off_it_speaks_of_nothing() -> None:
    with pytest.raises(NotForSharedKey, match="has no shared key"):
        forward_meant(OldCheck("stranger", 50010), REGISTRY, SharedKey(), DAY)


def test_a_disabled_node_is_not_spoken_for() -> None:
    registry = Registry(nodes=MappingProxyType({LEGACY.name: replace(LEGACY, enabled=False)}))

    with pytest.raises(NotForSharedKey, match="disabled"):
        forward_meant(OldCheck("legacy", 61000), registry, ON, DAY)


@given(
    st.sampled_from(["owned", "legacy", "odd", "stranger", "x"]),
    st.integers(1, 65535),
    st.text(max_size=10),
)
def test_it_never_speaks_of_a_port_that_a_node_with_its_own_key_has(
    name: str, port: int, expected: str
) -> None:
    try:
        forward = forward_meant(OldCheck(name, port, expected), REGISTRY, ON, DAY)
    except NotForSharedKey:
        return

    ports = shared_ports(REGISTRY, [forward.port])
    assert forward.port in ports.held
    assert forward.port not in ports.owned


@pytest.mark.parametrize("text", ["", "***", " - ", "NULL", "NULL of that", "null"])
def test_what_has_no_letter_or_digit_and_the_originals_null_is_no_expectation(text: str) -> None:
    assert expect_said(text).kind is ExpectKind.OPEN


@pytest.mark.parametrize("text", ["NULLSERVER", "SSH NULL", "'NULL'"])
def test_a_banner_with_null_in_it_is_a_banner(text: str) -> None:
    assert expect_said(text) == Expect(kind=ExpectKind.BANNER, text=text)


def test_a_node_that_an_earlier_release_imported_with_null_expects_open() -> None:
    assert parse_expect("banner:NULL") == OPEN


def test_a_device_that_asks_again_is_the_same_one() -> None:
    said = replace(stranger().forward, expect=parse_expect("banner:HTTP"))

    after = sighted(
        stranger(), Tunnel(node=OFFICE, port=Port(50010), status=Status.UP), said, NOW + 5
    )

    assert after == replace(stranger(), expect=said.expect, last_at=NOW + 5)


@pytest.mark.parametrize(
    ("status", "silent_s", "taken"),
    [
        pytest.param(Status.UP, SPEAKS_FOR_S - 1, False, id="while-the-first-asks"),
        pytest.param(Status.UP, SPEAKS_FOR_S + 1, True, id="once-it-fell-silent"),
        pytest.param(Status.DOWN, 1.0, True, id="once-it-is-down"),
    ],
)
def test_another_name_takes_a_port_only_when_it_is_left(
    status: Status, silent_s: float, taken: bool
) -> None:
    known = stranger()

    after = sighted(
        known,
        Tunnel(node=known.node, port=known.port, status=status),
        stranger("other").forward,
        NOW + silent_s,
    )

    assert (after.node == "other") is taken
    assert taken or after is known


def test_a_device_is_forgotten_a_week_after_it_was_last_there() -> None:
    down = Tunnel(node=OFFICE, port=Port(50010), status=Status.DOWN)

    assert is_over(stranger(), down, NOW + KEPT_S + 1)
    assert not is_over(stranger(), down, NOW + KEPT_S - 1)
    assert not is_over(stranger(), replace(down, status=Status.HUNG), NOW + KEPT_S + 1)


def test_who_is_registered_is_no_longer_listed() -> None:
    known = [stranger(), stranger("legacy", 50011), stranger("x", 50001), stranger("y", 50100)]

    assert still_unregistered(known, REGISTRY, ON) == (stranger(),)
    assert still_unregistered(known, REGISTRY, SharedKey()) == ()


@given(st.lists(unregistered))
def test_whatever_names_are_invented_there_is_one_for_a_port(said: list[Unregistered]) -> None:
    sightings = Sightings()

    for one in said:
        sightings.put(one)

    assert len(sightings.by_port) <= len(ON.ports)
    written, gone = sightings.take()
    assert {one.port: one for one in written} == sightings.by_port
    assert len(gone) <= len(said)


def test_news_is_what_the_sweep_does_not_watch_yet() -> None:
    sightings = Sightings()
    sightings.put(stranger())
    assert (sightings.take_news(), sightings.take_news()) == (True, False)

    sightings.put(stranger(last_at=NOW + 9))
    assert not sightings.take_news()

    sightings.keep_only([])
    assert sightings.take_news()
    assert sightings.forwards == ()


def test_what_could_not_be_written_is_written_again() -> None:
    sightings = Sightings()
    sightings.put(stranger("first"))
    sightings.put(stranger("second"))
    taken = sightings.take()
    assert taken == ([stranger("second")], [stranger("first")])

    sightings.give_back(*taken)

    assert sightings.take() == taken


@given(st.lists(unregistered, max_size=5, unique_by=lambda one: one.port))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
def test_unregistered_devices_come_back_until_they_are_gone(
    tmp_path: Path, written: list[Unregistered]
) -> None:
    with closing(open_store(tmp_path / "state.db")) as store:
        store.write(Batch(gone=store.unregistered()))

        store.write(
            Batch(unregistered=written, flaps=[(one.node, Flaps(count=1)) for one in written])
        )

        assert set(store.unregistered()) == set(written)
        store.write(Batch(gone=written))
        assert store.unregistered() == ()
        assert not {one.node for one in written} & set(store.flaps())


def test_a_file_of_the_product_before_has_none(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(open_store(path)) as store, store.using() as db:
        db.execute("DROP TABLE unregistered")
        db.execute("PRAGMA user_version = 1")

    with closing(open_reader(path)) as reader:
        assert reader.unregistered() == ()


def seen(*, shared: bool, owner: Owner = Owner.OURS) -> Observation:
    answer = Answer(expected=False, text=b"220 mail\r\n")
    return Observation(
        reply=answer,
        owner=owner,
        session=SESSION,
        expect=FORWARD.expect,
        deadline_s=5.0,
        shared=shared,
    )


def test_another_answer_is_a_strike_where_the_shared_key_holds_the_port() -> None:
    before = Tunnel(node=OFFICE, port=Port(50010))

    first = judge(seen(shared=True), before, Flaps(), Policy(), NOW)
    second = judge(seen(shared=True), first.tunnel, Flaps(), Policy(), NOW)

    assert isinstance(first.action, Recheck)
    assert second.action == Kill(SESSION)
    assert second.tunnel.status is Status.WRONG
    assert second.tunnel.verdict == 1


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(seen(shared=False), id="own-key"),
        pytest.param(seen(shared=True, owner=Owner.FOREIGN), id="not-a-session"),
    ],
)
def test_nothing_else_dies_of_another_answer(observation: Observation) -> None:
    before = Tunnel(node=OFFICE, port=Port(50010), strikes=9, session=SESSION)

    assert judge(observation, before, Flaps(), Policy(), NOW).action == Nothing()


def permitted(line: str) -> set[int]:
    return {int(port) for port in re.findall(r'permitlisten="localhost:(\d+)"', line)}


def test_its_line_opens_its_range_and_nobody_elses_port() -> None:
    (line,) = lines_of_shared(ON, list(REGISTRY.nodes.values()), REGISTRY.broken_ports, COMMAND)

    assert permitted(line) == ({*ON.ports} - {50001, 50003}) | {61000}
    assert line.startswith("restrict,port-forwarding,permitlisten=")
    assert line.endswith(f" {public_key(9)} reversi:*")


def test_nodes_without_another_key_come_first_where_a_line_would_be_too_long() -> None:
    wide = replace(ON, ports=range(40000, 40000 + MOST_PORTS))

    (line,) = lines_of_shared(wide, [LEGACY], (), COMMAND)

    assert len(permitted(line)) == MOST_PORTS
    assert {50002, 61000} <= permitted(line)


def test_while_it_is_off_it_has_no_line() -> None:
    assert lines_of_shared(SharedKey(public_keys=ON.public_keys), [LEGACY], (), COMMAND) == ()


def test_without_a_port_it_may_forward_nothing() -> None:
    (line,) = shared_lines([public_key(9)], [], COMMAND)

    assert line.startswith("restrict,command=")


def test_its_lines_are_ours_to_replace() -> None:
    lines = shared_lines([public_key(8), public_key(9)], [50000], COMMAND)

    merged = merge(b"ssh-rsa AAAA admin\n", [OWNED], COMMAND, shared=lines)

    assert merged.count(b" reversi:*\n") == 2
    assert merge(merged, [OWNED], COMMAND, shared=lines) == merged
    assert b"reversi:*" not in merge(merged, [OWNED], COMMAND)


def test_a_node_without_a_key_of_its_own_has_no_line_and_rivals_nobody(tmp_path: Path) -> None:
    other = replace(node("other", 3, (50004,)), public_key=SHARED_KEY)

    assert LEGACY.public_keys == ()
    assert merge(b"", [LEGACY], COMMAND) == b""
    assert conflict(other, [LEGACY]) is None
    assert (
        renames(
            Registry(nodes=MappingProxyType({LEGACY.name: LEGACY})),
            Registry(nodes=MappingProxyType({other.name: other})),
        )
        == ()
    )
    path = tmp_path / "legacy.toml"
    path.write_bytes(node_toml(LEGACY))
    assert read_node(path) == LEGACY


def test_a_new_key_stands_beside_the_shared_one_until_it_was_used() -> None:
    adopted: Node = replace(LEGACY, next_key=public_key(4))

    assert adopted.is_shared
    assert adopted.public_keys == (public_key(4),)
    (line,) = lines_of_shared(ON, [adopted], (), COMMAND)
    assert 61000 in permitted(line)
    (used,) = lines_of_shared(
        ON, [replace(adopted, public_key=public_key(4), next_key=None)], (), COMMAND
    )
    assert not {50002, 61000} & permitted(used)


def test_the_key_file_follows_the_setting(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    layout.config.write_text(
        f'[shared_key]\nenabled = true\npublic_key = ["{public_key(8)}", "{public_key(9)}'
        ' comment"]\n'
    )
    write_keys(layout, gate_command(layout))
    assert layout.authorized_keys.read_bytes().count(f"--node '{ANY_NODE}'\"".encode()) == 2

    layout.config.write_text("")
    write_keys(layout, gate_command(layout))

    assert layout.authorized_keys.read_bytes() == b""


def test_it_is_off_where_nothing_is_said(tmp_path: Path) -> None:
    assert load_config(tmp_path / "reversi.toml").shared_key == SharedKey(
        enabled=False, public_keys=(), ports=range(50000, 51000)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("shared_key = true", "must be a table", id="no-table"),
        pytest.param("[shared_key]\nenable = true", "did you mean 'enabled'?", id="unknown-key"),
        pytest.param('[shared_key]\nenabled = "yes"', "true or false", id="no-truth"),
        pytest.param("[shared_key]\nenabled = true", "public_key is missing", id="no-key"),
        pytest.param('[shared_key]\npublic_key = "x"', "must be a public key", id="bad-key"),
        pytest.param("[shared_key]\npublic_key = 7", "must be a public key", id="number"),
        pytest.param('[shared_key]\nports = "50000-59999"', "4000 at most", id="too-many-ports"),
        pytest.param(
            f'[shared_key]\nenabled = true\npublic_key = "{public_key()}"\nports = "29999-30010"',
            "overlap",
            id="ports-of-registered-nodes",
        ),
    ],
)
def test_a_setting_that_can_not_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "reversi.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=says):
        load_config(path)


def test_the_sweep_watches_what_is_not_registered_too() -> None:
    schedule = Schedule(20.0)

    schedule.use(REGISTRY, 0.0, [stranger().forward, stranger("x", 50001).forward])

    assert schedule.forwards[Port(50010)].node == "stranger"
    assert schedule.forwards[Port(50001)].node == "owned"
    schedule.use(REGISTRY, 1.0)
    assert Port(50010) not in schedule.at


class Door:
    """A gateway in this process, on a home of its own, and what is said to it with the shared
    key.
    """

    def __init__(self, home: Path, settings: SharedKey) -> None:
        layout = home_layout(home)
        layout.nodes.mkdir()
        config = Config(tunnel_user=current_user(), shared_key=settings)
        self.ledger = Ledger(layout, None)
        self.gateway = Gateway(layout, config, self.ledger, Registry())

    async def ask(self, command: str) -> tuple[str, int]:
        reply = await Requests(self.gateway).answer(
            Asked(node=ANY_NODE, peer="192.0.2.1 5", command=command), None
        )
        return reply.answer, reply.exit_status


async def test_a_flood_of_invented_names_leaves_no_more_events_than_one_nodes(
    tmp_path: Path,
) -> None:
    port = free_port()
    door = Door(tmp_path, replace(ON, ports=range(port, port + 1)))

    answers = {await door.ask(f"n{number} {port} x") for number in range(200)}
    refused = {await door.ask(f"n{number} 1 x") for number in range(3 * REFUSALS.burst)}

    assert answers == {("1", 0)}
    assert refused == {("0", 77)}
    assert (door.ledger.tunnels, door.ledger.sightings.by_port, door.ledger.registrations) == (
        {},
        {},
        {},
    )
    assert len(door.ledger.events) < REFUSALS.burst + REFUSALS.a_minute


async def test_a_listener_of_nobodys_session_is_not_listed_and_not_ended(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        door = Door(tmp_path, replace(ON, ports=range(port, port + 1)))

        answers = [await door.ask(f"n{number} {port} SSH") for number in range(2)]

    assert answers == [("60", 0)] * 2
    assert not door.ledger.sightings.by_port
    assert not [event for event in door.ledger.events if event.kind is EventKind.KILL]


async def test_without_the_setting_the_door_is_shut(tmp_path: Path) -> None:
    assert await Door(tmp_path, SharedKey()).ask("office 50010 SSH") == ("0", 77)


@pytest.mark.parametrize(
    ("words", "status"), [("version", 0), ("check", 77), ("claim x", 77), ("hold x", 77), ("", 64)]
)
async def test_the_door_knows_the_originals_words_alone(
    tmp_path: Path, words: str, status: int
) -> None:
    assert (await Door(tmp_path, ON).ask(words))[1] == status
