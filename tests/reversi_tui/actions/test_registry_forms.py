"""The forms of the registry menu: what they ask for, their errors, and what they would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.model import CheckerError, Node, NodeName, Port, Publication
from checker.registry.nodes import Registry
from reversi_tui.actions.registry_forms import (
    Act,
    Subject,
    boxes,
    command_words,
    edited,
    live,
)
from tests.strategies import node

OFFICE = replace(node(), tags=("old", "site-a"), note="attic")
SHED = node("shed", 2, (20012,))


def subject(
    mine: Node = OFFICE, *others: Node, port: int | None = 20010, folder: str = "/srv"
) -> Subject:
    nodes = {one.name: one for one in (mine, *(others or (SHED,)))}
    return Subject(
        node=mine,
        port=None if port is None else Port(port),
        registry=Registry(nodes=MappingProxyType(nodes)),
        folder=Path(folder),
    )


def values(act: Act, about: Subject, **typed: str) -> dict[str, str]:
    return {**{box.id: box.value for box in boxes(act, about)}, **typed}


WOULD = [
    (Act.SET, {}, ()),
    (
        Act.SET,
        {"target": "192.168.1.9:80", "expect": "http", "deadline": "9", "tags": "site-a new"},
        (
            "would change office: tag new added",
            "would change office: tag old removed",
            "would change office:20010: target 127.0.0.1:22 -> 192.168.1.9:80",
            "would change office:20010: expect open -> http",
            "would change office:20010: deadline default -> 9 s",
        ),
    ),
    (
        Act.SET,
        {"port": "20500"},
        (
            (
                "would change office:20010: moves to port 20500; it keeps 20010 until its device"
                " listens on 20500"
            ),
        ),
    ),
    (
        Act.SET,
        {"public": "yes", "note": ""},
        (
            "would change office: note removed",
            "would change office:20010: public: on all addresses",
        ),
    ),
    (Act.RENAME, {}, ()),
    (Act.RENAME, {"name": "lobby"}, ("would change office: renamed from office to lobby",)),
    (Act.EXPIRE, {"day": "2031-12-31"}, ("would change office: its key expires on 2031-12-31",)),
    (Act.EXPIRE, {"day": "never"}, ()),
    (
        Act.REKEY,
        {},
        (
            (
                "would change office: a new key waits; the present one stays until a tunnel with"
                " the new one beats"
            ),
            "would write /srv/office.sh",
        ),
    ),
    (
        Act.REKEY,
        {"now": "yes", "output": "/tmp/x.sh"},
        ("would change office: its key was replaced", "would write /tmp/x.sh"),
    ),
    (
        Act.PUBLISH,
        {"public_port": "443", "sni": "mail.example.org"},
        ("would change office:20010: published as 443 for mail.example.org",),
    ),
]


@pytest.mark.parametrize(("act", "typed", "would"), WOULD)
def test_a_form_says_what_it_would_do_as_a_dry_run_does(
    act: Act, typed: dict[str, str], would: tuple[str, ...]
) -> None:
    about = subject()

    found = live(act, about, values(act, about, **typed))

    assert not found.errors
    assert found.lines == would
    assert found.may_go_on == bool(would)


WRONG = [
    (Act.SET, {"target": "x"}, "target", "is not HOST:PORT"),
    (Act.SET, {"target": ""}, "target", "is not HOST:PORT"),
    (Act.SET, {"expect": "no"}, "expect", "is not known"),
    (Act.SET, {"deadline": "900"}, "deadline", "out of bounds"),
    (Act.SET, {"port": "0"}, "port", "not a port"),
    (Act.SET, {"port": "20012"}, "", "belongs to node shed"),
    (Act.SET, {"public": "maybe"}, "public", "neither yes nor no"),
    (Act.SET, {"tags": "UPPER"}, "tags", "cannot be a tag"),
    (Act.SET, {"note": "a\x1b[2Jb"}, "note", "cannot be a note"),
    (Act.RENAME, {"name": "shed"}, "", "shed"),
    (Act.RENAME, {"name": "A b"}, "name", "cannot name a node"),
    (Act.EXPIRE, {"day": "tomorrow"}, "day", "is not a day"),
    (Act.EXPIRE, {"day": ""}, "day", "is not a day"),
    (Act.REKEY, {"output": "x.toml"}, "output", "ends in .sh"),
    (Act.REKEY, {"type": "dsa"}, "type", "not a type of key"),
    (Act.REKEY, {"now": ""}, "now", "neither yes nor no"),
    (Act.PUBLISH, {}, "public_port", "not a port"),
    (Act.PUBLISH, {"public_port": "20012"}, "", "node shed"),
    (Act.PUBLISH, {"public_port": "443", "sni": "a b"}, "sni", "a b"),
]


@pytest.mark.parametrize(("act", "typed", "where", "says"), WRONG)
def test_a_wrong_text_is_said_below_its_field(
    act: Act, typed: dict[str, str], where: str, says: str
) -> None:
    about = subject()

    found = live(act, about, values(act, about, **typed))

    assert list(found.errors) == [where]
    assert says in found.errors[where]
    assert found.errors[where].isprintable()
    assert not found.may_go_on


COMMANDS = [
    (
        Act.SET,
        {"target": "192.168.1.9:80", "tags": "site-a new", "note": "b"},
        "node set office --forward 20010 --target 192.168.1.9:80 --note b --tag new --untag old",
    ),
    (Act.SET, {"note": "b"}, "node set office --note b"),
    (Act.RENAME, {"name": "lobby"}, "node rename office lobby"),
    (Act.EXPIRE, {"day": "never"}, "node expire office never"),
    (Act.REKEY, {"now": "yes"}, "node rekey office --key-type ed25519 --now"),
    (
        Act.PUBLISH,
        {"public_port": "443", "sni": "a.example", "send_proxy": "yes"},
        "publish office:20010 --port 443 --sni a.example --send-proxy",
    ),
    (Act.REMOVE, {}, "node remove office"),
]


@pytest.mark.parametrize(("act", "typed", "command"), COMMANDS)
def test_whoever_may_not_is_told_the_command_that_does_the_same(
    act: Act, typed: dict[str, str], command: str
) -> None:
    about = subject()

    assert " ".join(command_words(act, about, values(act, about, **typed))) == command


def test_a_node_with_several_forwards_needs_the_row_of_one() -> None:
    both = node(ports=(20010, 20011))

    with pytest.raises(CheckerError, match="which forward of node office"):
        boxes(Act.SET, subject(both, port=None))
    assert [box.value for box in boxes(Act.RENAME, subject(both, port=None))] == ["office"]
    assert boxes(Act.PUBLISH, subject(both, port=20011))[0].label == "Public port for office:20011"


def test_another_publication_stays() -> None:
    first = Publication(port=Port(80))
    mine = replace(OFFICE, forwards=(replace(OFFICE.forwards[0], published=(first,)),))
    about = subject(mine)

    after = edited(Act.PUBLISH, about, values(Act.PUBLISH, about, public_port="443"))

    assert after.forwards[0].published == (first, Publication(port=Port(443)))


def test_a_renamed_node_keeps_its_key_and_ports() -> None:
    about = subject()

    after = edited(Act.RENAME, about, {"name": "lobby"})

    assert (after.name, after.public_key, after.ports) == (
        NodeName("lobby"),
        OFFICE.public_key,
        OFFICE.ports,
    )
