"""A device that asks the daemon with an enrolment's key, until it is a node or rejected."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.control.client import Control, operator_name
from checker.control.rejecting import reject
from checker.model import Applicant, Event, NodeName, fingerprint
from checker.registry.accepting import accept
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import change
from checker.registry.edits import renamed
from checker.registry.enrolling import end_enrolment, make_enrolment
from checker.registry.enrolments import enrolment_path, enrolment_toml, read_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.store import open_reader, read_applicants
from checker.wire import (
    Accepted,
    Asked,
    Enrol,
    EnrolAnswer,
    Rejected,
    Wait,
    parse_enrol_answer,
    render_enrol,
)
from tests.checker.daemon.running import Served, send, wait_until
from tests.enrolled import enrolment
from tests.gate_message import gate_message
from tests.strategies import public_key

pytestmark = pytest.mark.usefixtures("no_blocked_loop")


def begin(layout: Layout, id_: str, number: int, **changes: Any) -> None:
    one = enrolment(id=id_, public_key=public_key(number), **changes)
    make_enrolment(layout, one, b"secret", gate_command(layout))
    Control(layout=layout).reload()


def asked(layout: Layout, id_: str, command: str, peer: str = "192.0.2.7 4000") -> list[str]:
    """Exit status, answer and complaint."""
    heard = send(layout, gate_message(Asked(node=f"+{id_}", peer=peer, command=command)))
    return heard.decode().splitlines()[1:]


def enrol(layout: Layout, id_: str, number: int, name: str = "") -> EnrolAnswer:
    request = Enrol(name or f"box-{number}", public_key(number), (public_key(5000 + number),))
    status, answer, complaint = asked(layout, id_, render_enrol(request))
    assert (status, complaint) == ("0", "")
    return parse_enrol_answer(answer)


def waits(answer: EnrolAnswer, number: int) -> str:
    """The name that the device waits under."""
    assert isinstance(answer, Wait)
    assert answer.fingerprint == fingerprint(public_key(number))
    return answer.name


def waiting(layout: Layout, id_: str) -> tuple[Applicant, ...]:
    return tuple(one for one in read_applicants(layout.state) if one.enrolment == id_)


def told(layout: Layout, text: str) -> Sequence[Event]:
    reader = open_reader(layout.state)
    try:
        return [event for event in reader.events(limit=1000) if text in event.text]
    finally:
        reader.close()


def test_a_device_asks_waits_and_learns_that_it_is_a_node(served: Served) -> None:
    layout = served.layout
    begin(layout, "field", 900)

    assert waits(enrol(layout, "field", 1001), 1001) == "box-1001"
    assert waits(enrol(layout, "field", 2, "box-1001"), 2) == "box-1001-2"
    wait_until(lambda: len(waiting(layout, "field")) == 2)
    assert "box-1001" not in read_registry(layout.nodes).nodes
    (event,) = told(layout, fingerprint(public_key(1001)))
    print_ = fingerprint(public_key(1001))
    assert event.text == (
        f"a device asks to become node box-1001: {print_}, from 192.0.2.7; to let it in:"
        f" reversi-checker node accept box-1001@{print_}"
    )
    assert (event.node, event.actor) == ("box-1001", "enrolment field")

    done = accept(layout, waiting(layout, "field"), gate_command(layout))
    Control(layout=layout).reload()

    ports = {node.name: node.ports[0] for _, node in done.accepted}
    assert enrol(layout, "field", 1001) == Accepted(
        "box-1001", (f"{ports[NodeName('box-1001')]}:127.0.0.1:22",)
    )
    assert enrol(layout, "field", 2, "office") == Accepted(
        "box-1001-2", (f"{ports[NodeName('box-1001-2')]}:127.0.0.1:22",)
    )
    wait_until(lambda: waiting(layout, "field") == ())

    box = read_registry(layout.nodes).nodes[NodeName("box-1001")]
    with locked(layout):
        change(layout, box.name, renamed(box, NodeName("roof")), gate_command(layout))
    Control(layout=layout).reload()
    answer = enrol(layout, "field", 1001)
    assert isinstance(answer, Accepted)
    assert answer.name == "roof"


def test_a_second_request_with_the_key_or_name_of_a_node_changes_nothing(served: Served) -> None:
    layout = served.layout
    begin(layout, "again", 901)
    enrol(layout, "again", 11, "twin")
    wait_until(lambda: len(waiting(layout, "again")) == 1)
    accept(layout, waiting(layout, "again"), gate_command(layout))
    Control(layout=layout).reload()
    enrol(layout, "again", 11, "twin")
    before = {path.name: path.read_bytes() for path in layout.nodes.iterdir()}
    keys = layout.authorized_keys.read_bytes()

    assert waits(enrol(layout, "again", 12, "twin"), 12) == "twin-2"
    other = Enrol("other", public_key(11), (public_key(77),))
    assert "enrol: accepted twin " in asked(layout, "again", render_enrol(other))[1]
    assert waits(enrol(layout, "again", 13, "office"), 13) == "office-2"
    assert asked(layout, "again", render_enrol(Enrol("x", public_key()))) == [
        "77",
        "0",
        "that key is registered already, and not by an enrolment",
    ]

    assert {path.name: path.read_bytes() for path in layout.nodes.iterdir()} == before
    assert layout.authorized_keys.read_bytes() == keys


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("hold x", "77"),
        ("claim x", "77"),
        ("check", "77"),
        ("check 20010", "77"),
        ("beat", "77"),
        ("version", "77"),
        ("office 20010 SSH-2.0", "77"),
        ("", "77"),
        ("sh -c id", "77"),
        ("enrol", "64"),
        ("enrol office", "64"),
        (f"enrol office {public_key()} x", "64"),
        ("enrol office ssh-ed25519 " + "A" * 2049, "64"),
        ("enrol office " + "ssh-rsa AAAA" * 1000, "64"),
    ],
    ids=lambda value: value[:20],
)
def test_such_a_key_can_say_nothing_else(served: Served, command: str, status: str) -> None:
    assert asked(served.layout, "field", command)[:2] == [status, "0"]
    assert asked(served.layout, "none", command)[:2] == [status, "0"]


def test_an_enrolment_that_ended_takes_nobody_and_its_applicants_are_forgotten(
    served: Served,
) -> None:
    layout = served.layout
    begin(layout, "short", 902)
    enrol(layout, "short", 21)
    wait_until(lambda: len(waiting(layout, "short")) == 1)

    end_enrolment(layout, "short", gate_command(layout))
    Control(layout=layout).reload()

    status, answer, complaint = asked(layout, "short", render_enrol(Enrol("a", public_key(22))))
    assert (status, answer) == ("77", "0")
    assert complaint == "enrolment short has ended"
    wait_until(lambda: waiting(layout, "short") == ())


def test_a_rejected_device_hears_so_and_is_remembered(served: Served) -> None:
    layout = served.layout
    begin(layout, "picky", 903)
    enrol(layout, "picky", 31)
    print_ = fingerprint(public_key(31))

    assert reject(layout, [print_, "SHA256:nobody\x1b"]) == (["box-31"], ["SHA256:nobody\\x1b"])

    assert enrol(layout, "picky", 31) == Rejected()
    assert [one.is_rejected for one in waiting(layout, "picky")] == [True]
    assert reject(layout, [print_]) == ([], [print_])
    (event,) = told(layout, "rejected: ")
    assert (event.text, event.node, event.actor) == (
        f"rejected: {print_}, from 192.0.2.7, by enrolment picky",
        "box-31",
        operator_name(),
    )


def test_an_enrolment_without_an_operator_accepts_as_many_as_it_may(served: Served) -> None:
    layout = served.layout
    begin(layout, "auto", 904, is_auto=True, uses=2, expires=int(time.time()) + 86400)

    assert waits(enrol(layout, "auto", 41), 41) == "box-41"
    wait_until(lambda: isinstance(enrol(layout, "auto", 41), Accepted))
    enrol(layout, "auto", 42)
    wait_until(lambda: isinstance(enrol(layout, "auto", 42), Accepted))

    status, _, complaint = asked(layout, "auto", render_enrol(Enrol("a", public_key(43))))
    assert status == "77"
    assert "all of its 2 uses are taken" in complaint
    assert len(read_enrolment(layout, "auto").accepted) == 2
    (event,) = told(layout, f"accepted by itself: {fingerprint(public_key(41))}")
    assert (event.node, event.actor) == ("box-41", "enrolment auto")
    used_up = "enrolment auto takes no device any more: all of its 2 uses are taken"
    wait_until(lambda: [one.text for one in told(layout, used_up)].count(used_up) == 1)


def test_the_key_line_goes_when_the_time_is_over(served: Served) -> None:
    layout = served.layout
    begin(layout, "brief", 905, expires=int(time.time()) + 86400)
    assert b"reversi:+brief\n" in layout.authorized_keys.read_bytes()
    over = enrolment(id="brief", public_key=public_key(905), expires=int(time.time()) + 1)
    with locked(layout):
        enrolment_path(layout, "brief").write_bytes(enrolment_toml(over))

    wait_until(lambda: b"reversi:+brief\n" not in layout.authorized_keys.read_bytes())
    wait_until(lambda: len(told(layout, "the key of enrolment brief opens nothing any more")) == 1)


def test_who_floods_fills_neither_memory_nor_log(served: Served) -> None:
    layout = served.layout
    begin(layout, "flood", 906)

    heard = [
        asked(
            layout, "flood", render_enrol(Enrol("x", public_key(7000 + number))), "198.51.100.1 1"
        )
        for number in range(60)
    ]

    assert sum("enrol: wait" in answer for _, answer, _ in heard) == 10
    assert {status for status, _, _ in heard} == {"0", "75"}
    wait_until(lambda: len(told(layout, "have no answer yet")) == 1)
    wait_until(lambda: len(waiting(layout, "flood")) == 10)
    assert "enrol: wait" in asked(layout, "flood", render_enrol(Enrol("x", public_key(8000))))[1]
