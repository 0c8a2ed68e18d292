"""Applicants in the state file, and beside an older release."""

from __future__ import annotations

from pathlib import Path

from checker.state.held_applicants import Applicants
from checker.state.pending import Pending
from checker.state.rows import Batch
from checker.state.store import StateFile, read_applicants
from tests.enrolled import applicant


def test_applicants_are_written_read_and_dropped(store: StateFile, path: Path) -> None:
    one, other = applicant(1, host_keys=()), applicant(2, is_rejected=True, first_at=1.0)

    store.write(Batch(applicants=(one, other)))
    assert read_applicants(path) == (other, one)

    store.write(Batch(applicants=(applicant(1, last_at=9.0),), dropped=(other.fingerprint,)))
    assert store.applicants() == (applicant(1, last_at=9.0),)


def test_no_state_file_has_no_applicants(tmp_path: Path) -> None:
    assert read_applicants(tmp_path / "state.db") == ()


def test_a_file_of_an_older_release_has_none(store: StateFile, path: Path) -> None:
    with store.using() as db:
        db.execute("DROP TABLE applicant")

    assert read_applicants(path) == ()


def test_one_that_is_dropped_before_it_was_written_stays_away(store: StateFile) -> None:
    pending = Pending()
    applicants = Applicants(pending)
    applicants.put(applicant(1))
    applicants.put(applicant(2))
    applicants.drop([applicant(1).fingerprint, "SHA256:nobody"])

    store.write(pending.take().batch())

    assert store.applicants() == (applicant(2),)
    assert list(applicants.by_fingerprint) == [applicant(2).fingerprint]
