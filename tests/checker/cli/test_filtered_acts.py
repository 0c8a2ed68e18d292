"""`probe`, `kill` and `reset` with `--filter`: what is chosen, what is left out, what is said."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.filtered_acts import (
    NO_PROCESS,
    Chosen,
    chosen_from,
    failures_first,
    left_out,
    still,
    summary,
    where_they_are,
)
from checker.cli.seen import SeenByAll
from checker.config.layout import Layout
from checker.model import Aim, NodeName, Outcome, Port, ProcessId, Status, Tunnel, Verb
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.rows.row import NO_PORT, Row, Whereabouts
from tests.checker.cli.homes import COMMAND, ERROR, MAIN, UP, Run, write_state
from tests.strategies import OFFICE, PORT, free_port, node
from tests.terminals import answered

HELD = Row(forward=None, seen=UP)
FREE = Row(forward=None, seen=Tunnel(node=NodeName("shed"), port=Port(20020)))
BROKEN = Row(forward=None, seen=Tunnel(node=NodeName("barn"), port=NO_PORT, status=Status.BROKEN))
AIM = Aim(node=OFFICE, port=PORT, session=UP.session)


@pytest.mark.parametrize(
    ("verb", "aimed", "left"),
    [
        (Verb.KILL, ["office"], ["shed", "barn"]),
        (Verb.RESET, ["office", "shed"], ["barn"]),
        (Verb.PROBE, ["office", "shed"], ["barn"]),
    ],
)
def test_only_what_can_be_acted_on_is_chosen(verb: Verb, aimed: list[str], left: list[str]) -> None:
    chosen = chosen_from(verb, [HELD, FREE, BROKEN])

    assert [aim.node for aim in chosen.aims] == aimed
    assert chosen.aims[0] == AIM, "the process that was seen, and no other"
    assert [one.node for one in chosen.left_out] == left
    assert not any(one.done for one in chosen.left_out)


def test_what_another_gateway_holds_is_aimed_at_with_its_process() -> None:
    held = Whereabouts(gateway="gw2", is_elsewhere=True)
    seen = SeenByAll(
        every_s=20.0,
        tunnels={(OFFICE, PORT): UP, FREE.key: FREE.seen},
        where={(OFFICE, PORT): held, FREE.key: held},
    )
    here = Aim(node=NodeName("barn"), port=Port(20030))
    unknown = Aim(node=FREE.seen.node, port=FREE.seen.port)
    named = Chosen(aims=(replace(AIM, session=None), unknown, here))

    killed = where_they_are(named, Verb.KILL, seen)
    reset = where_they_are(named, Verb.RESET, seen)

    assert killed.aims == (AIM, here)
    assert [one.sentence for one in killed.left_out] == [NO_PROCESS]
    assert reset.aims == (AIM, unknown, here)
    assert [reset.gateway_of(aim) for aim in reset.aims] == ["gw2", "gw2", ""]
    row = replace(HELD, where=held)
    assert chosen_from(Verb.KILL, [row]) == Chosen(aims=(AIM,), at={(OFFICE, PORT): "gw2"})


def test_what_changed_while_the_operator_was_asked_is_left_alone() -> None:
    chosen = chosen_from(Verb.KILL, [HELD])
    another = replace(AIM, session=ProcessId(pid=7, start_ticks=10))

    assert still(chosen, {AIM}) == chosen
    for matching in (set(), {another}):
        after = still(chosen, matching)
        assert after.aims == ()
        assert after.left_out == (left_out(AIM, "changed after you were asked: left alone"),)


def outcome(port: int, *, done: bool) -> Outcome:
    return Outcome(node=OFFICE, port=Port(port), done=done, sentence="")


def test_failures_come_first_and_the_last_line_counts() -> None:
    outcomes = [outcome(1, done=True), outcome(2, done=False), outcome(3, done=True)]

    first = failures_first(outcomes, {(OFFICE, Port(1)), (OFFICE, Port(3))})

    assert [one.port for one in first] == [2, 1, 3]
    assert "; ".join(summary(Verb.KILL, 3, 2)) == "1 not killed; 2 of 3 killed"
    assert "; ".join(summary(Verb.PROBE, 3, 3)) == "3 of 3 up"


@pytest.fixture
def fleet(layout: Layout) -> Layout:
    """Seven nodes whose tunnels were last seen up, on ports where nobody listens now."""
    tunnels = []
    with locked(layout):
        for number in range(1, 8):
            port = free_port()
            add(layout, node(f"n{number}", number, (port,)), COMMAND)
            tunnels.append(
                replace(UP, node=NodeName(f"n{number}"), port=port, probed_at=time.time())
            )
    write_state(layout, tunnels=tunnels)
    return layout


def test_a_dry_run_shows_what_matches(checker: Run, fleet: Layout) -> None:
    code, out, err = checker("kill", "--filter", "node:n status:up", "--dry-run")

    assert (code, err) == (ExitCode.OK, "")
    assert len(out.splitlines()) == 7
    assert all(line.endswith(": would kill") for line in out.splitlines())


def test_many_are_killed_only_with_yes_if_there_is_no_terminal(checker: Run, fleet: Layout) -> None:
    code, out, err = checker("kill", "--filter", "node:n")
    assert (code, out) == (ExitCode.USAGE, "")
    assert err == (
        f"{ERROR}the filter matches 7 forwards, and there is no terminal to confirm that; see them"
        " with --dry-run, and then add --yes\n"
    )

    code, out, err = checker("kill", "--filter", "node:n", "--yes", "--json")
    assert code == ExitCode.NOT_UP
    assert [one["done"] for one in json.loads(out)["outcomes"]] == [False] * 7
    assert err == "7 not killed; 0 of 7 killed\n"


@pytest.mark.parametrize(("answer", "acts"), [("y", False), ("7", True)])
def test_at_a_terminal_the_count_is_typed(fleet: Layout, answer: str, *, acts: bool) -> None:
    words = ["--home", str(fleet.home), "kill", "--filter", "node:n"]

    _, out, shown = answered([sys.executable, "-c", MAIN, *words], answer)

    assert "do it? Type 7 to continue: " in shown
    assert bool(out) is acts
    assert ("nobody listens on port" in out) is acts


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("kill",), ExitCode.USAGE, "nothing is named; give NODE, NODE:PORT or PORT, or --filter"),
        (
            ("probe", "n1", "--filter", "x"),
            ExitCode.USAGE,
            "or PORT, or --filter, not both; a filter can name them too: 'node:n1 ...'",
        ),
        (("reset", "--filter", ""), ExitCode.USAGE, "would match everything"),
        (("reset", "--filter", "node:barn"), ExitCode.NOT_UP, "nothing matches the filter"),
        (("kill", "--filter", "ndoe:n1"), ExitCode.USAGE, "did you mean 'node'?"),
    ],
)
def test_what_chooses_nothing_is_refused(
    checker: Run, fleet: Layout, words: tuple[str, ...], code: ExitCode, says: str
) -> None:
    done = checker(*words)

    assert done[:2] == (code, "")
    assert says in done[2]
