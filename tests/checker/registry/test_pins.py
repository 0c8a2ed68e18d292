"""Which host keys were handed to a node's device: what is written is read back, and what counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import Layout
from checker.model import NodeName, fingerprint
from checker.registry.changes import add, change
from checker.registry.edits import renamed
from checker.registry.lock import locked
from checker.registry.pin_files import (
    note_pins,
    pins_of,
    pins_path,
    read_pins,
)
from checker.registry.pins import Pins, in_use, parse_pins, pins_text, with_newest
from tests.checker.registry.registry_files import COMMAND
from tests.strategies import node, public_key

ED, RSA, NEW = "ssh-ed25519 SHA256:old", "ssh-rsa SHA256:rsa", "ssh-ed25519 SHA256:new"
NAME = NodeName("office")
keys = st.lists(st.sampled_from([ED, RSA, NEW]), min_size=1, max_size=3).map(tuple)


def handed(*host_keys: str, at: int = 1, node_key: str = "") -> Pins:
    return Pins(at=at, node_key=node_key, host_keys=host_keys)


@given(
    st.lists(
        st.builds(
            Pins,
            at=st.integers(0, 2**32),
            node_key=st.sampled_from(["", "SHA256:x"]),
            host_keys=keys,
            to_come=st.just(()) | keys,
        )
    )
)
def test_what_is_written_is_read_back(pins: list[Pins]) -> None:
    assert list(parse_pins(pins_text(pins).decode("ascii"))) == pins


def test_lines_that_we_did_not_write_are_left_out() -> None:
    text = pins_text([handed(ED)]).decode() + "nonsense\n\n2026-11-26T08:00:00Z\n# a note\n"

    assert list(parse_pins(text)) == [handed(ED)]


def test_files_with_a_key_that_opens_nothing_any_longer_do_not_count() -> None:
    old, new = (handed(ED, node_key=fingerprint(public_key(number))) for number in (1, 2))

    assert in_use([old, new, handed(RSA)], (public_key(2),)) == (new, handed(RSA))


def test_the_same_keys_are_noted_once_and_with_their_first_time() -> None:
    assert with_newest([handed(ED)], handed(ED, at=9)) == (handed(ED),)
    assert with_newest([handed(ED), handed(NEW)], handed(ED, at=9)) == (
        handed(NEW),
        handed(ED, at=9),
    )
    many = tuple(handed(f"ssh-rsa SHA256:{number}") for number in range(20))
    assert with_newest(many, handed(ED)) == (*many[-7:], handed(ED))


def test_what_was_handed_out_follows_its_node(layout: Layout) -> None:
    office = node()
    with locked(layout):
        note_pins(layout, NAME, handed(ED))
        add(layout, office, COMMAND)
        note_pins(layout, NAME, handed(ED, NEW, at=2))
        change(layout, NAME, lobby := renamed(office, NodeName("lobby")), COMMAND)

        assert not pins_path(layout, NAME).exists()
        assert pins_of(layout, lobby) == (handed(ED), handed(ED, NEW, at=2))

        change(layout, lobby.name, None, COMMAND)
    assert [path.name for path in layout.nodes.iterdir()] == [".lock"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_without_a_readable_file_nothing_is_known(layout: Layout, content: bytes | None) -> None:
    if content is not None:
        layout.nodes.mkdir(parents=True)
        pins_path(layout, NAME).write_bytes(content)

    assert read_pins(layout, NAME) == ()
