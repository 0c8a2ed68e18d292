"""Replacing the lines of some nodes gives what deriving all lines again would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import Node
from checker.registry.changed_lines import (
    LineChange,
    changed,
    changed_key_files,
    count_of_nodes,
    journal_of,
    lines_of,
)
from checker.registry.kept_rights import key_lines
from checker.registry.key_files import (
    KeyList,
    Stand,
    changed_files,
    ours_in,
    owners_in,
    parse_list,
    same_lines,
)
from checker.registry.key_lines import merge, render_lines
from tests.checker.registry.registry_files import COMMAND
from tests.strategies import node, public_key

ADMIN = b"# by hand\nssh-ed25519 AAAA admin\n"
SHARED = (f'restrict,command="exec x" {public_key(900)} reversi:*',)
NUMBERS = st.integers(0, 30)


def box(number: int, more: int = 0) -> Node:
    return node(f"box-{number}", 100 + number + 1000 * more, (20000 + number,))


def merged(boxes: dict[int, Node], others: bytes = ADMIN) -> bytes:
    ordered = sorted(boxes.values(), key=lambda one: f"{one.name}.toml")
    return merge(others, ordered, COMMAND, shared=SHARED)


def exchanged(before: dict[int, Node], after: dict[int, Node], others: bytes = ADMIN) -> LineChange:
    """The change of the boxes that differ."""
    differing = {
        number for number in before.keys() | after.keys() if before.get(number) != after.get(number)
    }
    ordered = sorted(
        (after[one] for one in differing if one in after), key=lambda one: f"{one.name}.toml"
    )
    lines = [line for one in ordered for line in render_lines(one, COMMAND)]
    owners = {"*", *(f"box-{number}" for number in differing)}
    new = [f"{line}\n".encode() for line in (*lines, *SHARED)]
    return changed(merged(before, others), owners, new)


@settings(max_examples=50)
@given(
    there=st.sets(NUMBERS),
    gone=st.sets(NUMBERS),
    rekeyed=st.sets(NUMBERS),
    waiting=st.sets(NUMBERS),
    off=st.sets(NUMBERS),
)
def test_a_change_of_some_nodes_is_a_change_of_all(
    there: set[int], gone: set[int], rekeyed: set[int], waiting: set[int], off: set[int]
) -> None:
    before = {number: box(number) for number in there}
    after = {number: box(number) for number in there - gone}
    after |= {number: box(number, 1) for number in rekeyed}
    after |= {n: replace(box(n), next_key=public_key(5000 + n)) for n in waiting}
    after |= {number: replace(box(number), enabled=False) for number in off}

    change = exchanged(before, after)

    assert change.wanted == merged(after)
    assert changed_key_files(change) == changed_files(merged(before), merged(after))
    assert count_of_nodes(change.wanted) == sum(
        len(one.public_keys) for one in after.values() if one.enabled
    )
    listed = KeyList(stand=Stand.FINGERPRINT, lines=ours_in(merged(before)))
    appended = parse_list(listed.render() + b"".join(journal_of(change)))
    assert same_lines(appended.lines, ours_in(merged(after)))
    assert not appended.is_torn


def test_the_list_counts_what_it_no_longer_needs() -> None:
    change = exchanged({1: box(1), 2: box(2)}, {1: box(1, 1), 2: box(2)})
    listed = KeyList(stand=Stand.FINGERPRINT, lines=ours_in(merged({1: box(1), 2: box(2)})))

    appended = parse_list(listed.render() + b"".join(journal_of(change)))

    assert appended.changes == 2, "the line that is void, and the one that says so"
    assert set(owners_in(appended.lines)) == {"box-1", "box-2", "*"}


@pytest.mark.parametrize("lost", [1, 20, 200])
def test_a_list_that_ends_within_a_line_is_known_to_be_torn(lost: int) -> None:
    before = {1: box(1)}
    listed = KeyList(stand=Stand.FINGERPRINT, lines=ours_in(merged(before)))
    added = journal_of(exchanged(before, {1: box(1), 2: box(2)}))

    torn = parse_list((listed.render() + b"".join(added))[:-lost])

    assert torn.is_torn
    assert torn.lines == listed.lines


def test_lines_of_others_stay_wherever_they_are() -> None:
    first, second = box(1), box(2)
    mine = b"ssh-rsa AAAA reversi:box-1\n# reversi:box-1\n"
    content = merge(b"", [first], COMMAND) + mine + merge(b"", [second], COMMAND).rstrip(b"\n")

    change = changed(content, {"box-1"}, [])

    assert change.wanted == mine + merge(b"", [second], COMMAND)
    assert change.old == (merge(b"", [first], COMMAND),)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(merged({1: box(1), 2: box(2)}), merged({1: box(1), 2: box(2)}), True, id="eq"),
        pytest.param(
            merged({1: box(1)}, b"") + merged({2: box(2)}, b""),
            merged({2: box(2)}, b"") + merged({1: box(1)}, b""),
            True,
            id="another order",
        ),
        pytest.param(merged({1: box(1)}), merged({2: box(2)}), False, id="another node"),
        pytest.param(merged({}, b"a\nb\n"), merged({}, b"b\na\n"), False, id="others turned"),
    ],
)
def test_only_the_order_of_our_own_lines_does_not_count(
    one: bytes, other: bytes, expected: bool
) -> None:
    assert same_lines(one, other) is expected


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(merged({1: box(1), 2: box(2), 20: box(20)}), id="as written"),
        pytest.param(merged({1: box(1), 2: box(2)}).removesuffix(b"\n"), id="no last newline"),
        pytest.param(merged({1: box(1), 2: box(2)}).replace(b"\n", b"\r\n"), id="edited elsewhere"),
        pytest.param(merged({1: box(1)}) + merged({1: box(1, 1)}), id="twice"),
        pytest.param(b"", id="none"),
    ],
)
@pytest.mark.parametrize("numbers", [(1,), (2, 3), tuple(range(40))], ids=str)
def test_the_lines_of_some_owners_say_of_them_what_all_lines_say(
    content: bytes, numbers: tuple[int, ...]
) -> None:
    names = [f"box-{number}" for number in numbers]

    found, all_of_them = key_lines(lines_of(content, names)), key_lines(content)

    assert {name: found.get(box(int(name[4:])).name) for name in names} == {
        name: all_of_them.get(box(int(name[4:])).name) for name in names
    }
