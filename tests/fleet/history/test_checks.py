"""Each invariant holds for a good history, and is broken by the smallest bad one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.history.checks import CHECKS, violations
from tests.fleet.history.records import (
    Act,
    ActEvent,
    Delivered,
    Edit,
    Healed,
    History,
    KeyLine,
    Login,
    Look,
    Mirrored,
    Record,
    Result,
    Sessions,
)

BARN: Mapping[str, str] = {"key": "k1", "port": "1", "enabled": "yes", "note": ""}
SAME = {"name": "barn", "exists": "yes", **BARN}
ENDED = "kill: sshd 7 ended, port 1 is free"
ACTOR = "anna (SHA256:x) via gw1"


def edit(at: float, verb: str = "set", **given: Any) -> Edit:
    usual: dict[str, Any] = {
        "number": int(at),
        "node": "n1",
        "verb": verb,
        "gateway": "gw1",
        "began": at,
        "ended": at + 0.5,
        "result": Result.DONE,
    }
    return Edit(**{**usual, **given})


def look(at: float, gateway: str = "gw1", **given: Any) -> Look:
    usual: dict[str, Any] = {
        "lines": (KeyLine(key="k1", node="barn", ports=("1",)),),
        "revs": {"barn": 2},
        "nodes": {"barn": BARN},
        "entries": {"barn": "a"},
    }
    return Look(gateway=gateway, began=at, ended=at, **{**usual, **given})


def act(**given: Any) -> Act:
    usual: dict[str, Any] = {
        "nonce": "1",
        "by": "anna",
        "gateway": "gw2",
        "node": "barn",
        "pid": 7,
        "began": 5.0,
        "result": Result.DONE,
        "sentence": ENDED.partition(": ")[2],
    }
    return Act(**{**usual, **given})


def event(**given: Any) -> ActEvent:
    usual = {"gateway": "gw2", "node": "barn", "actor": ACTOR, "text": ENDED}
    return ActEvent(**{**usual, **given})


def note(at: float, text: str, result: Result = Result.DONE) -> Edit:
    return edit(at, sets={"note": text}, result=result)


def barring(at: float, **given: Any) -> Edit:
    return edit(at, "disable", sets={"enabled": "no"}, **given)


def login(at: float, gateway: str = "gw2", *, is_open: bool = True) -> Login:
    return Login(key="k1", gateway=gateway, began=at, is_open=is_open)


ADDED = edit(1.0, "add", sets=SAME)
GOOD: tuple[Record, ...] = (
    ADDED,
    act(),
    event(),
    Sessions(at=1.0, pids={"n": "4/4"}),
    look(2.0),
    Sessions(at=90.0, pids={"n": "4/4"}),
    Healed(at=50.0),
    look(60.0),
    look(60.0, "gw2"),
    Mirrored(gateway="gw2", of="gw1", at=20.0, differs=("barn:1 is None, not up",)),
    Mirrored(gateway="gw2", of="gw1", at=60.0),
)


def broken(*more: Record, but: type[object] | None = None) -> list[str]:
    """Which invariants break if these are added to a good history, and those of a kind left out."""
    history = History()
    for one in GOOD:
        if but is None or not isinstance(one, but):
            history.add(one)
    for one in more:
        history.add(one)
    return list(violations(history))


def test_a_good_history_breaks_nothing() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("invariant", "more"),
    [
        pytest.param("acknowledged edits survive", (note(20.0, "e20"),), id="a lost edit"),
        pytest.param(
            "acknowledged edits survive",
            (edit(20.0, "remove", sets={"exists": "no"}),),
            id="a removal that was lost",
        ),
        pytest.param(
            "acknowledged edits survive",
            (edit(20.0, "add", node="n2", sets={**SAME, "key": "k2"}),),
            id="a node that was lost",
        ),
        pytest.param(
            "no key or port has two owners",
            (
                look(
                    30.0,
                    lines=(
                        KeyLine(key="k1", node="barn", ports=("1",)),
                        KeyLine(key="k1", node="shed", ports=("2",)),
                    ),
                ),
            ),
            id="a key of two",
        ),
        pytest.param(
            "no key or port has two owners",
            (
                look(
                    30.0,
                    lines=(
                        KeyLine(key="k1", node="barn", ports=("1",)),
                        KeyLine(key="k2", node="shed", ports=("3", "1")),
                    ),
                ),
            ),
            id="a port of two",
        ),
        pytest.param("revisions never fall", (look(3.0, revs={"barn": 1}),), id="a fall"),
        pytest.param("revisions never fall", (look(3.0, revs={}),), id="an entry that vanished"),
        pytest.param("acts happen once", (event(),), id="one process ended twice"),
        pytest.param(
            "acts happen once", (event(text="kill: nobody listens"),), id="a second outcome"
        ),
        pytest.param("acts happen once", (event(actor="ben (x)"),), id="another signer"),
        pytest.param("acts happen once", (event(gateway="gw3"),), id="another gateway"),
        pytest.param(
            "acts happen once", (act(nonce="2", gateway="gw3"),), id="an act without an event"
        ),
        pytest.param("sessions stay", (Sessions(at=95.0, pids={"n": "5/5"}),), id="a new process"),
        pytest.param("sessions stay", (Sessions(at=95.0, pids={}),), id="no process"),
    ],
)
def test_the_smallest_violation_is_found(invariant: str, more: tuple[Record, ...]) -> None:
    assert broken(*more) == [invariant]


def test_a_registry_that_differs_is_found() -> None:
    assert "registries are identical" in broken(look(61.0, "gw2", entries={"barn": "b"}))
    assert "registries are identical" in broken(look(61.0, "gw2", nodes={}))
    assert "registries are identical" in broken(but=Look)
    assert "registries are identical" not in broken(look(55.0, "gw3", entries={}))


def test_a_node_that_nobody_made_is_found() -> None:
    forged = {**BARN, "key": "k9"}

    found = broken(*(look(61.0, id_, nodes={"barn": BARN, "x": forged}) for id_ in ("gw1", "gw2")))

    assert found == ["acknowledged edits survive"]


def test_an_edit_of_which_nobody_knows_may_have_been_made_or_not() -> None:
    assert broken(note(20.0, "e20", Result.UNKNOWN)) == []
    assert broken(note(20.0, "e20", Result.REFUSED)) == []
    last = {"barn": {**BARN, "note": "e20"}}
    both = (look(61.0, "gw1", nodes=last), look(61.0, "gw2", nodes=last))
    assert broken(note(20.0, "e20", Result.UNKNOWN), *both) == []
    assert broken(note(20.0, "e20", Result.REFUSED), *both) == ["acknowledged edits survive"]


def test_of_two_edits_at_once_either_may_have_been_the_last() -> None:
    last = {"barn": {**BARN, "note": "e1"}}
    both = (look(61.0, "gw1", nodes=last), look(61.0, "gw2", nodes=last))
    first = edit(20.0, sets={"note": "e1"}, ended=22.0)

    assert broken(first, note(21.0, "e2"), *both) == []
    assert broken(first, note(23.0, "e2"), *both) == ["acknowledged edits survive"]


def test_a_barred_key_opens_nothing_five_seconds_after_the_edit_was_there() -> None:
    mended = edit(45.0, "enable", sets={"enabled": "yes"})
    reached = Delivered(source="gw1", gateway="gw2", began=21.0, ended=22.0)
    barred = "disabled keys open nothing"

    assert broken(barring(20.0), reached, login(28.0), mended) == [barred]
    assert broken(barring(20.0), login(26.0, "gw1"), mended) == [barred]
    assert broken(barring(20.0), reached, login(26.0), mended) == []
    assert broken(barring(20.0), login(28.0), mended) == []
    assert broken(barring(20.0), reached, login(28.0, is_open=False), mended) == []
    assert broken(barring(20.0), reached, mended, login(48.0)) == []
    early = Delivered(source="gw1", gateway="gw2", began=19.0, ended=22.0)
    assert broken(barring(20.0), early, login(28.0), mended) == []


def test_after_healing_a_barred_key_opens_nothing_anywhere() -> None:
    found = broken(barring(20.0), login(70.0, "gw3"))

    assert "disabled keys open nothing" in found


def test_the_old_key_of_a_node_is_barred_too() -> None:
    found = broken(edit(20.0, "rekey", sets={"key": "k2"}), login(70.0))

    assert "disabled keys open nothing" in found


def test_what_a_stolen_member_made_up_is_in_no_mirror() -> None:
    lie = Mirrored(gateway="gw2", of="gw1", at=20.0, forged=("row rogue",))

    assert broken(lie) == ["nothing forged is believed"]


def test_a_mirror_that_stays_wrong_is_found() -> None:
    late = Mirrored(gateway="gw1", of="gw2", at=20.0, differs=("barn:1 is None, not up",))
    lost = Mirrored(gateway="gw1", of="gw2", at=61.0, is_read=False, differs=("there is none",))
    right = Mirrored(gateway="gw1", of="gw2", at=62.0)

    assert broken(late) == []
    assert broken(late, lost) == ["mirrors are true"]
    assert broken(lost, right) == []
    assert broken(but=Mirrored) == ["mirrors are true"]


def test_a_history_is_written_as_it_happens(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)

    history.add(ADDED)
    history.add(Healed(at=2.0))

    first, second = path.read_text(encoding="utf-8").splitlines()
    assert '"verb": "add"' in first
    assert second == '{"is": "Healed", "at": 2.0}'


def test_there_is_a_check_for_each_invariant_of_the_design() -> None:
    assert len(CHECKS) == 9
