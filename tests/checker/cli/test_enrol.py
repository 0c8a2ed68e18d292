"""The verbs `enrol new`, `list` and `end`, without a daemon."""

from __future__ import annotations

import json
import stat
import sys
import time
from dataclasses import replace

import pytest

from checker.cli.enrol import parse_end
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.enrolments import random_id
from checker.model import InvalidValue, fingerprint, parse_forward
from checker.registry.enrolments import (
    enrolment_key_path,
    enrolment_path,
    read_enrolment,
    read_enrolments,
    write_enrolment,
)
from tests.checker.cli.homes import ERROR, MAIN, Run, key_lines, registry_events, write_state
from tests.enrolled import applicant, enrolment
from tests.strategies import public_key
from tests.terminals import answered

SSH = ("--forward", "127.0.0.1:22,hostkey")


def test_a_new_enrolment_has_a_key_and_what_its_nodes_get(layout: Layout, checker: Run) -> None:
    words = ("--uses", "30", "--tag", "b", "--tag", "a", "--note", "up", "--expires", "2d")

    code, out, err = checker("enrol", "new", "masts", *SSH, *words)

    made = read_enrolment(layout, "masts")
    assert (code, err) == (ExitCode.OK, "")
    assert out.splitlines()[1:] == [
        "each node gets: a port for 127.0.0.1:22, expecting hostkey; the tags a, b; the note 'up'",
        f"next: reversi-client build --home {layout.home} --enrol masts",
    ]
    assert out.startswith("enrolment masts: until ")
    assert ", for 30 devices, each accepted by you\n" in out
    assert (made.uses, made.tags, made.note, made.is_auto) == (30, ("a", "b"), "up", False)
    assert made.forwards == (parse_forward("127.0.0.1:22,hostkey"),)
    assert made.expires - made.made_at == 2 * 86400
    assert stat.S_IMODE(enrolment_key_path(layout, "masts").stat().st_mode) == 0o600
    assert [line.rpartition(" ")[2] for line in key_lines(layout)] == ["reversi:+masts"]
    assert "port-forwarding" not in key_lines(layout)[0]
    assert registry_events(layout)[0].text.startswith("enrolment masts made: until ")


def test_without_an_id_it_gets_a_word_and_seven_days(layout: Layout, checker: Run) -> None:
    code, out, _ = checker("enrol", "new", *SSH, "--json")

    document = json.loads(out)["enrolment"]
    (made,) = read_enrolments(layout.enrolments).found.values()
    assert code == ExitCode.OK
    assert document["id"] == made.id
    assert (document["uses"], document["uses_left"], document["auto"]) == (None, None, False)
    assert document["expires"] - document["made_at"] == 7 * 86400
    assert document["forwards"] == [
        {"target": "127.0.0.1:22", "expect": "hostkey", "public": False}
    ]


def test_a_random_id_is_a_new_word() -> None:
    first = random_id(())

    assert len(first) == 6
    assert random_id({first}) != first


def test_an_enrolment_can_be_like_a_node(layout: Layout, office: Layout, checker: Run) -> None:
    checker("node", "set", "office", "--tag", "site-a")

    assert checker("enrol", "new", "more", "--like", "office", "--tag", "new")[0] == ExitCode.OK

    made = read_enrolment(layout, "more")
    assert [str(one) for one in made.forwards] == ["127.0.0.1:22,open"]
    assert made.tags == ("new", "site-a")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param((), "one of the arguments --like --forward is required", id="nothing"),
        pytest.param(("--forward", "20010=h:22"), "port 20010 can belong to one node", id="port"),
        pytest.param(("--like", "nobody"), "there is no node 'nobody'", id="like nobody"),
        pytest.param(("--like", "office", "--public"), "--public belongs to", id="like, public"),
        pytest.param((*SSH, "--auto"), "add --uses N", id="auto without a limit"),
        pytest.param((*SSH, "--uses", "0"), "--uses 0 is out of bounds", id="no use"),
        pytest.param((*SSH, "--per-address", "0"), "write 1 to 1000", id="per address"),
        pytest.param((*SSH, "--expires", "91d"), "lasts from 1m to 90d", id="too long"),
        pytest.param((*SSH, "--expires", "soon"), "is not a time", id="no time"),
        pytest.param((*SSH, "--tag", "A b"), "cannot be a tag", id="tag"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    office: Layout, checker: Run, words: tuple[str, ...], why: str
) -> None:
    code, out, err = checker("enrol", "new", "x", *words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert why in err
    assert not office.enrolments.exists()


def test_an_id_is_given_once(layout: Layout, checker: Run) -> None:
    checker("enrol", "new", "x", *SSH)
    before = enrolment_path(layout, "x").read_bytes()

    for words in ((), ("--dry-run",)):
        code, _, err = checker("enrol", "new", "x", *SSH, *words)

        assert code == ExitCode.USAGE
        assert err == (
            f"{ERROR}there is an enrolment x already; choose another id, or run: reversi-checker"
            " enrol end x\n"
        )
    assert enrolment_path(layout, "x").read_bytes() == before


def test_a_forward_that_sees_no_hang_is_mentioned(checker: Run) -> None:
    _, _, err = checker("enrol", "new", "x", "--forward", "127.0.0.1:22", "--dry-run")

    assert "write --forward 127.0.0.1:22,banner:SSH-2.0" in err


def test_a_dry_run_makes_nothing(layout: Layout, checker: Run) -> None:
    code, out, _ = checker("enrol", "new", *SSH, "--auto", "--uses", "1", "--dry-run")

    first, second = out.splitlines()
    assert code == ExitCode.OK
    assert first.startswith("would make enrolment with a random id: until ")
    assert first.endswith(", for 1 device, accepted as they come, without you")
    assert second == "would give each node: a port for 127.0.0.1:22, expecting hostkey"
    assert not layout.enrolments.exists()


@pytest.mark.parametrize(("text", "s"), [("1m", 60), ("90d", 90 * 86400), ("1w", 7 * 86400)])
def test_an_enrolment_lasts_from_a_minute_to_ninety_days(text: str, s: int) -> None:
    assert parse_end(text, 1e9) == int(1e9) + s


@pytest.mark.parametrize("text", ["59s", "13w", "2001-09-09", "never", ""])
def test_no_other_end_is_taken(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_end(text, 1e9)


def put(layout: Layout, **changes: object) -> None:
    """An enrolment of a daemon that runs, without its key line."""
    given = {"made_at": int(time.time()), "expires": int(time.time()) + 900, **changes}
    write_enrolment(layout, enrolment(**given))


def test_the_list_says_what_is_left_and_who_waits(office: Layout, checker: Run) -> None:
    put(office, id="a", uses=3, accepted=("SHA256:x",))
    put(office, id="b", expires=1, is_auto=True, uses=1)
    enrolment_path(office, "c").write_text("forwards = 1")
    asked = [replace(applicant(number), enrolment="a") for number in (2, 3)]
    write_state(office, applicants=[*asked, applicant(4, enrolment="a", is_rejected=True)])

    code, out, err = checker("enrol", "list")

    heading, a, b = out.splitlines()
    assert code == ExitCode.NOT_UP
    assert heading.split("  ")[0] == "ENROLMENT"
    assert "  2 of 3  2        1         a port for 127.0.0.1:22, expecting banner:SSH-" in a
    assert "1970-01-01" in b
    assert " (over)  1 of 1" in b
    assert "; accepted as they come" in b
    assert "c.toml" in err

    document = json.loads(checker("enrol", "list", "--json")[1])
    first = document["enrolments"][0]
    assert (first["id"], first["pending"], first["uses_left"]) == ("a", 2, 2)
    assert first["accepted"] == ["SHA256:x"]
    assert [one["id"] for one in document["broken"]] == ["c"]


def test_an_empty_list_says_how_to_begin(office: Layout, checker: Run) -> None:
    assert checker("enrol", "list") == (
        ExitCode.OK,
        "",
        "there is no enrolment; make one with: reversi-checker enrol new\n",
    )


def test_ending_takes_the_key_and_leaves_the_nodes(office: Layout, checker: Run) -> None:
    checker("enrol", "new", "x", *SSH)

    code, out, _ = checker("enrol", "end", "x", "--dry-run")
    assert (code, out) == (ExitCode.OK, "would end enrolment x: its key opens nothing any more\n")
    assert len(key_lines(office)) == 2

    code, out, _ = checker("enrol", "end", "x")
    assert (code, out) == (ExitCode.OK, "x: ended\n")
    assert [line.rpartition(" ")[2] for line in key_lines(office)] == ["reversi:office"]
    assert not list(office.enrolments.iterdir())
    assert registry_events(office)[-1].text == "enrolment x ended"


def test_a_broken_enrolment_can_be_ended(layout: Layout, checker: Run) -> None:
    checker("enrol", "new", "x", *SSH)
    enrolment_path(layout, "x").write_text("?")

    assert checker("enrol", "end", "x")[:2] == (ExitCode.OK, "x: ended\n")
    assert key_lines(layout) == []


def test_an_unknown_enrolment_cannot_be_ended(office: Layout, checker: Run) -> None:
    code, _, err = checker("enrol", "end", "x")

    assert code == ExitCode.USAGE
    assert "there is no enrolment 'x'; see: reversi-checker enrol list" in err


def test_before_devices_that_wait_are_forgotten_it_asks(office: Layout) -> None:
    """Also before one that was accepted and does not know it yet."""
    put(office, id="x", accepted=(fingerprint(public_key(1)),))
    write_state(office, applicants=[applicant(2, enrolment="x")])
    command = [sys.executable, "-c", MAIN, "--home", str(office.home), "enrol", "end", "x"]

    code, out, shown = answered(command, "n")

    assert (code, out) == (ExitCode.DECLINED, "")
    assert shown == (
        "This will:\n"
        "  end enrolment x: its key opens nothing any more\n"
        "  forget 1 device waiting to be accepted: device-2\n"
        "  leave behind 1 device, accepted but not heard from since: office\n"
        "  keep the node that it made\n"
        "end enrolment x? [y/N] reversi-checker: nothing was done\n"
    )
    assert enrolment_path(office, "x").exists()

    code, out, _ = answered(command, "y")
    assert (code, out) == (
        ExitCode.OK,
        "x: ended; 1 device forgotten; accepted but not heard from since: office\n",
    )
