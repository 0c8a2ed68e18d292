"""What is asked before devices are accepted or rejected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checker.config.layout import home_layout
from checker.model import NodeName
from checker.state.rows import Batch
from reversi_tui.actions.applicants import Answer, carry_out, needs_a_node, question, title
from reversi_tui.actions.table import ACTIONS
from tests.enrolled import applicant
from tests.reversi_tui.console.states import write

CAM = applicant(1, name=NodeName("cam"), said="cam")
OTHER = applicant(2, name=NodeName("cam-2"), said="cam", peer="198.51.100.9")


def test_the_question_names_key_and_address_and_who_calls_itself_the_same() -> None:
    text = question(Answer.ACCEPT, [OTHER], [CAM, OTHER])

    assert title(Answer.ACCEPT, [OTHER]) == "Accept this device?"
    assert text.startswith(
        f"cam-2  {OTHER.fingerprint}  from 198.51.100.9, calls itself cam, as cam does\n"
    )
    assert "It becomes a node" in text


def test_each_of_several_is_named() -> None:
    lines = question(Answer.REJECT, [CAM, OTHER], [CAM, OTHER]).splitlines()

    assert title(Answer.REJECT, [CAM, OTHER]) == "Reject these 2 devices?"
    assert [line.split()[:2] for line in lines[:2]] == [
        ["cam", CAM.fingerprint],
        ["cam-2", OTHER.fingerprint],
    ]


def test_text_of_a_device_cannot_reach_the_terminal() -> None:
    hostile = replace(CAM, said="\x1b[2J\u202ecam")

    assert question(Answer.ACCEPT, [hostile], [hostile]).replace("\n", "").isprintable()


def test_what_cannot_be_done_is_said_for_each(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()  # our own: we may answer without a daemon
    write(layout, Batch(applicants=(CAM,)))

    said, done = carry_out(Answer.REJECT, layout, [OTHER, CAM])

    assert done == 1
    assert said[0].startswith("cam-2: not rejected: ")
    assert said[1] == "cam: rejected"


def test_actions_on_rows_need_a_node_and_views_do_not() -> None:
    free = {action.id for action in ACTIONS if not needs_a_node(action.id)}

    assert {name for name in free if name.startswith(("act.", "row."))} == {
        "act.accept",
        "act.reject",
        "act.add",
        "act.mark",
        "act.mark_all",
        "row.detail",
    }
    assert needs_a_node("command.ping")
