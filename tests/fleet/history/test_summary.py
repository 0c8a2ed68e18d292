"""Each check says what it judged, and one that had nothing to judge says so."""

from __future__ import annotations

from tests.fleet.history.checks import CHECKS
from tests.fleet.history.records import Edit, Healed, History, Login, Look, Mirrored, Result
from tests.fleet.history.summary import checked, judged


def test_each_check_says_what_it_judged() -> None:
    assert list(judged(History())) == list(CHECKS)
    assert all(line.startswith("not checked: ") for line in checked(History()))


def test_a_check_names_how_much_there_was() -> None:
    history = History()
    history.add(Healed(at=1.0))
    for gateway in ("gw1", "gw2"):
        history.add(Look(gateway=gateway, began=20.0, ended=20.0, lines=(), revs={}, nodes={}))

    assert "checked: registries are identical: 2 gateways" in checked(history)
    assert "not checked: acts happen once: 0 letters, 0 events" in checked(history)


def test_a_mirror_that_could_not_be_read_does_not_count() -> None:
    history = History()
    history.add(Mirrored(gateway="gw1", of="gw2", at=1.0, is_read=False))

    assert "not checked: nothing forged is believed: 0 mirrors read" in checked(history)


def test_only_logins_late_after_an_edit_that_barred_the_key_count() -> None:
    history = History()
    for at, sets in ((1.0, {"key": "k1", "exists": "yes"}), (2.0, {"exists": "no"})):
        history.add(
            Edit(
                number=1,
                node="n1",
                verb="add",
                sets=sets,
                gateway="gw1",
                began=at,
                ended=at,
                result=Result.DONE,
            )
        )
    for at in (1.5, 3.0, 9.0):
        history.add(Login(key="k1", gateway="gw1", began=at, is_open=False))

    assert "checked: disabled keys open nothing: 1 logins with a barred key" in checked(history)
