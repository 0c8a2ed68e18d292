"""Who waits, as the state file and the enrolments have it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.applicant_list import applicants, removed_before, waiting
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.enrolments import enrolment_path, write_enrolment
from checker.registry.lock import locked
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.enrolled import applicant, enrolment
from tests.strategies import node, public_key


def home(folder: Path) -> Layout:
    layout = home_layout(folder)
    with closing(open_store(layout.state)) as store:
        store.write(Batch(applicants=[applicant(1), applicant(2), applicant(3, is_rejected=True)]))
    return layout


def test_without_a_state_file_nobody_waits(tmp_path: Path) -> None:
    assert applicants(home_layout(tmp_path)) == ()


def test_who_was_rejected_does_not_wait(tmp_path: Path) -> None:
    layout = home(tmp_path)
    write_enrolment(layout, enrolment())

    assert [one.name for one in applicants(layout)] == ["device-1", "device-2", "device-3"]
    assert [one.name for one in waiting(layout)] == ["device-1", "device-2"]


def test_who_was_accepted_while_no_daemon_ran_does_not_wait(tmp_path: Path) -> None:
    layout = home(tmp_path)
    write_enrolment(layout, enrolment(accepted=(applicant(1).fingerprint,)))
    with locked(layout):
        add(layout, node(), gate_command(layout))

    assert [one.name for one in waiting(layout)] == ["device-2"]


def test_who_asks_again_as_its_node_was_removed_waits_and_can_be_told_from_others(
    tmp_path: Path,
) -> None:
    layout = home(tmp_path)
    write_enrolment(layout, enrolment(accepted=(applicant(1).fingerprint,)))

    assert [one.name for one in waiting(layout)] == ["device-1", "device-2"]
    assert removed_before(layout, waiting(layout)) == (applicant(1),)


def test_the_devices_of_an_ended_enrolment_do_not_wait(tmp_path: Path) -> None:
    """Those of a broken one do."""
    layout = home(tmp_path)
    assert waiting(layout) == ()

    layout.enrolments.mkdir()
    enrolment_path(layout, "field").write_text("?")
    assert len(waiting(layout)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "../../evil"}, id="path"),
        pytest.param({"said": "a\x1b[2J"}, id="escape"),
        pytest.param({"peer": "\r"}, id="return"),
        pytest.param({"public_key": public_key(8)}, id="key of another"),
        pytest.param({"public_key": "ssh-ed25519 x"}, id="no key"),
        pytest.param({"host_keys": ("x y",)}, id="no host key"),
    ],
)
def test_what_no_daemon_of_ours_wrote_is_left_out(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    layout = home_layout(tmp_path)
    write_enrolment(layout, enrolment())
    with closing(open_store(layout.state)) as store:
        store.write(Batch(applicants=[applicant(9), applicant(7, **changes)]))

    assert waiting(layout) == (applicant(9),)


def test_if_the_enrolments_cannot_be_listed_all_wait(tmp_path: Path) -> None:
    layout = home(tmp_path)
    layout.enrolments.write_text("no directory")

    assert len(waiting(layout)) == 2
