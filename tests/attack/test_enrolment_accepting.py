"""Who forges applicants, notes or time: no more nodes than agreed, and never at another's cost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.applicant_list import applicants
from checker.model import Applicant, NodeName
from checker.registry.accepting import Acceptance, accept
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.enrolling import end_enrolment, make_enrolment
from checker.registry.enrolments import enrolment_path, read_enrolment, write_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_store
from checker.tunnels import key_rotation
from tests.enrolled import FIELD, applicant, enrolment
from tests.strategies import node, padded, public_key, rsa_key

LATER = 2**33
BARN = node("barn", 3, (20012,))
RSA = replace(node("aerie", 4, (20014,)), public_key=rsa_key(2048))
ADMIN = f"ssh-ed25519 {public_key(77).split()[1]} admin\n".encode()


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """A gateway with nodes, a broken file, a line of the admin's, and two enrolments; whatever
    happens, the nodes, their lines and that line stay as they are.
    """
    made = home_layout(tmp_path / "home")
    with locked(made):
        made.authorized_keys.write_bytes(ADMIN)
        for one in (BARN, RSA):
            add(made, one, gate_command(made))
    (made.nodes / "broken.toml").write_text("?")
    itself = enrolment(id="auto", public_key=public_key(901), is_auto=True, uses=3, expires=LATER)
    for each in (itself, enrolment()):
        make_enrolment(made, each, b"secret", gate_command(made))
    before = {path.name: path.read_bytes() for path in made.nodes.glob("*.toml")}
    lines = made.authorized_keys.read_bytes().split(b"\n")
    yield made
    assert {name: (made.nodes / name).read_bytes() for name in before} == before
    now = made.authorized_keys.read_bytes().split(b"\n")
    assert [line for line in lines if line not in now and b"reversi:+" not in line] == []
    assert now[0] == lines[0]
    found = read_registry(made.nodes)
    ports = [forward.port for forward in found.forwards]
    assert len(ports) == len(set(ports))
    for one in found.nodes.values():
        assert one in (BARN, RSA) or not {20012, 20014}.intersection(one.ports)


def nodes(layout: Layout) -> set[NodeName]:
    """The names of the nodes that came by an enrolment."""
    return {*read_registry(layout.nodes).nodes} - {BARN.name, RSA.name}


def forge(layout: Layout, *given: Applicant) -> None:
    """Write these into the state file, as its owner can."""
    with closing(open_store(layout.state)) as store:
        store.write(Batch(applicants=given))


def settle(layout: Layout, *notes: str) -> Sequence[str]:
    place = key_rotation.notes(layout)
    place.mkdir(parents=True, exist_ok=True)
    for one in notes:
        (place / one).touch()
    troubles = key_rotation.settle(layout)
    assert list(place.iterdir()) == []
    return troubles


def accepted(layout: Layout, *given: Applicant) -> Acceptance:
    return accept(layout, given, gate_command(layout))


def auto(number: int, **changes: Any) -> Applicant:
    return applicant(number, enrolment="auto", **changes)


def test_forged_applicants_become_only_as_many_new_nodes_as_the_enrolment_has_uses(
    layout: Layout,
) -> None:
    wrong_print = auto(60, fingerprint=applicant(61).fingerprint)
    forge(
        layout,
        auto(3),  # the key of barn
        applicant(50, enrolment="auto", public_key=padded(rsa_key(2048))),
        auto(900),  # an enrolment's key
        wrong_print,
        auto(62, name="../../../tmp/evil"),
        auto(63, name="x\x1b[2J"),
        auto(64, public_key=f'command="id" {public_key(64)}'),
        auto(65, public_key=f"{public_key(65)}\nssh-ed25519 AAAA"),
        auto(10, name="barn", said="barn"),
        auto(11, name="broken", said="Broken"),
        *(auto(number, name="office") for number in range(12, 30)),
        *(applicant(number) for number in range(30, 33)),  # of the other enrolment
    )

    settle(layout, "+auto", "+field", "+gone", "+..")

    assert len(nodes(layout)) == 3
    assert len(read_enrolment(layout, "auto").accepted) == 3
    assert read_enrolment(layout, "field").accepted == ()
    settle(layout, "+auto")
    assert len(nodes(layout)) == 3


def test_a_forged_name_hides_no_host_of_the_operators(layout: Layout) -> None:
    forge(layout, auto(10, name="github.com", said="x.y"), auto(11, name="localhost", said="lab"))

    settle(layout, "+auto")

    assert nodes(layout) == {"x-y", "lab"}


def test_a_taken_name_is_numbered_and_a_path_names_nothing(layout: Layout) -> None:
    forge(layout, auto(10, name="barn", said="../barn"), auto(11, name="broken", said="broken"))

    settle(layout, "+auto")

    assert nodes(layout) == {"barn-2", "broken-2"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"uses": 1, "accepted": ("SHA256:other",)}, id="used up"),
        pytest.param({"expires": 1}, id="expired"),
        pytest.param({"is_auto": False}, id="with an operator"),
    ],
)
def test_what_the_enrolments_file_says_now_counts(
    layout: Layout, changes: dict[str, object]
) -> None:
    forge(layout, auto(10))
    with locked(layout):
        write_enrolment(layout, replace(read_enrolment(layout, "auto"), **changes))  # type: ignore[arg-type]

    assert settle(layout, "+auto") == ()

    assert nodes(layout) == set()


def test_notes_lead_root_nowhere_and_forge_no_line_of_its_log(
    layout: Layout, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    place = key_rotation.notes(layout)
    place.mkdir(parents=True)
    (place / "+auto").symlink_to(elsewhere / "file")
    forge(layout, auto(10))

    troubles = settle(layout, "+x\n<0>reversi: forged", "+\x1b[2J", "\x1b]0;x\x07", "+" + "a" * 200)

    assert (elsewhere / "file").read_text() == "mine"
    assert len(troubles) == 4
    assert all(trouble.isprintable() for trouble in troubles), troubles
    assert nodes(layout) == {"device-10"}


def test_rows_that_we_would_not_write_are_left_out(layout: Layout) -> None:
    forge(layout)
    good = (*("auto", "x", "x", public_key(10), "", "192.0.2.7"), 1.0, 1.0, 0)
    rows: list[list[Any]] = [
        [None] * 10,
        [b"\xff" * 10] * 10,
        [7] * 10,
        [applicant(10).fingerprint, *good],
        [applicant(11).fingerprint, *good[:6], "soon", float("inf"), 2],
        [applicant(12).fingerprint, *good[:6], 1.0, 9e999, 1],
    ]
    with closing(sqlite3.connect(layout.state, isolation_level=None)) as db:
        db.execute("DROP TABLE applicant")
        columns = "enrolment, name, said, public_key, host_keys, peer, first_at, last_at"
        db.execute(f"CREATE TABLE applicant (fingerprint, {columns}, is_rejected)")
        db.executemany(f"INSERT INTO applicant VALUES ({','.join('?' * 10)})", rows)

    assert [one.name for one in applicants(layout)] == ["x"]
    assert settle(layout, "+auto") == ()
    assert nodes(layout) == {"x"}


def test_a_table_of_another_shape_holds_nobody(layout: Layout) -> None:
    forge(layout)
    with closing(sqlite3.connect(layout.state, isolation_level=None)) as db:
        db.execute("DROP TABLE applicant")
        db.execute("CREATE TABLE applicant (fingerprint, first_at, more)")
        db.execute("INSERT INTO applicant VALUES ('a', 1.0, 'b')")

    assert applicants(layout) == ()
    assert settle(layout, "+auto") == ()


def test_many_that_cannot_be_accepted_fill_no_log(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(layout, *(auto(number) for number in range(200, 300)))

    settle(layout, "+auto")

    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "accepted SHA256:" in line]) == 3
    (refused,) = [line for line in said if "is not accepted" in line]
    assert refused.endswith("takes no device: all of its 3 uses are taken, and 96 more")


def test_two_admins_at_once_make_one_node(layout: Layout) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: accepted(layout, applicant(10)), range(4)))

    assert sorted(len(one.accepted) for one in done) == [0, 0, 0, 1]
    assert all("device-10" in str(error) for one in done for _, error in one.failed)
    assert nodes(layout) == {"device-10"}
    assert len(read_enrolment(layout, "field").accepted) == 1


def test_the_last_use_goes_to_one_of_two_admins_devices(layout: Layout) -> None:
    with locked(layout):
        write_enrolment(layout, enrolment(uses=1))

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda number: accepted(layout, applicant(number)), (10, 11)))

    assert sorted(len(one.accepted) for one in done) == [0, 1]
    assert len(nodes(layout)) == 1


def test_an_enrolment_that_ended_meanwhile_accepts_nobody(layout: Layout) -> None:
    end_enrolment(layout, "field", gate_command(layout))

    done = accepted(layout, applicant(10))

    assert "there is no enrolment 'field'" in str(done.failed[0][1])
    assert nodes(layout) == set()


def test_a_name_that_a_node_took_meanwhile_is_not_given_again(layout: Layout) -> None:
    done = accepted(layout, applicant(10, name=NodeName("barn")), applicant(11))

    assert "barn" in str(done.failed[0][1])
    assert nodes(layout) == {"device-11"}


def test_a_key_of_the_admins_own_gives_a_node_no_right_of_his(layout: Layout) -> None:
    """His line is the first one with that key, so sshd takes it as before."""
    accepted(layout, applicant(77))

    lines = layout.authorized_keys.read_bytes().splitlines(keepends=True)
    assert lines[0] == ADMIN
    assert [line.startswith(b"restrict,") for line in lines[1:]] == [True] * (len(lines) - 1)


def test_the_files_of_an_enrolment_keep_their_modes(layout: Layout) -> None:
    accepted(layout, applicant(10))

    assert {
        path.name: oct(path.stat().st_mode & 0o777) for path in layout.enrolments.iterdir()
    } == {
        "auto.key": "0o600",
        "auto.toml": "0o644",
        "field.key": "0o600",
        "field.toml": "0o644",
    }
    assert FIELD.public_key in enrolment_path(layout, "field").read_text()
    assert layout.enrolments.stat().st_mode & 0o022 == 0
    assert read_enrolment(layout, "field").accepted_at <= time.time()
