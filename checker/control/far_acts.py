"""Act on forwards at another gateway: write letters, have them brought, and say what came of them.

Who brings them is not our matter. He must prove that an answer is that gateway's own.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.bringing import MOST_ANSWER, NoAnswer, NobodyThere, Via
from checker.control.client import Control
from checker.control.many_acts import AT_ONCE, IN_ONE_REQUEST
from checker.control.notices import EVENTS_AT_ONCE
from checker.control.outcome_words import NOT_KNOWN, NOTHING_DONE
from checker.control.sealing import signers_file
from checker.model import (
    Aim,
    CheckerError,
    Event,
    EventKind,
    InvalidValue,
    Outcome,
    Verb,
    fingerprint,
    outcome_from,
    printable,
)
from checker.model.action import ITSELF, GatewayVerb
from checker.model.gateway_id import GatewayId
from checker.model.letter import MOST_AIMS, Letter, letter_text
from checker.model.ssh_signature import made_by
from checker.signatures import ACT, AGENT, KEY_FILE, NoKey, SigningKey, allowed_keys, find_key, sign

SENTENCE_CHARACTERS = 400


class RefusedThere(CheckerError):
    """The other gateway refused the letter."""


class CannotSign(CheckerError):
    """Another gateway acts only on a signature."""

    def __init__(self, gateway: GatewayId, why: str) -> None:
        super().__init__(f"{NOTHING_DONE}: gateway {gateway} acts only on your signature; {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FarAct:
    """What an operator wants of another gateway."""

    gateway: GatewayId
    verb: Verb | GatewayVerb
    aims: tuple[Aim, ...] = (ITSELF,)
    key_file: Path | None = None
    """The key to sign with; None: as `find_key` finds one."""
    may_ask: bool = False
    """Whether ssh-keygen may ask for a passphrase at the terminal."""


def act_at(layout: Layout, wanted: FarAct, via: Via) -> tuple[Outcome, ...]:
    """Have it done to each forward; the outcomes are in the order of the aims. The log here says
    what was asked, and what came of it. Raises CannotSign, NotSigned, CheckerError.
    """
    key = key_for(layout, wanted, os.environ)
    parts = parts_of(wanted.verb, wanted.aims)
    done: list[Outcome] = []
    for at in range(0, len(parts), AT_ONCE):  # each counts for a minute only
        letters = [written(layout, wanted, part, key) for part in parts[at : at + AT_ONCE]]
        texts = [letter_text(letter) for letter in letters]
        signatures = sign(texts, key, ACT, may_ask=wanted.may_ask)
        actor = f"{key.signer} ({fingerprint(made_by(signatures[0]).key)})"
        aims = [aim for letter in letters for aim in letter.aims]
        log(layout, actor, [(one, f"{wanted.verb} is asked of {wanted.gateway}") for one in aims])
        found = send_all(letters, texts, signatures, via)
        said = f"{wanted.verb} at {wanted.gateway}"
        log(layout, actor, [(one, f"{said}: {one.sentence}") for one in found])
        done += found
    return tuple(done)


def key_for(layout: Layout, wanted: FarAct, environ: Mapping[str, str]) -> SigningKey:
    """Raises CannotSign, ConfigError."""
    if not (wanted.key_file or environ.get(KEY_FILE) or environ.get(AGENT)):
        raise CannotSign(
            wanted.gateway,
            f"bring your SSH agent ({AGENT}; with sudo: --preserve-env={AGENT}), or name the file"
            f" of your key in {KEY_FILE}",
        )
    try:
        allowed = allowed_keys(signers_file(layout))
        return find_key(allowed, wanted.key_file, environ, ACT)
    except NoKey as error:
        raise CannotSign(wanted.gateway, str(error)) from error


def parts_of(verb: Verb | GatewayVerb, aims: Sequence[Aim]) -> list[tuple[Aim, ...]]:
    """Divide the aims into letters, so that each is carried out before its writer gives up."""
    size = IN_ONE_REQUEST if verb is Verb.PROBE else MOST_AIMS
    return [tuple(aims[at : at + size]) for at in range(0, len(aims), size)]


def written(layout: Layout, wanted: FarAct, aims: tuple[Aim, ...], key: SigningKey) -> Letter:
    """Raises ConfigError."""
    own = load_config(layout.config).fleet
    return Letter(
        gateway=wanted.gateway,
        verb=wanted.verb,
        aims=aims,
        at=int(time.time()),
        nonce=secrets.token_hex(16),
        by=key.signer,
        via=GatewayId(own.name) if own else None,
    )


def send_all(
    letters: Sequence[Letter], texts: Sequence[bytes], signatures: Sequence[bytes], via: Via
) -> list[Outcome]:
    """Send them at once; the outcomes in the order of the letters."""
    from concurrent.futures import ThreadPoolExecutor  # slow to load

    contents = [text + signature for text, signature in zip(texts, signatures, strict=True)]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="letter") as pool:
        futures = [
            pool.submit(send, letter, content, via)
            for letter, content in zip(letters, contents, strict=True)
        ]
        return [one for future in futures for one in future.result()]


def send(letter: Letter, content: bytes, via: Via) -> tuple[Outcome, ...]:
    """Send a letter with its signature, and say what came of each aim. The same letter may be sent
    again: it is carried out once.
    """
    try:
        return outcomes_in(letter, via(letter.gateway, content))
    except NobodyThere as error:
        why = f"{NOTHING_DONE}: gateway {letter.gateway} {error}"
    except NoAnswer as error:
        why = f"{NOT_KNOWN}: gateway {letter.gateway} {error}"
    except RefusedThere as error:
        why = f"{NOTHING_DONE}: gateway {letter.gateway} refused it: {error}"
    except InvalidValue:
        why = f"{NOT_KNOWN}: gateway {letter.gateway} gave an answer that is not one"
    return tuple(
        Outcome(node=aim.node, port=aim.port, done=False, sentence=why) for aim in letter.aims
    )


def outcomes_in(letter: Letter, answer: bytes) -> tuple[Outcome, ...]:
    """Read what the other gateway answered. Raises RefusedThere, NoAnswer, InvalidValue."""
    if len(answer) > MOST_ANSWER:
        raise InvalidValue("the answer is too long")
    try:
        table = json.loads(answer)
        if table["nonce"] != letter.nonce:
            raise InvalidValue("it is the answer to another letter")
        if "refused" in table:
            raise RefusedThere(printable(str(table["refused"]), SENTENCE_CHARACTERS))
        if "unknown" in table:
            raise NoAnswer("does not know how it ended")
        found = tuple(map(outcome_in, table["outcomes"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValue("it is not an answer") from None
    if [(one.node, one.port) for one in found] != [(aim.node, aim.port) for aim in letter.aims]:
        raise InvalidValue("it is about other forwards")
    return found


def outcome_in(table: Any) -> Outcome:
    """Raises KeyError, TypeError."""
    done, sentence = table["done"], table["sentence"]
    if not isinstance(done, bool) or not isinstance(sentence, str):
        raise TypeError(table)
    return replace(outcome_from(table), sentence=printable(sentence, SENTENCE_CHARACTERS))


def log(layout: Layout, actor: str, many: Sequence[tuple[Aim | Outcome, str]]) -> None:
    """Write events; if that cannot be done, the other gateway's log has them."""
    now = time.time()
    events = [
        Event(
            at=now,
            kind=EventKind.ACT,
            text=text,
            node=one.node or None,
            port=one.port or None,
            actor=actor,
        )
        for one, text in many
    ]
    for at in range(0, len(events), EVENTS_AT_ONCE):
        Control(layout=layout).report(events[at : at + EVENTS_AT_ONCE])
