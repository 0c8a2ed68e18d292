"""What `doctor` says about enrolments, and how it looks at them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.doctor.enrolment_facts import EnrolmentFacts, Stranded
from checker.doctor.examine_enrolments import enrolment_facts
from checker.doctor.examine_files import open_secrets
from checker.doctor.findings import findings
from checker.registry.enrolments import enrolment_path, write_enrolment, write_enrolment_key
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.checker.doctor.gateways import WELL, changed, the
from tests.enrolled import applicant, enrolment

NOW = 1_700_000_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = home_layout(tmp_path / "home")
    found.nodes.mkdir(parents=True)
    return found


def test_a_gateway_without_enrolments_has_no_finding_about_them() -> None:
    assert not [one for one in findings(WELL) if one.name == "enrolments"]


def test_enrolments_with_limits_are_well() -> None:
    found = the(changed(WELL, {"enrolments": EnrolmentFacts(count=2)}), "enrolments")

    assert found.ok
    assert found.sentence == "2 enrolments are valid"


@pytest.mark.parametrize(
    ("facts", "sentence", "mend"),
    [
        pytest.param(
            {"broken": ("x.toml: no",)},
            "x.toml: no; it takes no device",
            "fix that file, or end the enrolment: reversi-checker enrol end ID",
            id="broken",
        ),
        pytest.param(
            {"boundless": ("a",), "count": 1},
            "enrolment a accepts whoever has its bundle, without a number or an end",
            "give /etc/reversi/enrolments/a.toml uses and expires, or run: sudo reversi-checker"
            " enrol end a",
            id="boundless",
        ),
        pytest.param(
            {"stranded": (Stranded(id="a", why="it has expired", waiting=2),), "count": 1},
            "enrolment a: it has expired, and 2 devices wait to be accepted all the same",
            "sudo reversi-checker enrol end a    # and install the bundle of a new enrolment on"
            " these devices",
            id="stranded",
        ),
    ],
)
def test_what_is_wrong_with_enrolments(facts: dict[str, object], sentence: str, mend: str) -> None:
    given = EnrolmentFacts(**facts)  # type: ignore[arg-type]
    found = the(changed(WELL, {"enrolments": given}), "enrolments")

    assert (found.ok, found.sentence, found.mend) == (False, sentence, mend)


def test_facts_come_from_the_files_and_the_state(layout: Layout) -> None:
    """Devices of an enrolment that still takes some, and rejected ones, are not stranded."""
    write_enrolment(layout, enrolment(id="open", expires=NOW + 9))
    write_enrolment(layout, enrolment(id="over", expires=NOW - 9))
    write_enrolment(layout, enrolment(id="full", uses=1, accepted=("SHA256:x",)))
    write_enrolment(layout, enrolment(id="auto", is_auto=True, expires=NOW + 9))
    enrolment_path(layout, "odd").write_text("?")
    asked = [
        applicant(1, enrolment="open"),
        applicant(2, enrolment="over"),
        applicant(3, enrolment="full", is_rejected=True),
    ]
    with closing(open_store(layout.state)) as store:
        store.write(Batch(applicants=asked))

    found = enrolment_facts(layout, NOW)

    assert found.count == 4
    assert found.boundless == ("auto",)
    assert found.stranded == (Stranded(id="over", why="it has expired", waiting=1),)
    assert "odd.toml" in found.broken[0]


def test_a_key_of_an_enrolment_that_others_can_read_is_an_open_secret(layout: Layout) -> None:
    write_enrolment_key(layout, "x", b"secret")
    path = layout.enrolments / "x.key"
    assert list(open_secrets(layout)) == []

    path.chmod(0o640)
    assert list(open_secrets(layout)) == [path]
