"""The registry in the bucket of the bus: real nats-servers, agents and commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from checker.control.bucket import Bucket, open_as_editor
from checker.control.bus_line import BusAbsent
from checker.fleet.bucket_news import BucketNews, news_path, read_news
from checker.fleet.bus_files import bus_store
from checker.fleet.exchange import documents
from checker.model import CheckerError
from checker.registry.bucket_values import BEGIN, NODE, Key, Value, parted
from checker.registry.entries import rev_of
from checker.registry.entry_files import entries_folder, entry_path, left_out_path
from checker.registry.reading import read_registry
from checker.signatures import KEY_FILE
from tests.fleet.buses import WITHIN_S, Station, stations, until_connected
from tests.programs import require
from tests.system.waiting import until

FORWARD = ("--forward", "127.0.0.1:22,banner:SSH-2.0")


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str


def start(station: Station, *words: str) -> subprocess.Popen[str]:
    """Begin a command on a gateway, with anna's key at hand."""
    return subprocess.Popen(
        [sys.executable, "-m", "checker", "--home", str(station.home), *words],
        cwd=station.home,
        env={**os.environ, KEY_FILE: str(station.home.parent / "people" / "anna")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=WITHIN_S)
    return Said(code=process.returncode, out=out, err=err)


def do(station: Station, *words: str) -> Said:
    said = ended(start(station, *words))
    assert said.code == 0, said.err
    return said


def add(station: Station, name: str, port: str = "") -> Said:
    return do(station, "node", "add", name, "--forward", f"{port}127.0.0.1:22,banner:SSH-2.0")


def nodes(station: Station) -> dict[str, tuple[int, ...]]:
    """The ports of each node of a gateway."""
    found = read_registry(station.layout.nodes).nodes
    return {name: tuple(one.ports) for name, one in found.items()}


def revision(station: Station, name: str) -> int:
    path = entry_path(station.layout, name)  # type: ignore[arg-type]
    return rev_of(path.read_bytes()) if path.exists() else 0


def in_bucket(station: Station) -> dict[str, Value]:
    """What the bucket has, by name of a node; nothing if it cannot be read now."""
    try:
        with open_as_editor(station.layout) as bucket:
            found = {one.key: one for one in bucket.after(0)}
    except CheckerError:
        return {}
    return {key.name: one for key, one in found.items() if key and key.kind == NODE}


def last(station: Station) -> int:
    with open_as_editor(station.layout) as bucket:
        return bucket.state().mark.seq


def put(station: Station, key: Key, content: bytes) -> None:
    """Write into the bucket as a rogue does: without comparing anything."""
    with open_as_editor(station.layout) as bucket:
        bucket.post([(key, content)], None)


def until_all(many: list[Station], done: Callable[[Station], object], what: str) -> None:
    for one in many:
        until(lambda one=one: done(one), f"{what} at {one.id}", within_s=WITHIN_S)  # type: ignore[misc]


def until_compared(station: Station, times: int = 2) -> BucketNews:
    """Wait until the agent compared once more with everything known; what it found."""
    for _ in range(times):
        news_path(station.layout).unlink(missing_ok=True)
        folder = entries_folder(station.layout)  # it looks at once
        next(folder.glob("*.toml")).touch()
        folder.touch()
        until(
            lambda: (found := read_news(station.layout)) and not found.trouble,
            f"{station.id} compares",
            within_s=WITHIN_S,
        )
    found = read_news(station.layout)
    assert found is not None
    return found


def until_same(many: list[Station]) -> None:
    """Wait until bucket and all disks have the same entries."""

    def texts(station: Station) -> dict[str, bytes]:
        return {
            name: sealed.text
            for (kind, name), (_, sealed) in documents(station.layout).items()
            if kind == "nodes"
        }

    def are_same() -> bool:
        first = texts(many[0])
        there = in_bucket(many[0])
        return all(texts(one) == first for one in many[1:]) and all(
            name in there and there[name].text == text for name, text in first.items()
        )

    until(are_same, "all have the same", within_s=WITHIN_S)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    require("nats-server")
    folder = tmp_path_factory.mktemp("bucket")
    with redirect_stdout(StringIO()), stations(folder, ("gw1", "gw2", "gw3")) as found:
        until_connected(found)
        until_bucket(found)
        yield found


def until_bucket(many: list[Station]) -> None:
    def answers(station: Station) -> bool:
        try:
            return last(station) >= 0
        except CheckerError:
            return False

    until_all(many, answers, "the bucket")


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
    assert b"removed = true" in in_bucket(gw3)["barn"].text
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


def test_a_bucket_that_was_wiped_heals_from_the_disks(fleet: list[Station]) -> None:
    gw1, *_ = fleet
    add(gw1, "lasting")
    until_same(fleet)
    before = {name: value.text for name, value in in_bucket(gw1).items()}
    for one in fleet:
        assert one.bus is not None
        one.bus.kill()
        one.bus.wait()
        shutil.rmtree(bus_store(one.layout))

    for one in fleet:
        one.start_bus()

    until(
        lambda: {name: value.text for name, value in in_bucket(gw1).items()} == before,
        "the bucket heals",
        within_s=WITHIN_S,
    )
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
    value = in_bucket(gw1)["office"]
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

    until(lambda: in_bucket(gw1)["office"].text == value.text, "office heals", within_s=WITHIN_S)
    until(
        lambda: b'node = "attic"' in in_bucket(gw1)["attic"].text, "attic heals", within_s=WITHIN_S
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
    value = in_bucket(gw1)["office"]
    content = value.text + value.signature
    with open_as_editor(gw3.layout) as bucket:
        flood = [(Key(kind=NODE, name=f"flood{n}"), content) for n in range(many)]
        for at in range(0, many, 256):
            bucket.post(flood[at : at + 256], None)

    add(gw1, "through")

    until_all([gw2, gw3], lambda one: "through" in nodes(one), "through")
    assert not [name for name in nodes(gw2) if name.startswith("flood")]


def test_an_agent_that_was_away_takes_and_posts_what_happened_meanwhile(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    assert gw2.agent is not None
    gw2.agent.kill()
    gw2.agent.wait()
    add(gw1, "missed")
    until(lambda: "missed" in nodes(gw3), "missed at gw3", within_s=WITHIN_S)
    assert "missed" not in nodes(gw2)
    table = json.dumps({"made": "", "seq": 0})
    (gw2.layout.fleet / "bucket.json").write_text(table, encoding="utf-8")

    gw2.start_agent()

    until(lambda: "missed" in nodes(gw2), "missed at gw2", within_s=WITHIN_S)


def test_a_gateway_that_is_cut_off_edits_locally_and_catches_up(fleet: list[Station]) -> None:
    gw1, gw2, gw3 = fleet
    until_same(fleet)
    assert gw3.bus is not None
    gw3.bus.kill()
    gw3.bus.wait()

    majority = None

    def can_edit() -> bool:
        try:
            return last(gw1) > 0
        except CheckerError:
            return False

    until(can_edit, "two of three go on", within_s=WITHIN_S)
    majority = add(gw1, "majority")
    minority = add(gw3, "minority", "29001=")

    assert "posted on the bus" in majority.err
    assert "another gateway may take the same port" in minority.err
    assert "fleet push" in minority.err
    until(lambda: "majority" in nodes(gw2), "majority at gw2", within_s=WITHIN_S)
    gw3.start_bus()
    until_all(fleet, lambda one: {"majority", "minority"} <= nodes(one).keys(), "both")
    until_same(fleet)


def test_one_port_twice_after_a_split_is_left_out_and_nobody_posts_for_ever(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    until_same(fleet)
    assert gw3.bus is not None
    gw3.bus.kill()
    gw3.bus.wait()
    add(gw3, "here", "29002=")
    until(lambda: bool(in_bucket(gw1)), "two of three go on", within_s=WITHIN_S)
    add(gw1, "there", "29002=")

    gw3.start_bus()

    for station, name in ((gw3, "there"), (gw1, "here"), (gw2, "here")):
        until(
            lambda station=station, name=name: left_out_path(station.layout, name).exists(),  # type: ignore[misc]
            f"{name} waits at {station.id}",
            within_s=WITHIN_S,
        )
    for one in fleet:
        until_compared(one)
    before = last(gw1)
    for one in fleet:
        until_compared(one)
    assert last(gw1) == before
    do(gw3, "node", "remove", "here", "--yes")
    until(lambda: "there" in nodes(gw3), "there at gw3", within_s=WITHIN_S)
    until_same(fleet)


def test_two_contents_of_one_revision_come_to_rest_and_the_closed_one_wins(
    fleet: list[Station],
) -> None:
    gw1, _, gw3 = fleet
    add(gw1, "torn")
    until_same(fleet)
    assert gw3.bus is not None
    gw3.bus.kill()
    gw3.bus.wait()
    do(gw3, "node", "disable", "torn")
    until(lambda: bool(in_bucket(gw1)), "two of three go on", within_s=WITHIN_S)
    do(gw1, "node", "set", "torn", "--note", "other")
    assert revision(gw1, "torn") == revision(gw3, "torn") == 2

    gw3.start_bus()

    until_all(
        fleet,
        lambda one: not read_registry(one.layout.nodes).nodes["torn"].enabled,  # type: ignore[index]
        "torn is closed",
    )
    for one in fleet:
        until_compared(one)
    before = last(gw1)
    for one in fleet:
        until_compared(one)
    assert last(gw1) == before
    do(gw1, "node", "sign", "torn", "--again")
    do(gw1, "node", "enable", "torn")
    until_all(fleet, lambda one: revision(one, "torn") == 4, "settled")
    until_same(fleet)


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

    def may(user: str, subject: str) -> bool:
        line = call(settings.bus_port, user, password_of(gw1.layout, user), "test")
        with Bucket(line) as bucket:
            try:
                bucket.line.ask(Question(subject=subject), 2.0)
            except BusAbsent:
                return False
        return True

    value = "$KV.reversi.other.thing"
    rights = {user: may(user, value) for user in ("agent", "editor", "reader")}
    assert rights == {"agent": True, "editor": True, "reader": False}
    for user in ("agent", "editor", "reader"):
        assert not may(user, "$JS.API.STREAM.DELETE.KV_reversi")
        assert not may(user, "$JS.API.STREAM.PURGE.KV_reversi")
        assert not may(user, "reversi.say.gw2.pulse")


def test_text_and_signature_lie_in_the_bucket_as_on_the_disk(fleet: list[Station]) -> None:
    gw1, *_ = fleet
    for name, value in in_bucket(gw1).items():
        path = entry_path(gw1.layout, name)  # type: ignore[arg-type]
        if path.exists() and path.read_bytes() == value.text:
            assert parted(value.text + value.signature) == (value.text, value.signature)
