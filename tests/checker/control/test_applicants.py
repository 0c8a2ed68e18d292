"""Whom an operator's words mean of the devices that wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.control.applicants import accepted_line, named_by, question_lines
from checker.model import NodeName
from tests.enrolled import applicant
from tests.strategies import node

CAM = applicant(1, name=NodeName("cam"), said="cam")
SECOND = applicant(2, name=NodeName("cam-2"), said="cam")
OTHER = applicant(3, name=NodeName("attic"), said="Attic Camera")
REJECTED = applicant(4, name=NodeName("barn"), said="barn", is_rejected=True)
KNOWN = (CAM, SECOND, OTHER, REJECTED)


def test_names_and_fingerprints_name_each_device_once() -> None:
    bare = CAM.fingerprint.removeprefix("SHA256:")

    found = named_by([f"cam@{CAM.fingerprint}", f"cam@{bare}", "cam", "attic"], KNOWN)

    assert found.applicants == (CAM, OTHER)
    assert found.unproven == {OTHER.fingerprint}
    assert not found.failures


def test_the_own_word_of_a_device_names_it_too() -> None:
    assert named_by(["Attic Camera"], KNOWN).applicants == (OTHER,)
    assert named_by([f"cam@{SECOND.fingerprint}"], KNOWN).applicants == (SECOND,)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        pytest.param("camm", "no device of this name waits; did you mean 'cam'?", id="unknown"),
        pytest.param("barn", "it was rejected; to accept it all the same, add", id="rejected"),
        pytest.param(f"cam@{OTHER.fingerprint}", "has another name, attic", id="other name"),
        pytest.param("cam@SHA256:AAAA", "it has another fingerprint; compare", id="wrong key"),
        pytest.param("x@SHA256:AAAA", "no device of this name waits", id="unknown key"),
        pytest.param("cam@", "it has another fingerprint", id="no key"),
    ],
)
def test_a_word_that_names_nobody_gets_a_sentence_and_stops_no_other(word: str, why: str) -> None:
    found = named_by([word, "attic"], KNOWN)

    assert found.applicants == (OTHER,)
    assert [failure.name for failure in found.failures] == [word.partition("@")[0]]
    assert why in found.failures[0].why


def test_a_word_that_several_devices_call_themselves_is_ambiguous() -> None:
    both = (replace(CAM, name=NodeName("cam-3")), SECOND)

    found = named_by(["cam"], both)

    assert not found.applicants
    assert "2 devices call themselves that; name one of them: cam-3, cam-2" in found.failures[0].why


def test_a_rejected_device_is_named_by_its_fingerprint() -> None:
    assert named_by([f"barn@{REJECTED.fingerprint}"], KNOWN).applicants == (REJECTED,)


def test_those_named_without_a_fingerprint_are_refused_if_nobody_can_be_asked() -> None:
    found = named_by([f"cam@{CAM.fingerprint}", "attic"], KNOWN).proven

    assert found.applicants == (CAM,)
    assert "write NAME@FINGERPRINT" in found.failures[0].why


def test_the_question_shows_name_fingerprint_address_and_namesakes() -> None:
    lines = question_lines([CAM, OTHER, replace(SECOND, peer="")], KNOWN)

    assert lines == [
        f"accept cam    {CAM.fingerprint}  from {CAM.peer}, calls itself cam, as cam-2 does",
        f"accept attic  {OTHER.fingerprint}  from {OTHER.peer}, calls itself Attic Camera",
        (
            f"accept cam-2  {SECOND.fingerprint}  from an unknown address, calls itself cam, as cam"
            " does"
        ),
    ]


def test_a_new_node_is_shown_with_its_ports() -> None:
    assert accepted_line(node(ports=(20010, 20011))) == (
        "office: port 20010 -> 127.0.0.1:22; port 20011 -> 127.0.0.1:22"
    )


def test_names_that_differ_only_in_case_are_namesakes() -> None:
    loud = replace(CAM, said="CAM")

    assert question_lines([loud], (loud, SECOND)) == [
        f"accept cam  {CAM.fingerprint}  from {CAM.peer}, calls itself CAM, as cam-2 does"
    ]
