"""The verbs `node pending`, `accept` and `reject`, without a daemon."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.applicants import SEE
from checker.model import Applicant, NodeName, fingerprint
from checker.registry.enrolments import read_enrolment, write_enrolment
from checker.registry.reading import read_registry
from checker.state.store import read_applicants
from tests.checker.cli.homes import (
    ERROR,
    MAIN,
    Run,
    key_lines,
    registered,
    registry_events,
    write_state,
)
from tests.enrolled import FIELD, applicant
from tests.strategies import OFFICE
from tests.terminals import answered

NO_FINGERPRINT = (
    f"{ERROR}without a terminal, name each device with its fingerprint: reversi-checker node accept"
    " NAME@FINGERPRINT; both are in: reversi-checker node pending --json\n"
)


def device(number: int, name: str, **changes: object) -> Applicant:
    now = time.time()
    given = {"name": NodeName(name), "said": name, "first_at": now, "last_at": now, **changes}
    return applicant(number, **given)


CAM = device(1001, "cam", peer="203.0.113.7")
SECOND = device(1002, "cam-2", said="cam")
BARN = device(1003, "barn")
REJECTED = device(1004, "shed", is_rejected=True)
ALL = (CAM, SECOND, BARN, REJECTED)


def word(one: Applicant) -> str:
    return f"{one.name}@{one.fingerprint}"


def at_a_terminal(layout: Layout, answer: str, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-c", MAIN, "--home", str(layout.home), "node", *words]
    return answered(command, answer)


@pytest.fixture
def asked(office: Layout) -> Layout:
    """A home with the node `office`, and four devices that asked by one enrolment."""
    write_enrolment(office, FIELD)
    write_state(office, applicants=ALL)
    return office


def test_pending_shows_what_an_operator_compares(asked: Layout, checker: Run) -> None:
    code, out, err = checker("node", "pending")

    heading, *rows = out.splitlines()
    assert code == ExitCode.OK
    assert heading.split("  ")[0] == "NAME"
    assert len(rows) == 3
    row = next(row for row in rows if row.startswith("cam-2 "))
    assert row.split()[:6] == ["cam-2", "cam", SECOND.fingerprint, SECOND.peer, "field", "ed25519"]
    assert err == "1 device rejected lately; see them with --rejected\n"
    assert checker("node", "pending", "--rejected")[1].splitlines()[1].startswith("shed ")


def test_pending_as_json_has_everything(asked: Layout, checker: Run) -> None:
    (found,) = json.loads(checker("node", "pending", "--json", "--filter", "cam-2")[1])["pending"]

    assert found == {
        "name": "cam-2",
        "calls_itself": "cam",
        "fingerprint": SECOND.fingerprint,
        "public_key": SECOND.public_key,
        "address": SECOND.peer,
        "enrolment": "field",
        "host_keys": [
            {"key": SECOND.host_keys[0], "fingerprint": fingerprint(SECOND.host_keys[0])}
        ],
        "first_at": SECOND.first_at,
        "last_at": SECOND.last_at,
        "rejected": False,
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("peer:203.0.113.7", ["cam"], id="address"),
        pytest.param("tag:field", ["barn", "cam", "cam-2"], id="tag of the enrolment"),
        pytest.param(BARN.fingerprint, ["barn"], id="fingerprint"),
        pytest.param("!node:cam", ["barn"], id="not"),
        pytest.param("attic", [], id="none"),
    ],
)
def test_pending_takes_a_filter(asked: Layout, checker: Run, text: str, names: list[str]) -> None:
    code, out, err = checker("node", "pending", "--json", "--filter", text)

    assert code == ExitCode.OK
    assert sorted(one["name"] for one in json.loads(out)["pending"]) == names
    assert ("nothing matches" in err) == (not names)


def test_where_nobody_asked_nothing_is_pending(office: Layout, checker: Run) -> None:
    assert checker("node", "pending") == (ExitCode.OK, "", "no device waits\n")
    assert checker("node", "accept", "cam@x")[0] == ExitCode.NOT_UP


def test_a_script_accepts_a_device_by_its_fingerprint(asked: Layout, checker: Run) -> None:
    code, out, _ = checker("node", "accept", word(CAM), word(REJECTED))

    made = registered(asked, "cam")
    port = made.ports[0]
    assert (code, out) == (
        ExitCode.OK,
        f"cam: port {port} -> 127.0.0.1:22\nshed: port {port + 1} -> 127.0.0.1:22\n",
    )
    assert (made.public_key, made.tags, made.note) == (CAM.public_key, FIELD.tags, FIELD.note)
    assert made.forwards[0].host_key == CAM.host_keys[0]
    assert set(read_enrolment(asked, "field").accepted) == {CAM.fingerprint, REJECTED.fingerprint}
    assert "reversi:cam" in " ".join(key_lines(asked))
    event = next(event for event in registry_events(asked) if event.node == "cam")
    assert event.text == (
        "added: to 127.0.0.1:22, expecting banner:SSH-; "
        f"{CAM.fingerprint}, from 203.0.113.7, by enrolment field"
    )


def test_a_script_must_name_the_fingerprint(asked: Layout, checker: Run) -> None:
    """Each device that it names without is refused, and no other."""
    code, out, _ = checker("node", "accept", "barn", word(CAM), "nobody", "cam-2@SHA256:x")

    assert code == ExitCode.NOT_UP
    assert out.splitlines() == [
        f"cam: port {registered(asked, 'cam').ports[0]} -> 127.0.0.1:22",
        f"nobody: not accepted: no device of this name waits; {SEE}",
        (
            "cam-2: not accepted: it has another fingerprint; compare it with the one that the"
            f" device shows, and {SEE}"
        ),
        (
            "barn: not accepted: without a terminal, add its fingerprint: write NAME@FINGERPRINT;"
            f" {SEE}"
        ),
    ]
    assert set(read_registry(asked.nodes).nodes) == {OFFICE, "cam"}


@pytest.mark.parametrize("more", [(), ("--yes",)])
def test_a_script_accepts_nobody_by_a_filter(
    asked: Layout, checker: Run, more: tuple[str, ...]
) -> None:
    assert checker("node", "accept", "--filter", "cam", *more) == (
        ExitCode.USAGE,
        "",
        NO_FINGERPRINT,
    )


def test_what_the_registry_refuses_stops_no_other(asked: Layout, checker: Run) -> None:
    """A name, or a key, that was registered meanwhile changes nothing at that node."""
    same_name = device(1005, "office")
    same_key = device(1, "twin")
    write_state(asked, applicants=[same_name, same_key])
    before = registered(asked)

    code, out, _ = checker("node", "accept", word(same_name), word(same_key), word(BARN), "--json")

    document = json.loads(out)
    assert code == ExitCode.NOT_UP
    assert [node["name"] for node in document["accepted"]] == ["barn"]
    assert [one["name"] for one in document["failures"]] == ["office", "twin"]
    assert "node office is registered already" in document["failures"][0]["why"]
    assert "that public key belongs to node office" in document["failures"][1]["why"]
    assert registered(asked) == before


def test_an_enrolment_that_is_over_takes_nobody(asked: Layout, checker: Run) -> None:
    write_enrolment(asked, replace(FIELD, uses=1))

    code, out, err = checker("node", "accept", word(CAM), word(BARN))

    assert code == ExitCode.NOT_UP
    assert out.splitlines()[1] == (
        "barn: not accepted: enrolment field takes no device: its only use is taken"
    )
    assert "enrolment field has no use left, and takes no device any more" in err


def test_a_dry_run_accepts_nobody(asked: Layout, checker: Run) -> None:
    code, out, _ = checker("node", "accept", "--filter", "barn", "--dry-run")

    assert (code, out) == (
        ExitCode.OK,
        f"would accept barn  {BARN.fingerprint}  from {BARN.peer}\n",
    )
    assert set(read_registry(asked.nodes).nodes) == {OFFICE}


def test_at_a_terminal_it_shows_each_fingerprint_and_asks(asked: Layout) -> None:
    code, out, shown = at_a_terminal(asked, "n", "accept", "cam", "barn")

    assert (code, out) == (ExitCode.DECLINED, "")
    assert shown == (
        "This will:\n"
        f"  accept cam   {CAM.fingerprint}  from 203.0.113.7, calls itself cam, as cam-2 does\n"
        f"  accept barn  {BARN.fingerprint}  from {BARN.peer}\n"
        "accept 2 devices? [y/N] reversi-checker: nothing was done\n"
    )

    code, out, _ = at_a_terminal(asked, "y", "accept", "--filter", "barn")
    assert code == ExitCode.OK
    assert out.startswith("barn: port ")


def test_many_are_all_shown_and_their_number_is_typed(office: Layout) -> None:
    many = [device(2000 + number, f"mast-{number:02}") for number in range(24)]
    write_enrolment(office, FIELD)
    write_state(office, applicants=many)

    code, _, shown = at_a_terminal(office, "y", "accept", "--filter", "mast")
    assert code == ExitCode.DECLINED
    assert all(one.fingerprint in shown for one in many)
    assert "accept 24 devices? Type 24 to continue: " in shown

    code, out, _ = at_a_terminal(office, "24", "accept", "--filter", "mast")
    assert (code, len(out.splitlines())) == (ExitCode.OK, 24)


def test_named_with_its_fingerprint_nothing_is_asked(asked: Layout) -> None:
    code, _, shown = at_a_terminal(asked, "", "accept", word(CAM))

    assert code == ExitCode.OK
    assert "[y/N]" not in shown


def test_with_yes_a_plain_name_is_refused_even_at_a_terminal(asked: Layout) -> None:
    code, out, _ = at_a_terminal(asked, "", "accept", "cam", "--yes")

    assert code == ExitCode.NOT_UP
    assert "write NAME@FINGERPRINT" in out


def test_a_device_without_host_keys_is_mentioned_if_they_are_expected(
    asked: Layout, checker: Run
) -> None:
    checker("enrol", "new", "keyed", "--forward", "127.0.0.1:22,hostkey")
    bare = device(1006, "bare", enrolment="keyed", host_keys=())
    write_state(asked, applicants=[bare])

    _, _, err = checker("node", "accept", word(bare))

    assert "bare: hostkey is expected, but the device sent no host key" in err
    assert err.endswith("run: reversi-checker node pin bare\n")


def test_rejecting_without_a_daemon_writes_the_state(asked: Layout, checker: Run) -> None:
    code, out, err = checker("node", "reject", "cam", word(BARN), "nobody")

    assert (code, err) == (ExitCode.NOT_UP, "")
    assert out.splitlines() == [
        "cam: rejected",
        "barn: rejected",
        "nobody: not rejected: no device of this name waits; see: reversi-checker node pending",
    ]
    waiting = [one.name for one in read_applicants(asked.state) if not one.is_rejected]
    assert waiting == ["cam-2"]
    assert registry_events(asked)[0].text == (
        f"rejected: {CAM.fingerprint}, from 203.0.113.7, by enrolment field"
    )


def test_rejecting_takes_a_filter_and_has_a_dry_run(asked: Layout, checker: Run) -> None:
    code, out, _ = checker("node", "reject", "--filter", "node:cam", "--dry-run")
    assert (code, out) == (
        ExitCode.OK,
        (
            f"would reject cam    {CAM.fingerprint}  from 203.0.113.7\n"
            f"would reject cam-2  {SECOND.fingerprint}  from {SECOND.peer}, calls itself cam\n"
        ),
    )

    document = json.loads(checker("node", "reject", "--filter", "node:cam", "--json")[1])
    assert [one["name"] for one in document["rejected"]] == ["cam", "cam-2"]
    assert document["failures"] == []


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_names_or_a_filter_are_needed_and_not_both(asked: Layout, checker: Run, verb: str) -> None:
    assert "nothing is named; give NAME" in checker("node", verb)[2]
    assert "not both" in checker("node", verb, "cam", "--filter", "x")[2]
    assert "says nothing" in checker("node", "reject", "--filter", " ")[2]


def test_a_device_that_was_a_node_before_is_told_from_others(asked: Layout, checker: Run) -> None:
    write_enrolment(asked, replace(FIELD, accepted=(CAM.fingerprint,)))
    assert "cam  " in checker("node", "pending")[1]

    code, _, err = checker("node", "accept", word(CAM), word(BARN))

    assert (code, err) == (
        ExitCode.OK,
        "cam: this device was a node before, which was removed\n",
    )
    assert registered(asked, "cam").public_key == CAM.public_key
