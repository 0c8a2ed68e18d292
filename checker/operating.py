"""What an operator has done to one forward: its session ended, and a clean slate."""

from __future__ import annotations

import time
from dataclasses import replace

from checker.aims import is_another, outcome, why_no_holder
from checker.control import Aim, Outcome
from checker.holdings import Held
from checker.judge import Owner
from checker.kill import Freed, Spared
from checker.ledger import Ledger
from checker.model import EventKind, Flaps, Forward
from checker.watch import Watcher


class Operating:
    """Carries out what an operator asked for."""

    def __init__(self, ledger: Ledger, watcher: Watcher) -> None:
        self.ledger = ledger
        self.watcher = watcher

    async def kill(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """End the session that holds the port, if it is the one that the operator saw."""
        async with self.watcher.turns[forward.port].lock:
            held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            if held.session is None:
                return await self.ended_before(forward, aim, held, operator)
            if is_another(aim, held):
                return outcome(
                    aim,
                    done=False,
                    sentence=(
                        f"port {aim.port} is held by another process now ({held.session.pid}): left"
                        " alone"
                    ),
                )
            ending = await self.watcher.end(
                forward, held.session, held.inodes, actor=operator, why=f"asked for by {operator}"
            )
        match ending:
            case Freed():
                return outcome(
                    aim,
                    done=True,
                    sentence=f"killed process {held.session.pid}, port {aim.port} is free",
                )
            case Spared(reason):
                return outcome(aim, done=False, sentence=reason)

    async def ended_before(self, forward: Forward, aim: Aim, held: Held, operator: str) -> Outcome:
        """There is nothing to kill, or all is done: the session that had the port was killed for
        another of its forwards.
        """
        session = aim.session or self.ledger.tunnel(forward).session
        if session is None or session not in self.watcher.ended or held.owner is not Owner.NOBODY:
            return outcome(aim, done=False, sentence=why_no_holder(forward, held))
        await self.watcher.end(
            forward, session, held.inodes, actor=operator, why=f"asked for by {operator}"
        )
        return outcome(
            aim,
            done=True,
            sentence=(
                f"process {session.pid} was killed for another of its forwards, port {aim.port} is"
                " free"
            ),
        )

    async def reset(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """Kill and a clean slate: no strikes, no flaps, and the node is told to come back at
        once.
        """
        held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
        killed = await self.kill(forward, aim, operator)
        if not killed.done and held.session is not None:
            return killed  # what holds the port is still there: nothing may be forgotten of it
        self.ledger.put_flaps(forward.node, Flaps())
        self.watcher.patience.struck.pop(forward.port, None)
        self.ledger.put(replace(self.ledger.tunnel(forward), strikes=0, failures=0, verdict=0))
        self.ledger.tell(
            EventKind.RESET,
            f"reset by {operator}: {killed.sentence}",
            node=forward.node,
            port=forward.port,
            actor=operator,
        )
        return outcome(aim, done=True, sentence=f"{killed.sentence}; strikes and flaps cleared")
