"""Carry out letters: acts that an operator at another gateway signed.

Whoever brings a letter is not believed. What counts is the signature of somebody whom this
machine's root allowed to act.
"""

from __future__ import annotations

import asyncio
import base64
import pwd
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checker.config.layout import AGENT_USER, Layout
from checker.config.settings import load_config
from checker.model import (
    Aim,
    CheckerError,
    EventKind,
    InvalidValue,
    Outcome,
    ProcessId,
    Verb,
    fingerprint,
    outcome_json,
    printable,
)
from checker.model.action import ITSELF, GatewayVerb
from checker.model.gateway_id import GatewayId
from checker.model.letter import Letter, SignedLetter, nonce_in, parse_letter, split_letter
from checker.model.letter_book import (
    Book,
    GoAhead,
    Outcomes,
    Refused,
    Repeated,
    judge,
    why_not,
    with_begun,
    with_outcomes,
)
from checker.model.ssh_signature import made_by
from checker.signatures import ACT, SIGNERS, allowed_keys, is_signed_by
from checker.state.ledger import Ledger
from checker.state.letter_file import letters_path, read_book, write_book

VERIFIED_AT_ONCE = 2
REFUSALS_A_MINUTE = 10
"""Most events about letters that were refused: whoever forges them must not fill the log."""
NOBODY = ProcessId(pid=0, start_ticks=0)
"""No process: if the writer saw nobody hold a port, whoever holds it now is left alone."""
Act = Callable[[Verb | GatewayVerb, Sequence[Aim], str], Awaitable[list[Outcome]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found out about a signature."""

    is_genuine: bool
    key: str
    """The key that made it, if it is genuine."""


class Letters:
    """Takes letters, and has each of them carried out at most once."""

    def __init__(self, layout: Layout, ledger: Ledger, act: Act) -> None:
        self.layout, self.ledger, self.act = layout, ledger, act
        self.path = letters_path(layout)
        self.book: Book | None = None
        self.turn = asyncio.Lock()
        self.verifying = asyncio.Semaphore(VERIFIED_AT_ONCE)
        self.under_way: dict[str, asyncio.Future[Outcomes | None]] = {}
        self.refusals: deque[float] = deque(maxlen=REFUSALS_A_MINUTE)

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer the letter in a request. Raises ValueError, KeyError, TypeError if it has none."""
        content = base64.b64decode(request["content"], validate=True)
        try:
            signed = split_letter(content)
            letter = parse_letter(signed.text)
        except InvalidValue as error:
            return self.refused(nonce_in(content), f"it is not a letter: {error}")
        try:
            return await self.take(letter, signed)
        except CheckerError as error:
            return self.refused(letter.nonce, str(error))

    async def take(self, letter: Letter, signed: SignedLetter) -> dict[str, Any]:
        """Carry out a letter, or say why not, or how it ended before. Raises CheckerError."""
        here = await asyncio.to_thread(own_id, self.layout)
        why = why_not(letter, await self.known(), here=here, now=time.time())
        if why:  # a signature takes longer to verify
            return self.refused(letter.nonce, why)
        async with self.verifying:
            proof = await asyncio.to_thread(prove, self.layout, letter, signed)
        async with self.turn:
            book = await self.known()
            now = time.time()
            found = judge(letter, book, here=here, now=now, is_signed=proof.is_genuine)
            if isinstance(found, GoAhead):
                begun = with_begun(book, letter, now)
                await asyncio.to_thread(write_book, self.path, begun)
                self.book = begun
                self.under_way[letter.nonce] = asyncio.get_running_loop().create_future()
        match found:
            case Refused(why=why):
                return self.refused(letter.nonce, why)
            case Repeated(outcomes=outcomes):
                ending = self.under_way.get(letter.nonce)
                return answer_of(letter, await asyncio.shield(ending) if ending else outcomes)
            case GoAhead():
                return answer_of(letter, await self.carry_out(letter, proof.key))

    async def carry_out(self, letter: Letter, key: str) -> Outcomes | None:
        """Act as a local operator would, and note what came of it; None: that is not known."""
        operator = operator_of(letter, key)
        outcomes: Outcomes | None = None
        try:
            outcomes = tuple(await self.act(letter.verb, list(map(exactly, letter.aims)), operator))
            await self.note(letter, outcomes, operator)
        except CheckerError as error:
            self.ledger.complain(f"a letter of {operator}: {error}")
        finally:
            self.under_way.pop(letter.nonce).set_result(outcomes)
        return outcomes

    async def note(self, letter: Letter, outcomes: Outcomes, operator: str) -> None:
        """Log what came of a letter, and remember it. Raises ConfigError."""
        for one in outcomes:
            text = f"{letter.verb}: {one.sentence}"
            node, port = one.node or None, one.port or None
            self.ledger.log_event(EventKind.ACT, text, node=node, port=port, actor=operator)
        await self.ledger.flush()
        async with self.turn:
            self.book = with_outcomes(await self.known(), letter, outcomes)
            await asyncio.to_thread(write_book, self.path, self.book)

    async def known(self) -> Book:
        if self.book is None:
            self.book = await asyncio.to_thread(read_book, self.path, time.time())
        return self.book

    def refused(self, nonce: str, why: str) -> dict[str, Any]:
        """Answer that nothing was done, and log it, unless there were many."""
        why = printable(why, 300)
        now = time.monotonic()
        if len(self.refusals) < REFUSALS_A_MINUTE or now - self.refusals[0] > 60:
            self.refusals.append(now)
            text = f"a letter from another gateway was refused, and nothing was done: {why}"
            self.ledger.log_event(EventKind.REFUSED, text)
        return {"nonce": nonce, "refused": why}


def answer_of(letter: Letter, outcomes: Outcomes | None) -> dict[str, Any]:
    """Return what the writer of a letter is told."""
    if outcomes is None:
        return {"nonce": letter.nonce, "unknown": True}
    return {"nonce": letter.nonce, "outcomes": [outcome_json(one) for one in outcomes]}


def exactly(aim: Aim) -> Aim:
    """Return the aim so that only the process that its writer saw is ended."""
    return aim if aim == ITSELF else replace(aim, session=aim.session or NOBODY)


def operator_of(letter: Letter, key: str) -> str:
    """Say who acts, for the log."""
    via = f" via {letter.via}" if letter.via else ""
    return f"{letter.by} ({fingerprint(key)}){via}"


def own_id(layout: Layout) -> GatewayId:
    """Return this gateway's ID. Raises CheckerError if it is in no fleet."""
    fleet = load_config(layout.config).fleet
    if fleet is None:
        raise CheckerError("this gateway is in no fleet")
    return GatewayId(fleet.name)


def prove(layout: Layout, letter: Letter, signed: SignedLetter) -> Proof:
    """Find out whether the signature counts for acts here. ssh-keygen sees only signatures by keys
    that somebody is allowed to sign with. Raises CheckerError.
    """
    allowed = layout.fleet / SIGNERS
    made = made_by(signed.signature)
    is_known = any(one.key == made.key for one in allowed_keys(allowed))
    is_genuine = (
        is_known
        and made.namespace == ACT
        and is_signed_by(signed.text, signed.signature, letter.by, allowed, ACT)
    )
    return Proof(is_genuine=is_genuine, key=made.key)


def may_bring(uid: int, always: Collection[int], agent: str = AGENT_USER) -> bool:
    """Return whether this user may bring letters: the fleet's agent, root and our own user."""
    if uid in always:
        return True
    try:
        return pwd.getpwnam(agent).pw_uid == uid
    except KeyError:
        return False
