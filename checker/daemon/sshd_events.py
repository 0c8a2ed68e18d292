"""Turn sshd's log lines into events of this gateway: refused keys and forwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from checker.daemon.refusal_advice import advice
from checker.daemon.refused_logins import RefusedLogins
from checker.linux.processes import parent_of, read_process
from checker.model import NodeName
from checker.sshd.log_lines import LogLine
from checker.sshd.log_reader import (
    AGAIN_AFTER_S,
    PrivateLog,
    follow_file,
    follow_journal,
    journal_answers,
    log_file,
)
from checker.sshd.refusals import Hearing, Refusal
from checker.tunnels.gateway import Gateway


class Attempts:
    """Turns sshd's log lines into events at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.logins = RefusedLogins(gateway)
        self.hearing = Hearing(
            gateway.config.tunnel_user,
            gateway.watcher.uid,
            parent_of=parent_of,
            on_login=self.logins.logged_in,
        )

    def hear(self, line: LogLine) -> None:
        """Log an event if the line reports a refusal."""
        refusal = self.hearing.hear(line)
        self.logins.hear(line, self.hearing.login_of(line))
        if refusal is None:
            return
        node = self.node_of(refusal)
        enrolment = self.gateway.enrolling.get(refusal.fingerprint)
        place = f"[{refusal.address}]" if ":" in refusal.address else refusal.address
        peer = f"{place}:{refusal.port}" if refusal.port else place or "an unknown peer"
        actor = (
            f"node {node}"
            if node
            else f"enrolment {enrolment}"
            if enrolment
            else f"address {refusal.address}"
            if refusal.address
            else "an unknown peer"
        )
        registered = self.gateway.registry.nodes.get(node) if node else None
        more = advice(refusal.what, registered) if registered else ""
        self.gateway.log_refusal(
            node or NodeName(actor),
            f"sshd refused {refusal.what}, asked for by {peer}{more}",
            actor=actor,
        )

    def node_of(self, refusal: Refusal) -> NodeName | None:
        """The node whose key or registered connection it is; None if unknown."""
        if refusal.fingerprint:
            return self.logins.node_with(refusal.fingerprint)
        process = read_process(refusal.pid) if refusal.pid is not None else None
        registration = self.gateway.ledger.registrations.get(process.id) if process else None
        return registration.node if registration else None


@contextlib.contextmanager
def private_log(gateway: Gateway) -> Iterator[PrivateLog]:
    """Open a log for a private sshd, for the block."""
    opened = PrivateLog(Attempts(gateway).hear)
    try:
        yield opened
    finally:
        opened.close()


async def log_refusals(gateway: Gateway) -> None:
    """Read what the machine's sshd logs, until cancelled; if there is no log, look again later."""
    attempts = Attempts(gateway)
    await attempts.logins.load()
    while True:
        if await asyncio.to_thread(journal_answers):
            await follow_journal(attempts.hear, (0, gateway.watcher.uid))
        elif path := await asyncio.to_thread(log_file):
            await follow_file(path, attempts.hear)
        await asyncio.sleep(AGAIN_AFTER_S)
