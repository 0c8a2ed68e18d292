"""Enrolments: their files, their key line, and what of them survives broken files."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import (
    ENROLS,
    MOST_USES,
    Enrolment,
    InvalidValue,
    parse_enrolment_id,
    parse_forward,
)
from checker.registry.authorized_keys import gate_command, keys_lag, update_keys, write_keys
from checker.registry.changes import add
from checker.registry.enrolling import EnrolmentExists, end_enrolment, make_enrolment
from checker.registry.enrolments import (
    KeyEnrols,
    UnknownEnrolment,
    enrolment_in,
    enrolment_key_path,
    enrolment_path,
    enrolment_toml,
    read_enrolment,
    read_enrolments,
)
from checker.registry.kept_rights import key_lines
from checker.registry.key_lines import GateCommand, day_after, enrolment_line, merge
from checker.registry.lock import locked
from checker.registry.nodes import KeyTaken
from tests.enrolled import FIELD, enrolment
from tests.strategies import NOW, node, public_key

RELEASED = Path(__file__).parents[2] / "data" / "released" / "checker-0.1.0.tar.xz"
IN_0_1_0 = """
import sys
from pathlib import Path
from checker.config import home_layout
from checker.registry import gate_command, write_keys
layout = home_layout(Path(sys.argv[1]))
write_keys(layout, gate_command(layout))
"""
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/reversi/gate.py", home="/srv/gate")
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
enrolments = st.builds(
    Enrolment,
    id=ids,
    public_key=st.integers(1, 99).map(public_key),
    forwards=st.lists(
        st.sampled_from(["127.0.0.1:22,banner:SSH-", "lan:80,http", "[::1]:22,public,hostkey"]).map(
            parse_forward
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    tags=st.sampled_from([(), ("a", "b")]),
    note=st.sampled_from(["", "on the mast"]),
    made_at=st.integers(0, 2**40),
    expires=st.integers(0, 2**40),
    uses=st.integers(0, 1000),
    per_address=st.integers(1, 1000),
    is_auto=st.booleans(),
    accepted=st.lists(st.text("abcSHA:", min_size=1), max_size=3).map(tuple),
    accepted_at=st.integers(0, 2**40),
)


def lines_of(layout: Layout) -> list[str]:
    return layout.authorized_keys.read_text(encoding="utf-8").splitlines()


def make(layout: Layout, one: Enrolment = FIELD) -> None:
    make_enrolment(layout, one, SECRET, gate_command(layout))


@settings(max_examples=50)
@given(enrolments)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, one: Enrolment
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{one.id}.toml"
    path.write_bytes(enrolment_toml(one))

    assert enrolment_in(path) == one


@pytest.mark.parametrize("text", ["", "-a", "A", "a.b", "a" * 33, "a/b", "a\n", "+a"])
def test_such_a_word_names_no_enrolment(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot name an enrolment"):
        parse_enrolment_id(text)


def test_a_file_with_the_most_devices_can_be_read(tmp_path: Path) -> None:
    prints = tuple(f"SHA256:{number:043}" for number in range(MOST_USES))
    full = enrolment(accepted=prints, accepted_at=int(NOW))
    path = tmp_path / "field.toml"
    path.write_bytes(enrolment_toml(full))

    assert enrolment_in(path) == full
    assert full.why_closed(NOW) == "all of its 10000 uses are taken"


def test_the_key_line_opens_no_port_and_only_the_gate() -> None:
    line = enrolment_line(FIELD, COMMAND)

    assert line.startswith('restrict,command="')
    assert "port-forwarding" not in line
    assert "permitlisten" not in line
    assert f'--home /srv/gate --node {ENROLS}field" ' in line
    assert line.endswith(f" {FIELD.public_key} reversi:+field")


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+12", "Pacific/Kiritimati", "Europe/Berlin"])
def test_sshd_takes_the_key_until_it_is_over_in_every_time_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for at in (1_900_000_000, 1_900_000_000 // 86400 * 86400):
            begins = time.mktime(time.strptime(day_after(at), "%Y-%m-%d"))
            assert at <= begins <= at + 3 * 86400
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_line_says_when_the_key_is_over() -> None:
    line = enrolment_line(enrolment(expires=1_900_000_000), COMMAND)

    assert line.startswith('restrict,expiry-time="20300319",command="')


@pytest.mark.parametrize(
    ("one", "answers_until", "closed"),
    [
        pytest.param(enrolment(), 0, "", id="without an end"),
        pytest.param(enrolment(expires=int(NOW) + 9), int(NOW) + 9, "", id="before its end"),
        pytest.param(enrolment(expires=int(NOW)), int(NOW), "it has expired", id="after its end"),
        pytest.param(
            enrolment(uses=1, accepted=("a",), accepted_at=int(NOW)),
            int(NOW) + 86400,
            "its only use is taken",
            id="used up: the last device still learns that it was accepted",
        ),
        pytest.param(
            enrolment(expires=int(NOW), accepted=("a",), accepted_at=int(NOW) - 1),
            int(NOW) - 1 + 86400,
            "it has expired",
            id="expired just after it accepted one",
        ),
    ],
)
def test_an_enrolment_answers_and_accepts_until(
    one: Enrolment, answers_until: int, closed: str
) -> None:
    assert one.answers_until == answers_until
    assert one.why_closed(NOW) == closed


def test_make_writes_key_file_and_line_and_end_takes_them_back(layout: Layout) -> None:
    make(layout)

    assert read_enrolments(layout.enrolments).found == {"field": FIELD}
    assert enrolment_key_path(layout, "field").read_bytes() == SECRET
    assert enrolment_key_path(layout, "field").stat().st_mode & 0o777 == 0o600
    assert enrolment_path(layout, "field").stat().st_mode & 0o777 == 0o644
    assert lines_of(layout) == [enrolment_line(FIELD, gate_command(layout))]
    assert not keys_lag(layout)

    assert end_enrolment(layout, "field", gate_command(layout)) == FIELD

    assert lines_of(layout) == []
    assert not list(layout.enrolments.iterdir())
    with pytest.raises(UnknownEnrolment, match="no enrolment 'field'"):
        read_enrolment(layout, "field")


def test_changes_of_nodes_keep_the_line(layout: Layout) -> None:
    make(layout)
    with locked(layout):
        add(layout, node(), gate_command(layout))

    assert enrolment_line(FIELD, gate_command(layout)) in lines_of(layout)
    assert set(key_lines(layout.authorized_keys.read_bytes())) == {"office"}
    assert not keys_lag(layout)


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"expires": 1}, id="expired"),
        pytest.param({"uses": 1, "accepted": ("a",), "accepted_at": 1}, id="used up long ago"),
    ],
)
def test_the_line_of_one_that_is_over_goes(layout: Layout, over: dict[str, object]) -> None:
    make(layout)
    enrolment_path(layout, "field").write_bytes(enrolment_toml(enrolment(**over)))

    assert keys_lag(layout)
    update_keys(layout)
    assert lines_of(layout) == []


def test_one_with_a_broken_file_keeps_its_line_and_can_be_ended(layout: Layout) -> None:
    make(layout)
    before = lines_of(layout)
    enrolment_path(layout, "field").write_text("forwards = 1\n", encoding="ascii")

    assert not keys_lag(layout)
    assert "forwards must be a list" in read_enrolments(layout.enrolments).broken["field"]
    with locked(layout):
        write_keys(layout, gate_command(layout))
    assert lines_of(layout) == before

    assert end_enrolment(layout, "field", gate_command(layout)) is None
    assert lines_of(layout) == []


def test_a_folder_that_cannot_be_listed_does_not_look_empty(layout: Layout, tmp_path: Path) -> None:
    make(layout)
    layout.enrolments.rename(tmp_path / "aside")
    layout.enrolments.write_text("", encoding="ascii")

    with pytest.raises(ConfigError, match="cannot be listed"):
        keys_lag(layout)


def test_a_release_before_enrolments_leaves_the_line_alone(layout: Layout, tmp_path: Path) -> None:
    make(layout)
    with locked(layout):
        add(layout, node(), gate_command(layout))
    safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(RELEASED) as released:
        released.extractall(tmp_path / "released", **safe)

    subprocess.run(
        [sys.executable, "-c", IN_0_1_0, str(layout.home)],
        cwd=tmp_path / "released",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "released")},
        check=True,
        timeout=200,
    )

    first, second = lines_of(layout)
    assert first == enrolment_line(FIELD, gate_command(layout))
    assert str(tmp_path / "released") in second
    update_keys(layout)
    assert len(lines_of(layout)) == 2
    assert not keys_lag(layout)


def test_merging_replaces_the_line_and_keeps_it_only_if_told_to() -> None:
    line = enrolment_line(FIELD, COMMAND)
    present = merge(b"# theirs\n", [node()], COMMAND, shared=[line])

    assert merge(present, [], COMMAND) == b"# theirs\n"
    assert merge(present, [node()], COMMAND, shared=[line]) == present
    assert merge(present, [], COMMAND, keep={"+field"}) == f"# theirs\n{line}\n".encode()


def test_a_key_belongs_to_one_enrolment_or_one_node(layout: Layout) -> None:
    make(layout)
    with locked(layout):
        add(layout, node(number=7), gate_command(layout))

    with pytest.raises(EnrolmentExists, match="an enrolment field already"):
        make(layout)
    with pytest.raises(KeyEnrols, match="belongs to the enrolment field"):
        make(layout, enrolment(id="other"))
    with pytest.raises(KeyTaken, match="belongs to node office"):
        make(layout, enrolment(id="other", public_key=public_key(7)))
    with pytest.raises(KeyEnrols), locked(layout):
        add(layout, node("barn", 900, (20011,)), gate_command(layout))
    assert set(read_enrolments(layout.enrolments).found) == {"field"}


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        (enrolment(forwards=()), "at least one forward"),
        (enrolment(forwards=(parse_forward("20010=127.0.0.1:22"),)), "port 20010 can belong"),
        (enrolment(uses=10_001), "at most 10000 devices"),
        (enrolment(per_address=0), "from one address"),
        (enrolment(is_auto=True, uses=5), "give both --uses and --expires"),
        (enrolment(is_auto=True, expires=5), "give both --uses and --expires"),
    ],
)
def test_such_an_enrolment_is_not_made(layout: Layout, one: Enrolment, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        make(layout, one)
