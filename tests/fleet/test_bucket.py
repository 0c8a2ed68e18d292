"""The registry in the bucket of the bus: real nats-servers, agents and commands."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from checker.control.bucket import open_as_editor
from checker.control.bus_line import BusAbsent
from checker.fleet.bucket_news import news_path
from checker.registry.bucket_values import BEGIN, NODE, Key
from checker.registry.entry_files import entry_path, read_pair
from checker.registry.reading import read_registry
from tests.fleet.bucket_steps import (
    FORWARD,
    add,
    do,
    ended,
    fleet,
    nodes,
    put,
    revision,
    start,
    until_all,
    until_compared,
    until_same,
    value_of,
)
from tests.fleet.buses import WITHIN_S, Station
from tests.system.waiting import until

__all__ = ["fleet"]


def test_what_one_gateway_adds_gets_in_at_the_others_and_what_it_removes_does_not(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet

    said = add(gw1, "barn")

    assert "posted on the bus" in said.err
    until_all([gw2, gw3], lambda one: "barn" in nodes(one), "barn")
    key = read_registry(gw1.layout.nodes).nodes["barn"].public_key  # type: ignore[index]
    for one in (gw2, gw3):
        assert key in one.layout.authorized_keys.read_text(encoding="utf-8")
    do(gw2, "node", "remove", "barn", "--yes")
    until_all([gw1, gw3], lambda one: "barn" not in nodes(one), "no barn")
    assert b"removed = true" in value_of(gw3, "barn").text
    until_same(fleet)


def test_two_editors_that_know_nothing_of_each_other_never_get_one_port(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    until_same(fleet)
    agents = [one.agent for one in fleet if one.agent]
    for agent in agents:
        agent.send_signal(signal.SIGSTOP)  # so no gateway hears of the others' nodes
    try:
        first, second = add(gw1, "first"), add(gw2, "second")
        taken = nodes(gw1)["first"][0]
        asked = ended(start(gw3, "node", "add", "third", "--forward", f"{taken}=127.0.0.1:22"))
        named = ended(start(gw3, "node", "add", "first", *FORWARD))

        assert "posted" in first.err
        assert "posted" in second.err
        assert nodes(gw1)["first"] != nodes(gw2)["second"]
        assert asked.code != 0
        assert f"port {taken} belongs to node first" in asked.err
        assert named.code != 0
        assert "first" in named.err
        assert not {"first", "third"}.intersection(nodes(gw3))
        assert not list(gw3.home.glob("first.key"))
    finally:
        for agent in agents:
            agent.send_signal(signal.SIGCONT)
    until_all(fleet, lambda one: {"first", "second"} <= nodes(one).keys(), "both")
    until_same(fleet)


def test_many_editors_at_once_never_get_one_port(fleet: list[Station]) -> None:
    names = {one.id: [f"{one.id}-{number}" for number in range(4)] for one in fleet}
    running = [start(one, "node", "add", name, *FORWARD) for one in fleet for name in names[one.id]]

    said = [ended(one) for one in running]

    assert [one.err for one in said if one.code] == []
    wanted = {name for many in names.values() for name in many}
    until_all(fleet, lambda one: wanted <= nodes(one).keys(), "all twelve")
    ports = [port for many in nodes(fleet[0]).values() for port in many]
    assert len(ports) == len(set(ports))
    until_same(fleet)


def test_a_table_is_posted_except_what_another_gateway_was_quicker_with(
    fleet: list[Station], tmp_path: Path
) -> None:
    gw1, gw2, _ = fleet
    until_same(fleet)
    assert gw1.agent is not None
    table = tmp_path / "nodes.csv"
    rows = "".join(f"row{number},127.0.0.1:22\n" for number in range(40))
    table.write_text(f"name,target\n{rows}", encoding="utf-8")
    gw1.agent.send_signal(signal.SIGSTOP)
    try:
        add(gw2, "quicker")
        said = ended(start(gw1, "node", "add", "--from", str(table), "--output-dir", "k"))
    finally:
        gw1.agent.send_signal(signal.SIGCONT)

    assert said.code != 0
    assert "belongs to node quicker" in said.err
    rows_here = {name for name in nodes(gw1) if name.startswith("row")}
    assert len(rows_here) == 39
    assert {path.stem for path in (gw1.home / "k").glob("row*.key")} == rows_here
    until_all(fleet, lambda one: rows_here <= nodes(one).keys(), "the table")
    until_same(fleet)


def test_what_a_rogue_writes_into_the_bucket_changes_no_disk_and_goes_again(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    add(gw1, "office")
    add(gw1, "attic")
    do(gw1, "node", "disable", "office")
    until_same(fleet)
    before = {one.id: nodes(one) for one in fleet}
    value = value_of(gw1, "office")
    good = value.text + value.signature
    old = value.text.replace(b"rev = 2", b"rev = 1") + value.signature
    newer = value.text.replace(b"rev = 2", b"rev = 9") + value.signature
    attic = Key(kind=NODE, name="attic")
    writes = [
        (Key(kind=NODE, name="office"), old),
        (Key(kind=NODE, name="office"), newer),
        (attic, good),  # another node's
        (Key(kind=NODE, name="stranger"), good),
        (Key(kind=NODE, name="unsigned"), value.text.replace(b'"office"', b'"unsigned"')),
        (Key(kind=NODE, name="junk"), b"\xff" * 1000 + BEGIN),
        (Key(kind=NODE, name="empty"), b""),
        (Key(kind=NODE, name="huge"), b"rev = 1\n" * 16000),
        (Key(kind="gateway", name="gw1"), b"rev = 99\n" + BEGIN),
        (Key(kind="gateway", name="gw9"), good),
    ]
    for key, content in writes:
        put(gw3, key, content)

    until(lambda: value_of(gw1, "office").text == value.text, "office heals", within_s=WITHIN_S)
    until(
        lambda: b'node = "attic"' in value_of(gw1, "attic").text, "attic heals", within_s=WITHIN_S
    )
    for one in fleet:
        until_compared(one)
        assert nodes(one) == before[one.id]
    until_same(fleet)
    add(gw2, "afterwards")
    until_all(fleet, lambda one: "afterwards" in nodes(one), "afterwards")


def test_a_flood_of_keys_stops_no_edit(fleet: list[Station]) -> None:
    gw1, gw2, gw3 = fleet
    many = 5_000
    value = value_of(gw1, "office")

    def forged(name: str) -> bytes:
        return value.text.replace(b'node = "office"', f'node = "{name}"'.encode()) + value.signature

    with open_as_editor(gw3.layout) as bucket:
        names = [f"flood{n}" for n in range(many)]
        flood = [(Key(kind=NODE, name=name), forged(name)) for name in names]
        for at in range(0, many, 256):
            bucket.post(flood[at : at + 256], None)

    add(gw1, "through")

    until_all([gw2, gw3], lambda one: "through" in nodes(one), "through")
    assert not [name for name in nodes(gw2) if name.startswith("flood")]


def test_a_hand_edit_is_posted_when_it_is_signed(fleet: list[Station]) -> None:
    gw1, gw2, _ = fleet
    add(gw1, "hand")
    until(lambda: "hand" in nodes(gw2), "hand at gw2", within_s=WITHIN_S)
    path = gw1.layout.nodes / "hand.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n# mine\n[my]\nrack = "7"\n')

    said = do(gw1, "node", "sign", "hand")

    assert "posted on the bus" in said.err
    until(lambda: revision(gw2, "hand") == 2, "revision 2 at gw2", within_s=WITHIN_S)


def test_status_says_how_the_bucket_differs(fleet: list[Station]) -> None:
    gw1, *_ = fleet

    def is_told() -> bool:  # unless the agent has just compared, and written it over
        old = json.dumps({"at": 1, "lacks": ["barn"], "lacking": 1})
        news_path(gw1.layout).write_text(old, encoding="utf-8")
        return "has not compared the registry" in ended(start(gw1, "fleet", "status")).out

    until(is_told, "the state of long ago is told")
    until_compared(gw1)
    found = json.loads(ended(start(gw1, "fleet", "status", "--json")).out)
    assert found["bus"]["lacking"] == 0


def test_only_editor_and_agent_may_write_and_no_one_may_delete(fleet: list[Station]) -> None:
    from checker.config.settings import load_config
    from checker.control.bus_line import Question, call
    from checker.fleet.bus_files import password_of

    gw1, *_ = fleet
    settings = load_config(gw1.layout.config).fleet
    assert settings is not None

    def answer(user: str, subject: str) -> str:
        try:
            with call(settings.bus_port, user, password_of(gw1.layout, user), "test") as line:
                line.ask(Question(subject=subject))
        except BusAbsent as error:
            return "refused" if "refuses us" in str(error) else ""
        return "answered"

    def may(user: str, subject: str) -> bool:
        said = until(lambda: answer(user, subject), f"{user} may {subject}", within_s=WITHIN_S)
        return said == "answered"

    value = "$KV.reversi.other.thing"
    rights = {user: may(user, value) for user in ("agent", "editor", "reader")}
    assert rights == {"agent": True, "editor": True, "reader": False}
    for user in ("agent", "editor", "reader"):
        assert not may(user, "$JS.API.STREAM.DELETE.KV_reversi")
        assert not may(user, "$JS.API.STREAM.PURGE.KV_reversi")
        assert not may(user, "reversi.say.gw2.pulse")


def test_text_and_signature_lie_in_the_bucket_as_on_the_disk(fleet: list[Station]) -> None:
    gw1, *_ = fleet
    add(gw1, "whole")
    value = value_of(gw1, "whole")
    path = entry_path(gw1.layout, "whole")  # type: ignore[arg-type]

    assert (value.text, value.signature) == read_pair(path, 1 << 20)
