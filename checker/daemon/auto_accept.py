"""Accept the devices of enrolments that need no operator (`enrol new --auto`).

A `--home` belongs to whoever runs the daemon, which then writes the registry itself. On an
installed gateway only root may: the daemon leaves a note, and `checker.tunnels.key_rotation` looks
at the enrolment's own file before it accepts anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from checker.config.layout import Layout
from checker.model import Applicant, CheckerError
from checker.registry.accepting import accept, failures_in
from checker.registry.authorized_keys import gate_command
from checker.registry.lock import is_ours
from checker.state.ledger import Ledger
from checker.tunnels.enrol_requests import EnrolRequests
from checker.tunnels.key_rotation import note_enrolment


class AutoAccept:
    """Looks for devices that may become nodes without a question."""

    def __init__(
        self,
        layout: Layout,
        ledger: Ledger,
        enrolling: EnrolRequests,
        read_registry: Callable[[], Awaitable[None]],
    ) -> None:
        self.layout = layout
        self.ledger = ledger
        self.enrolling = enrolling
        self.read_registry = read_registry

    async def settle(self) -> None:
        """Accept all that are due, in one go."""
        due = self.enrolling.due(time.monotonic())
        if not due:
            return
        try:
            if await asyncio.to_thread(is_ours, self.layout):
                await self.accept(due)
            else:
                await self.ask_root(due)
        except CheckerError as error:
            self.ledger.complain(f"devices that need no operator are not accepted: {error}")

    async def accept(self, due: Sequence[Applicant]) -> None:
        done = await asyncio.to_thread(
            accept, self.layout, due, gate_command(self.layout), by_itself=True
        )
        for sentence in failures_in(done):
            self.ledger.complain(sentence)
        if done.accepted:
            await self.read_registry()

    async def ask_root(self, due: Sequence[Applicant]) -> None:
        """Leave a note for each of their enrolments; root reads the devices in the state file."""
        await self.ledger.flush()
        for id_ in {one.enrolment for one in due}:
            await asyncio.to_thread(note_enrolment, self.layout, id_)
