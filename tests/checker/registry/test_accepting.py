"""Applicants become nodes: many at once, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import Applicant, NodeName, Port, parse_forward
from checker.registry.accepting import Acceptance, accept
from checker.registry.authorized_keys import gate_command, keys_lag
from checker.registry.changes import add, remove
from checker.registry.enrolling import make_enrolment
from checker.registry.enrolments import read_enrolment
from checker.registry.key_lines import render_lines
from checker.registry.lock import locked
from checker.registry.reading import node_path, read_registry
from tests.enrolled import applicant, enrolment
from tests.strategies import node, public_key, rsa_key

LATER = 2**33


def begin(layout: Layout, **changes: Any) -> None:
    one = enrolment(**{"id": "field", "public_key": public_key(900), **changes})
    make_enrolment(layout, one, b"secret", gate_command(layout))


def accepted(layout: Layout, *given: Applicant, by_itself: bool = False) -> Acceptance:
    return accept(layout, given, gate_command(layout), by_itself=by_itself)


def failures(done: Acceptance) -> Sequence[str]:
    return [f"{one.name}: {error}" for one, error in done.failed]


def test_applicants_become_nodes_with_ports_tags_note_and_pinned_host_key(layout: Layout) -> None:
    begin(
        layout,
        forwards=(
            parse_forward("127.0.0.1:22"),
            parse_forward("10.0.0.1:22,banner:SSH-"),
            parse_forward("localhost:80,public,http"),
        ),
    )
    own = (rsa_key(2048), public_key(50))

    done = accepted(layout, applicant(1, host_keys=own), applicant(2, host_keys=()))

    registry = read_registry(layout.nodes)
    first, second = (registry.nodes[NodeName(name)] for name in ("device-1", "device-2"))
    assert [one.name for _, one in done.accepted] == ["device-1", "device-2"]
    assert not done.failed
    assert (first.public_key, first.tags, first.note) == (
        public_key(1),
        ("field",),
        "from one bundle",
    )
    assert [str(one.target) for one in first.forwards] == [
        "127.0.0.1:22",
        "10.0.0.1:22",
        "localhost:80",
    ]
    assert [one.host_key for one in first.forwards] == [public_key(50), "", ""]
    assert [one.host_key for one in second.forwards] == ["", "", ""]
    assert [one.public for one in first.forwards] == [False, False, True]
    assert len({*first.ports, *second.ports}) == 6
    lines = layout.authorized_keys.read_text(encoding="utf-8").splitlines()
    assert {*render_lines(first, gate_command(layout))} <= {*lines}
    assert not keys_lag(layout)
    after = read_enrolment(layout, "field")
    assert after.accepted == (applicant(1).fingerprint, applicant(2).fingerprint)
    assert after.accepted_at > 0


def test_each_failure_is_named_and_the_others_are_accepted(layout: Layout) -> None:
    begin(layout)
    with locked(layout):
        add(layout, node("barn", 3, (20999,)), gate_command(layout))

    done = accepted(
        layout,
        applicant(1),
        applicant(2, name=NodeName("barn")),
        applicant(3),
        applicant(900),
        applicant(4, name=NodeName("../x")),
        applicant(5, fingerprint="SHA256:another"),
        applicant(6, enrolment="ended"),
        applicant(1, name=NodeName("again")),
        applicant(7, name=NodeName("device-1")),
        applicant(8, host_keys=("ssh-ed25519 AAAA", "x")),
    )

    assert [one.name for _, one in done.accepted] == ["device-1", "device-8"]
    expected = [
        "barn: node barn is registered already",
        "device-3: that public key belongs to node barn",
        "device-900: that public key belongs to the enrolment field",
        "../x: '../x' cannot name a node",
        "device-5: the key of 'device-5' is not the one of its fingerprint",
        "device-6: there is no enrolment 'ended'",
        "again: that public key belongs to node device-1",
        "device-1: node device-1 is registered already",
    ]
    said = failures(done)
    assert len(said) == len(expected)
    for text in expected:
        assert any(one.startswith(text) for one in said), (text, said)
    assert set(read_registry(layout.nodes).nodes) == {"barn", "device-1", "device-8"}
    assert len(read_enrolment(layout, "field").accepted) == 2


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        pytest.param({"uses": 2}, "all of its 2 uses are taken", id="uses"),
        pytest.param({"expires": 5}, "it has expired", id="end"),
    ],
)
def test_uses_and_end_are_those_of_the_file(
    layout: Layout, limits: dict[str, int], why: str
) -> None:
    begin(layout, **limits)

    done = accepted(layout, *map(applicant, range(1, 5)))

    assert len(done.accepted) == limits.get("uses", 0)
    assert all(why in one for one in failures(done))
    assert done.used_up == (("field",) if "uses" in limits else ())


def test_only_an_enrolment_that_says_so_accepts_by_itself(layout: Layout) -> None:
    begin(layout)
    begin(layout, id="auto", public_key=public_key(901), is_auto=True, uses=3, expires=LATER)
    with locked(layout):
        add(layout, node("device-2", 30, (20999,)), gate_command(layout))

    done = accepted(
        layout,
        applicant(1),
        applicant(2, enrolment="auto"),
        applicant(3, enrolment="auto", name=NodeName("device-2"), said="Device 2"),
        by_itself=True,
    )

    assert failures(done) == [
        "device-1: enrolment field takes no device: it needs an operator for each"
    ]
    assert [one.name for _, one in done.accepted] == ["device-2-2", "device-2-3"]


def test_a_device_whose_node_was_removed_needs_an_operator(layout: Layout) -> None:
    begin(layout, is_auto=True, uses=3, expires=LATER)
    accepted(layout, applicant(1), by_itself=True)
    with locked(layout):
        remove(layout, NodeName("device-1"), gate_command(layout))

    (failure,) = failures(accepted(layout, applicant(1), by_itself=True))
    assert failure.endswith("its node was removed since; an operator must decide")
    assert len(accepted(layout, applicant(1)).accepted) == 1
    assert read_enrolment(layout, "field").accepted == (applicant(1).fingerprint,)


def test_the_one_for_whom_no_port_is_left_fails(layout: Layout) -> None:
    layout.config.parent.mkdir(parents=True, exist_ok=True)
    layout.config.write_text('ports = "20000-20001"\n', encoding="ascii")
    begin(layout)

    done = accepted(layout, *map(applicant, range(1, 4)))

    assert [one.ports for _, one in done.accepted] == [(Port(20000),), (Port(20001),)]
    assert len(done.failed) == 1
    assert "every port of 20000-20001 is allotted" in failures(done)[0]


def test_a_node_that_cannot_be_written_is_not_counted(layout: Layout) -> None:
    begin(layout)
    node_path(layout, NodeName("device-1")).parent.mkdir(parents=True, exist_ok=True)
    waiting = node_path(layout, NodeName("device-1")).with_suffix(".next")
    waiting.mkdir()  # writing device-1 fails there

    done = accepted(layout, applicant(1), applicant(2))

    assert [one.name for _, one in done.accepted] == ["device-2"]
    assert read_enrolment(layout, "field").accepted == (applicant(2).fingerprint,)


def test_without_a_key_file_nothing_is_accepted(layout: Layout, tmp_path: Path) -> None:
    begin(layout)
    layout.authorized_keys.rename(tmp_path / "aside")
    layout.authorized_keys.mkdir()

    with pytest.raises(ConfigError):
        accepted(layout, applicant(1))

    assert not read_registry(layout.nodes).nodes
    assert read_enrolment(layout, "field").accepted == ()
    assert read_enrolment(layout, "field").accepted_at == 0
