"""Acts at another gateway: who signs them, how each outcome reads, and the events here."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.bringing import NoAnswer, NobodyThere
from checker.control.far_acts import (
    CannotSign,
    FarAct,
    RefusedThere,
    act_at,
    outcomes_in,
    parts_of,
    send,
)
from checker.control.outcome_words import NOT_KNOWN, told
from checker.model import Aim, EventKind, Outcome, Port, Verb, outcome_json
from checker.model.gateway_id import GatewayId
from checker.model.letter import MOST_AIMS, letter_text, parse_letter, split_letter
from checker.signatures import ACT, AGENT, KEY_FILE, is_signed_by
from checker.state.store import open_reader
from tests.fleet.homes import Signer, signer
from tests.letters import AIM, GW1, letter, made_of_fleet

OTHER = replace(AIM, port=Port(20011))
KILL = FarAct(gateway=GW1, verb=Verb.KILL, aims=(AIM, OTHER))


def done(aim: Aim) -> Outcome:
    return Outcome(node=aim.node, port=aim.port, done=True, sentence="sshd 4242 ended")


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signer:
    """Her key is not at hand yet."""
    for name in (AGENT, KEY_FILE):
        monkeypatch.delenv(name, raising=False)
    return signer(tmp_path / "people", "anna")


@pytest.fixture
def gw2(tmp_path: Path, anna: Signer) -> Layout:
    layout = home_layout(tmp_path / "gw2")
    made_of_fleet(layout, "gw2", anna.line)
    return layout


def saying(**answer: Any) -> Callable[[GatewayId, bytes], bytes]:
    """A gateway that answers this to any letter."""

    def via(_: GatewayId, content: bytes) -> bytes:
        nonce = parse_letter(split_letter(content).text).nonce
        return json.dumps({"nonce": nonce, **answer}).encode()

    return via


def events(layout: Layout) -> list[tuple[str, int | None, str]]:
    with closing(open_reader(layout.state)) as reader:
        found = reader.events()
    assert {event.kind for event in found} == {EventKind.ACT}
    return [(event.actor, event.port, event.text) for event in found]


def test_the_letter_is_signed_and_both_logs_can_tell_who_asked(
    gw2: Layout, anna: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_FILE, str(anna.key))
    brought: list[bytes] = []

    def via(gateway: GatewayId, content: bytes) -> bytes:
        assert gateway == GW1
        brought.append(content)
        return saying(outcomes=[outcome_json(done(AIM)), outcome_json(done(OTHER))])(
            gateway, content
        )

    assert act_at(gw2, KILL, via) == (done(AIM), done(OTHER))

    (content,) = brought
    sent = split_letter(content)
    allowed = gw2.fleet / "allowed_signers"
    assert is_signed_by(sent.text, sent.signature, "anna", allowed, ACT)
    found = parse_letter(sent.text)
    assert (found.gateway, found.via, found.aims) == (GW1, "gw2", (AIM, OTHER))
    logged = events(gw2)
    assert [(port, text) for _, port, text in logged] == [
        (20010, "kill is asked of gw1"),
        (20011, "kill is asked of gw1"),
        (20010, "kill at gw1: sshd 4242 ended"),
        (20011, "kill at gw1: sshd 4242 ended"),
    ]
    assert all(actor.startswith("anna (SHA256:") for actor, _, _ in logged)


def test_without_a_key_nothing_is_asked_and_one_sentence_says_why(
    gw2: Layout, anna: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: GatewayId, __: bytes) -> bytes:
        raise AssertionError

    with pytest.raises(
        CannotSign,
        match=(
            r"^nothing was done: gateway gw1 acts only on your signature; bring your SSH agent"
            r" \(SSH_AUTH_SOCK; with sudo: --preserve-env=SSH_AUTH_SOCK\), or name the file of your"
            r" key in REVERSI_SIGNING_KEY$"
        ),
    ):
        act_at(gw2, KILL, never)
    stranger = signer(tmp_path / "people", "ben")
    monkeypatch.setenv(KEY_FILE, str(stranger.key))
    with pytest.raises(CannotSign, match=r"is not in allowed_signers$"):
        act_at(gw2, KILL, never)

    assert not gw2.state.exists()


def nobody(_: GatewayId, __: bytes) -> bytes:
    raise NobodyThere


def late(_: GatewayId, __: bytes) -> bytes:
    raise NoAnswer


def other_letter(_: GatewayId, __: bytes) -> bytes:
    return json.dumps({"nonce": "f" * 32, "outcomes": [outcome_json(done(AIM))]}).encode()


@pytest.mark.parametrize(
    ("via", "sentence"),
    [
        pytest.param(nobody, "nothing was done: gateway gw1 cannot be reached", id="no responder"),
        pytest.param(late, f"{NOT_KNOWN}: gateway gw1 did not answer in time", id="timeout"),
        pytest.param(
            saying(refused="it was written 90 s ago"),
            "nothing was done: gateway gw1 refused it: it was written 90 s ago",
            id="refused",
        ),
        pytest.param(
            saying(unknown=True),
            f"{NOT_KNOWN}: gateway gw1 does not know how it ended",
            id="ended meanwhile",
        ),
        *(
            pytest.param(via, f"{NOT_KNOWN}: gateway gw1 gave an answer that is not one", id=id_)
            for id_, via in {
                "another letter's": other_letter,
                "another aim": saying(outcomes=[outcome_json(done(OTHER))]),
                "too few": saying(outcomes=[]),
                "a number": saying(outcomes=7),
                "no sentence": saying(outcomes=[{**outcome_json(done(AIM)), "sentence": 7}]),
                "nothing": saying(),
                "garbage": lambda _, __: b"\xff",
                "deep": lambda _, __: b"[" * 100_000,
                "long": lambda _, __: b" " * 300_000,
            }.items()
        ),
    ],
)
def test_what_came_of_it_is_said_in_one_sentence(
    via: Callable[[GatewayId, bytes], bytes], sentence: str
) -> None:
    asked = letter()

    (outcome,) = send(asked, letter_text(asked), via)

    assert outcome == Outcome(node=AIM.node, port=AIM.port, done=False, sentence=sentence)
    assert told("kill", sentence, done=False) == sentence


def test_a_refusal_is_told_apart_from_an_answer_that_never_came() -> None:
    asked = letter()

    with pytest.raises(RefusedThere, match="it is late"):
        outcomes_in(asked, saying(refused="it is late")(GW1, letter_text(asked)))
    with pytest.raises(NoAnswer, match="does not know how it ended"):
        outcomes_in(asked, saying(unknown=True)(GW1, letter_text(asked)))


def test_what_another_gateway_says_cannot_command_a_terminal() -> None:
    hostile = replace(done(AIM), sentence="\x1b]0;x\x07" + "y" * 1000)
    asked = letter()

    (outcome,) = send(asked, letter_text(asked), saying(outcomes=[outcome_json(hostile)]))

    assert outcome.sentence.startswith("\\x1b]0;x\\x07y")
    assert len(outcome.sentence) == 400


def test_many_aims_are_divided_so_that_each_letter_is_carried_out_in_time() -> None:
    many = [replace(AIM, port=Port(number)) for number in range(1, 40)]

    assert [len(part) for part in parts_of(Verb.KILL, many)] == [MOST_AIMS, MOST_AIMS, 7]
    assert {len(part) for part in parts_of(Verb.PROBE, many)} == {3}
    assert [aim for part in parts_of(Verb.RESET, many) for aim in part] == many
