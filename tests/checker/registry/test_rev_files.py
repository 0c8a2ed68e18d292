"""The original's .rev files: what is read from them, and what is remarked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checker.model import (
    SHARED_KEY,
    Expect,
    ExpectKind,
    Forward,
    Node,
    NodeName,
    Port,
    Target,
)
from checker.registry.imported import MOST_BYTES, FileRead, Remark
from checker.registry.rev_files import (
    TAKEN,
    WITHOUT_COUNTERPART,
    LineRefused,
    Value,
    node_of_values,
    read_rev,
)
from tests.checker.registry.rev_homes import OFFICE

CASES = Path(__file__).parents[2] / "data" / "rev"


def read(text: str) -> FileRead:
    return read_rev(text.encode(), added_at=7)


def node_in(text: str | bytes) -> Node:
    content = text.encode() if isinstance(text, str) else text
    (found,) = read_rev(content, added_at=7).found
    return found.node


def notes(text: str) -> tuple[Remark, ...]:
    """The notes on a file that describes a node."""
    (found,) = read(text).found
    return found.notes


def test_a_file_is_a_node_without_a_key_of_its_own() -> None:
    assert node_in(OFFICE) == Node(
        name=NodeName("office"),
        public_key=SHARED_KEY,
        added_at=7,
        forwards=(
            Forward(
                node=NodeName("office"),
                port=Port(50010),
                target=Target(host="192.168.1.1", port=Port(22)),
                expect=Expect(kind=ExpectKind.BANNER, text="SSH-2.0-dropbear"),
            ),
        ),
    )
    assert read(OFFICE).problems == ()
    assert [(note.line, note.text.split()[0], note.is_usual) for note in notes(OFFICE)] == [
        (8, "mretrysecs", True)
    ]


@pytest.mark.parametrize("path", sorted(CASES.glob("*.rev")), ids=lambda path: path.stem)
def test_a_file_made_from_the_originals_template_has_no_unusual_line(path: Path) -> None:
    (found,) = read_rev(path.read_bytes(), added_at=7).found

    unusual = [note.text for note in found.notes if not note.is_usual]
    expected = {"null": ["cannot see a hang"], "space-in-name": ["own script must be changed"]}
    assert len(unusual) == len(expected.get(path.stem, []))
    assert all(
        part in text for part, text in zip(expected.get(path.stem, []), unusual, strict=True)
    )


def test_the_devices_own_word_is_kept() -> None:
    capitals, lower = (
        node_in((CASES / f"{name}.rev").read_bytes()) for name in ("capitals", "same-but-lower")
    )

    assert (capitals.calls_itself, lower.calls_itself) == ("Office_Router", "")
    assert capitals.name == "office-router-50124"
    assert lower.name == "office-router"


def test_a_name_with_a_space_is_kept_and_the_script_must_change() -> None:
    node = node_in((CASES / "space-in-name.rev").read_bytes())

    assert (node.calls_itself, node.name) == ("Roof 3", "roof-3-50302")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(OFFICE.replace("\n", "\r\n"), id="crlf"),
        pytest.param("\ufeff" + OFFICE, id="byte-order-mark"),
        pytest.param(OFFICE.replace(":", " : "), id="spaces"),
        pytest.param(OFFICE.replace("\n", " \t\r\n"), id="trailing-spaces"),
        pytest.param(OFFICE.rstrip(), id="no-last-newline"),
    ],
)
def test_a_file_from_any_editor_reads_the_same(text: str) -> None:
    assert node_in(text) == node_in(OFFICE)


def test_a_value_may_hold_colons() -> None:
    node = node_in(
        OFFICE.replace("SSH-2.0-dropbear", "HTTP/1.1: ok").replace("192.168.1.1", "fe80::1")
    )

    assert node.forwards[0].expect.text == "HTTP/1.1: ok"
    assert node.forwards[0].target == Target(host="fe80::1", port=Port(22))


@pytest.mark.parametrize("key", sorted(WITHOUT_COUNTERPART))
def test_a_known_key_without_counterpart_is_a_note(key: str) -> None:
    last = notes(f"{OFFICE}{key}:x:y\n")[-1]

    assert (last.line, last.is_usual) == (9, True)


@pytest.mark.parametrize(
    ("said", "public"),
    [
        pytest.param("1", True, id="yes"),
        pytest.param("0", False, id="no"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_port_that_was_open_to_all_is_public(said: str, public: bool) -> None:
    node = node_in(f"{OFFICE}allowinternet:{said}\n")

    assert node.forwards[0].public is public


@pytest.mark.parametrize("line", ["", "fwdportstr:\n", "fwdportstr:***\n", "fwdportstr:NULL\n"])
def test_a_file_without_a_response_expects_open_and_has_a_note(line: str) -> None:
    text = OFFICE.replace("fwdportstr:SSH-2.0-dropbear\n", line)

    assert node_in(text).forwards[0].expect.kind is ExpectKind.OPEN
    assert "cannot see a hang" in notes(text)[-1].text


def test_the_last_of_a_repeated_key_counts() -> None:
    text = f"{OFFICE}reversiport:50099\n"

    assert node_in(text).forwards[0].port == 50099
    assert "line 9" in notes(text)[-1].text


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(OFFICE + "hello\n", 9, "is not key:value", id="no-colon"),
        pytest.param(OFFICE + "fwdprot:22\n", 9, "did you mean 'fwdport'?", id="misspelt"),
        pytest.param(OFFICE + "x:\x1b[31m\n", 9, "cannot be printed", id="control"),
        pytest.param(OFFICE + f"x:{'y' * 501}\n", 9, "too long", id="long"),
    ],
)
def test_a_line_that_is_not_understood_does_not_stop_the_rest(
    text: str, line: int, says: str
) -> None:
    assert [note.line for note in notes(text) if says in note.text and not note.is_usual] == [line]
    assert node_in(text) == node_in(OFFICE)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param(
            "nodename:office", f"nodename:{'x' * 65}", 2, "1 to 64 characters", id="long-name"
        ),
        pytest.param(
            "reversiport:50010", "reversiport:70000", 3, "number from 1 to 65535", id="high-port"
        ),
        pytest.param(
            "reversiport:50010", "reversiport:0", 3, "reversiport '0' is not a port", id="port"
        ),
        pytest.param(
            "fwdport:22", "fwdport:ssh", 6, "fwdport 'ssh' is not a port", id="target-port"
        ),
        pytest.param("fwdhost:192.168.1.1", "fwdhost:a b", 4, "is not HOST:PORT", id="host"),
        pytest.param("nodename:office\n", "", 0, "nodename is missing", id="missing"),
        pytest.param("mretrysecs:60", "allowinternet:maybe", 8, "neither 1 nor 0", id="flag"),
    ],
)
def test_an_invalid_value_refuses_the_node_and_names_its_line(
    old: str, new: str, line: int, says: str
) -> None:
    found = read(OFFICE.replace(old, new))

    assert found.found == ()
    assert [remark.line for remark in found.problems] == [line]
    assert says in found.problems[0].text


def test_a_missing_value_has_no_line() -> None:
    with pytest.raises(LineRefused) as caught:
        node_of_values({key: Value(line=3, text="") for key in TAKEN}, [], 0)

    assert caught.value.line == 0


def test_a_large_file_is_refused() -> None:
    found = read_rev(b"#" * (MOST_BYTES + 1), added_at=0)

    assert found.found == ()
    assert "too long" in found.problems[0].text


keys = st.sampled_from([*TAKEN, *WITHOUT_COUNTERPART]) | st.text(max_size=12)
values = st.text(max_size=40) | st.integers(-1, 70000).map(str) | st.just("office")
lines = st.tuples(keys, st.sampled_from([":", "", " : "]), values).map("".join)
files = st.lists(lines, max_size=20).map(
    lambda found: "\n".join(found).encode("utf-8", "surrogatepass")
)


@given(st.binary(max_size=400) | files)
@example(b"\xff\xfe\x00:\x00")
@example(OFFICE.encode().replace(b"50010", "٥٠".encode()))
def test_reading_never_fails_whatever_the_file_contains(content: bytes) -> None:
    found = read_rev(content, added_at=0)

    assert len(found.found) + len(found.problems) == 1
    highest = len(content.decode("utf-8", "replace").splitlines()) + content.count(b"\r") + 1
    remarks = (*found.notes, *found.problems, *(note for one in found.found for note in one.notes))
    assert all(0 <= remark.line <= highest for remark in remarks)
    assert all(one.node.public_keys == () for one in found.found)
