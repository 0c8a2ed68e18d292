"""Which file a key line belongs in, and what the list of them says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import fingerprint
from checker.registry.key_files import (
    KeyList,
    Stand,
    changed_files,
    file_of,
    files_for,
    key_of,
    others_in,
    ours_in,
    owners_in,
    parse_list,
    start_of_ours,
    surely_ends_with,
)
from tests.strategies import public_key


def line(number: int, name: str = "office") -> bytes:
    return f'restrict,command="exec a b" {public_key(number)} reversi:{name}\n'.encode()


def named(number: int) -> str:
    name = file_of(public_key(number).encode())
    assert name is not None
    return name


def slashed() -> int:
    """The number of a key whose fingerprint has a slash, as every other one has."""
    return next(n for n in range(1, 99) if "/" in fingerprint(public_key(n)).strip("/"))


def test_a_file_is_named_as_ssh_keygen_names_the_key(tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text(public_key(slashed()))
    asked = ["ssh-keygen", "-lf", str(key)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[1]

    assert named(slashed()) == f"{said}.pub".replace("//", "/")
    assert "/" in named(slashed())


def test_a_key_that_sshd_could_not_read_has_no_file() -> None:
    assert file_of(b"ssh-ed25519 AAA$") is None
    assert key_of(b"restrict") is None
    assert files_for(b"restrict reversi:office\n") == {}


def test_two_lines_of_one_key_are_in_one_file_in_their_order() -> None:
    lines = line(1, "one") + line(2) + line(1, "two")

    assert files_for(lines) == {named(1): line(1, "one") + line(1, "two"), named(2): line(2)}


def test_a_change_names_only_the_files_that_differ() -> None:
    before = line(1) + line(2) + line(3)
    after = line(2) + line(3, "other") + line(4)

    assert changed_files(before, after) == {
        named(1): b"",
        named(3): line(3, "other"),
        named(4): line(4),
    }
    assert changed_files(before, before) == {}


@given(
    before=st.lists(st.tuples(st.integers(1, 6), st.sampled_from("abc")), unique=True),
    after=st.lists(st.tuples(st.integers(1, 6), st.sampled_from("abc")), unique=True),
)
@settings(max_examples=50)
def test_the_changes_make_one_set_of_files_from_another(
    before: list[tuple[int, str]], after: list[tuple[int, str]]
) -> None:
    old, new = (b"".join(line(*one) for one in each) for each in (before, after))

    found = {**files_for(old), **changed_files(old, new)}

    # the order of two lines of one key says nothing to sshd that differs for us
    assert {name: set(text.splitlines()) for name, text in found.items() if text} == {
        name: set(text.splitlines()) for name, text in files_for(new).items()
    }


def test_our_lines_and_others_are_told_apart() -> None:
    other = b"# note\nssh-rsa AAAA reversi:office"
    content = line(1) + other + b"\n" + line(2, "+auto") + line(3, "*")

    assert others_in(content) == other + b"\n"
    assert ours_in(content) == line(1) + line(2, "+auto") + line(3, "*")
    assert list(owners_in(content)) == ["office", "+auto", "*"]
    assert ours_in(line(1)[:-1]) == line(1)


ONE, TWO, THREE = line(1), line(2, "shed"), line(3, "barn")


@pytest.mark.parametrize(
    ("content", "is_sure"),
    [
        pytest.param(ONE + TWO + THREE, True, id="in order"),
        pytest.param(ONE + THREE + TWO, True, id="one at the end, as an edit appends it"),
        pytest.param(TWO + THREE + ONE, True, id="the first at the end"),
        pytest.param(ONE + THREE, False, id="one missing"),
        pytest.param(ONE + TWO + THREE + line(4), False, id="one more at the end"),
        pytest.param(ONE + line(4) + TWO + THREE, False, id="one more between"),
        pytest.param(ONE + TWO + THREE + THREE, False, id="one twice"),
        pytest.param(ONE + TWO + THREE[:-1], False, id="the last cut off"),
        pytest.param(ONE + TWO + line(4, "barn"), False, id="another key"),
        pytest.param(b"", False, id="empty"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"# note\n"])
def test_lines_are_compared_one_by_one(content: bytes, is_sure: bool, before: bytes) -> None:
    start = start_of_ours(before + content)

    assert surely_ends_with(before + content, iter([ONE, TWO, THREE]), start) is is_sure


@given(st.permutations(range(60)), st.integers(0, 60))
@settings(max_examples=50)
def test_a_comparison_that_is_sure_is_right(order: list[int], count: int) -> None:
    wanted = [line(number + 1) for number in range(60)]
    content = b"".join(wanted[number] for number in order[:count])

    assert not surely_ends_with(content, wanted, 0) or count == 60


@pytest.mark.parametrize("stand", Stand)
@pytest.mark.parametrize("why", ["", "sshd said: no"])
def test_the_list_says_where_the_keys_belong(stand: Stand, why: str) -> None:
    listed = KeyList(stand=stand, why=why, lines=line(1) + line(2))

    assert parse_list(listed.render()) == listed


@pytest.mark.parametrize("head", [b"", b"# reversi keys: elsewhere\n", b"# edited\n"])
def test_a_list_that_says_nothing_leaves_each_key_in_both_places(head: bytes) -> None:
    assert parse_list(head + line(1)) == KeyList(stand=Stand.TO_FINGERPRINT, lines=line(1))
