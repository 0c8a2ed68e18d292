"""The shared key: what it may ask about and hold, and that no registered node suffers from it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.model import (
    OPEN,
    Answer,
    Expect,
    ExpectKind,
    Flaps,
    Forward,
    Policy,
    Port,
    SharedKey,
    Status,
    Tunnel,
    Unregistered,
    expect_said,
    parse_expect,
)
from checker.registry.nodes import Registry
from checker.state.pending import Pending
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from checker.state.unregistered import Sightings
from checker.tunnels.judge import Kill, Nothing, Recheck, judge
from checker.tunnels.observation import Observation
from checker.tunnels.port_owner import Owner
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
from checker.wire import OldCheck
from tests.checker.tunnels.shared_registry import DAY, LEGACY, ON, REGISTRY, stranger, unregistered
from tests.strategies import (
    FORWARD,
    NOW,
    OFFICE,
    SESSION,
)


def test_an_unknown_name_on_a_port_of_the_range_is_believed() -> None:
    forward = forward_meant(OldCheck("stranger", 50010, "SSH-2.0 x"), REGISTRY, ON, DAY)

    assert (forward.node, forward.port, str(forward.expect)) == (
        "stranger",
        50010,
        "banner:SSH-2.0 x",
    )


def test_for_a_node_without_another_key_the_registry_says_what_to_expect() -> None:
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
    ],
)
def test_what_the_shared_key_may_not_ask_about(name: str, port: int, says: str) -> None:
    with pytest.raises(NotForSharedKey, match=says):
        forward_meant(OldCheck(name, port), REGISTRY, ON, DAY)


def test_while_it_is_off_it_may_ask_nothing() -> None:
    with pytest.raises(NotForSharedKey, match="has no shared key"):
        forward_meant(OldCheck("stranger", 50010), REGISTRY, SharedKey(), DAY)


def test_it_may_not_ask_about_a_disabled_node() -> None:
    registry = Registry(nodes=MappingProxyType({LEGACY.name: replace(LEGACY, enabled=False)}))

    with pytest.raises(NotForSharedKey, match="disabled"):
        forward_meant(OldCheck("legacy", 61000), registry, ON, DAY)


def test_a_device_is_known_by_its_own_word_and_gets_a_name_for_it() -> None:
    forward = forward_meant(OldCheck("Office_Router", 50010, "SSH"), REGISTRY, ON, DAY)

    assert forward.node == "office-router-50010"

    named = replace(LEGACY, calls_itself="Office_Router")
    registry = Registry(nodes=MappingProxyType({named.name: named}))
    for word in ("Office_Router", "legacy"):
        assert forward_meant(OldCheck(word, 61000), registry, ON, DAY) is LEGACY.forwards[1]
    with pytest.raises(NotForSharedKey, match="legacy, which calls itself Office_Router, not to X"):
        forward_meant(OldCheck("X", 61000), registry, ON, DAY)
    other = forward_meant(OldCheck("Office_Router", 50010), registry, ON, DAY)
    assert other.node == "office-router-50010", "another device may call itself the same"


@pytest.mark.parametrize(
    ("said", "port", "expected", "name"),
    [
        pytest.param("Roof", 3, "50010 SSH-2.0", "Roof 3", id="then-a-port-of-the-range"),
        pytest.param("Roof", 3, "b 61000", "Roof 3 b", id="then-a-nodes-port"),
    ],
)
def test_a_refusal_says_that_a_name_has_a_space(
    said: str, port: int, expected: str, name: str
) -> None:
    with pytest.raises(NotForSharedKey, match=f"'{name}' looks like a name with a space"):
        forward_meant(OldCheck(said, port, expected), REGISTRY, ON, DAY)


def test_two_words_with_one_name_are_two_devices() -> None:
    known = stranger()
    up = Tunnel(node=known.node, port=known.port, status=Status.UP)

    assert sighted(known, up, known.forward, "Stranger", NOW) is known
    after = sighted(known, replace(up, status=Status.DOWN), known.forward, "Stranger", NOW)
    assert (after.node, after.calls_itself, after.word) == (known.node, "Stranger", "Stranger")


@given(
    st.sampled_from(["owned", "legacy", "odd", "stranger", "x"]),
    st.integers(1, 65535),
    st.text(max_size=10),
)
def test_it_never_asks_about_a_port_of_a_node_with_its_own_key(
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
def test_a_banner_without_letter_or_digit_or_the_originals_null_expects_open(text: str) -> None:
    assert expect_said(text).kind is ExpectKind.OPEN


@pytest.mark.parametrize("text", ["NULLSERVER", "SSH NULL", "'NULL'"])
def test_a_banner_with_null_in_it_is_a_banner(text: str) -> None:
    assert expect_said(text) == Expect(kind=ExpectKind.BANNER, text=text)


def test_a_node_that_an_earlier_release_imported_with_null_expects_open() -> None:
    assert parse_expect("banner:NULL") == OPEN


def test_a_device_that_asks_again_is_the_same_one() -> None:
    said = replace(stranger().forward, expect=parse_expect("banner:HTTP"))

    after = sighted(
        stranger(),
        Tunnel(node=OFFICE, port=Port(50010), status=Status.UP),
        said,
        "stranger",
        NOW + 5,
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
def test_another_name_takes_a_port_only_once_it_is_free(
    status: Status, silent_s: float, taken: bool
) -> None:
    known = stranger()

    after = sighted(
        known,
        Tunnel(node=known.node, port=known.port, status=status),
        stranger("other").forward,
        "other",
        NOW + silent_s,
    )

    assert (after.node == "other") is taken
    assert taken or after is known


def test_a_device_is_forgotten_a_week_after_it_was_last_there() -> None:
    down = Tunnel(node=OFFICE, port=Port(50010), status=Status.DOWN)

    assert is_over(stranger(), down, NOW + KEPT_S + 1)
    assert not is_over(stranger(), down, NOW + KEPT_S - 1)
    assert not is_over(stranger(), replace(down, status=Status.HUNG), NOW + KEPT_S + 1)


def test_a_registered_device_is_no_longer_listed() -> None:
    known = [stranger(), stranger("legacy", 50011), stranger("x", 50001), stranger("y", 50100)]

    assert still_unregistered(known, REGISTRY, ON) == (stranger(),)
    assert still_unregistered(known, REGISTRY, SharedKey()) == ()


@given(st.lists(unregistered))
def test_a_port_has_one_name_whatever_names_are_invented(said: list[Unregistered]) -> None:
    pending = Pending()
    sightings = Sightings(pending)

    for one in said:
        sightings.put(one)

    assert len(sightings.by_port) <= len(ON.ports)
    assert pending.unregistered == sightings.by_port
    assert len(pending.gone) <= len(said)


def test_the_sweep_is_told_only_of_forwards_that_it_does_not_watch_yet() -> None:
    sightings = Sightings(Pending())
    seen: list[tuple[Forward, ...]] = []
    sightings.on_news = lambda: seen.append(sightings.forwards)

    sightings.put(stranger())
    sightings.put(stranger(last_at=NOW + 9))
    sightings.keep_only([stranger()])
    sightings.keep_only([])

    assert seen == [(stranger().forward,), ()]


def test_a_device_that_could_not_be_written_is_written_again() -> None:
    pending = Pending()
    sightings = Sightings(pending)
    sightings.put(stranger("first"))
    sightings.put(stranger("second"))
    taken = pending.take()
    assert (taken.batch().unregistered, taken.gone) == ([stranger("second")], [stranger("first")])

    pending.merge(replace(taken))

    assert pending == taken


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


def test_a_state_file_of_the_version_before_has_no_unregistered_devices(tmp_path: Path) -> None:
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


def test_another_answer_is_a_strike_on_a_port_of_the_shared_key() -> None:
    before = Tunnel(node=OFFICE, port=Port(50010))

    first = judge(seen(shared=True), before, Flaps(), Policy(), NOW)
    second = judge(seen(shared=True), first.tunnel, Flaps(), Policy(), NOW)

    assert isinstance(first.action, Recheck)
    assert second.action == Kill(
        SESSION, "wrong: another answer than expected came, 2 times in a row"
    )
    assert second.tunnel.status is Status.WRONG
    assert second.tunnel.verdict == 1


@pytest.mark.parametrize(
    "observation",
    [
        pytest.param(seen(shared=False), id="own-key"),
        pytest.param(seen(shared=True, owner=Owner.FOREIGN), id="not-a-session"),
    ],
)
def test_another_answer_is_not_a_strike_on_any_other_port(observation: Observation) -> None:
    before = Tunnel(node=OFFICE, port=Port(50010), strikes=9, session=SESSION)

    assert judge(observation, before, Flaps(), Policy(), NOW).action == Nothing()
