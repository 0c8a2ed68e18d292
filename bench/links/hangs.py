"""Measure how fast the gateway and the client notice a frozen device and a black hole."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from bench.links.clients import Lane
from bench.links.transfer import Transfer, answers
from bench.links.watch import Seen, Watch

POLL_S = 0.1
BYTES_MOVE_AT_MOST_S = 400.0
"""After a hang: how long the device's kernel and a queue of 1 MB take to drain at 64 kbit/s."""
ASKS_FOR_S = 60.0
SHOWN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """When a hang was noticed.

    Times are seconds since the last byte moved, or since the hang began if that was later. None:
    not within the limit.
    """

    free_s: float | None = None
    """When the gateway's port was free."""
    noticed_s: float | None = None
    """When the client logged it."""
    moved_on_s: float = 0.0
    """How long bytes still passed the device's interface, until the port was free."""
    client_moved_on_s: float = 0.0
    """The same, until the client logged the hang."""
    limit_s: float
    lost_before: bool = False
    """The tunnel was lost before it could hang."""

    @property
    def is_freed(self) -> bool:
        return self.free_s is not None and not self.lost_before

    def is_freed_within(self, seconds: float) -> bool:
        """Return whether the port was free so soon after the last byte of the device's kernel."""
        return self.is_freed and (self.free_s or 0) - self.moved_on_s <= seconds

    def is_noticed_within(self, seconds: float) -> bool:
        """Return whether the client logged it so soon after the device's kernel's last byte."""
        return self.noticed_s is not None and self.noticed_s - self.client_moved_on_s <= seconds

    def words(self, *, client: bool) -> str:
        if self.lost_before:
            return "tunnel lost before"
        parts = [f"port free {self.seconds(self.free_s)}{moved_on(self.moved_on_s)}"]
        if client:
            parts.append(f"client {self.seconds(self.noticed_s)}{moved_on(self.client_moved_on_s)}")
        return ", ".join(parts)

    def seconds(self, found_s: float | None) -> str:
        return f"> {self.limit_s:g} s" if found_s is None else f"{found_s:.0f} s"


def moved_on(seconds: float) -> str:
    """Return a remark on how long bytes still moved, or an empty string."""
    return f" (bytes moved for {seconds:.0f} s)" if seconds >= SHOWN_S else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One hang to make."""

    frozen: bool
    """Stop the device; otherwise make the link a black hole."""
    after_s: float
    """Seconds after the transfer's first byte, or from now on if there is no transfer."""
    limit_s: float


def since(moment_s: float, began_s: float, transfer: Transfer | None) -> float:
    """Return the seconds to that moment since the last byte, or since the hang began if later."""
    last_s = transfer.last_s if transfer is not None and transfer.last_s <= moment_s else began_s
    return moment_s - max(began_s, last_s)


async def await_hang(
    seen: Seen, transfer: Transfer | None, limit_s: float, *, client: bool
) -> Hang:
    """Wait until the gateway, and the client if it can, notice the hang.

    Give up when the limit has passed since the last byte, including those of the kernels.
    """
    began_s = time.monotonic()
    free_s = noticed_s = None
    moved_on_s = client_moved_on_s = 0.0
    while True:
        now_s = time.monotonic()
        if free_s is None and (went := [at for at in seen.went_s if at > began_s]):
            free_s = since(went[0], began_s, transfer)
        still_s = max(0.0, seen.moved_s - now_s + since(now_s, began_s, transfer))
        moved_on_s = still_s if free_s is None else moved_on_s
        if noticed_s is None and (logged := [at for at, _ in seen.log_lines if at > began_s]):
            noticed_s = since(logged[0], began_s, transfer)
        client_moved_on_s = still_s if noticed_s is None else client_moved_on_s
        done = free_s is not None and (noticed_s is not None or not client)
        quiet_s = min(since(now_s, began_s, transfer), now_s - seen.moved_s)
        if done or quiet_s > limit_s or now_s - began_s > BYTES_MOVE_AT_MOST_S + limit_s:
            return Hang(
                free_s=free_s,
                noticed_s=noticed_s,
                limit_s=limit_s,
                moved_on_s=moved_on_s,
                client_moved_on_s=client_moved_on_s,
            )
        await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def carrying(port: int, transfer: Transfer | None) -> AsyncIterator[None]:
    """Carry the transfer during the block."""
    if transfer is None:
        yield
        return

    async def carry() -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            await transfer.carry(port)

    task = asyncio.create_task(carry())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def wait_for(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait for the condition; return whether it became true in time."""
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def come_back(lane: Lane, within_s: float) -> bool:
    """Wait until the tunnel carries the banner; return whether it did in time."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        if await answers(lane.port, ASKS_FOR_S):
            return True
        await asyncio.sleep(POLL_S * 5)
    return False


async def hang(lane: Lane, watch: Watch, transfer: Transfer | None, trial: Trial) -> Hang:
    """Freeze the device or cut the link, during the transfer if there is one; then undo that.

    Raises DemoFailed.
    """
    seen = watch.of(lane)
    mark_s = time.monotonic()
    async with carrying(lane.port, transfer):
        if transfer is not None:
            await wait_for(lambda: transfer.received > 0 or transfer.over.is_set(), ASKS_FOR_S)
        await asyncio.sleep(trial.after_s)
        if not seen.inode or any(at > mark_s for at in seen.went_s):
            return Hang(limit_s=trial.limit_s, lost_before=True)
        try:
            if trial.frozen:
                lane.freeze()
            else:
                await lane.link.cut()
            return await await_hang(seen, transfer, trial.limit_s, client=not trial.frozen)
        finally:
            if trial.frozen:
                lane.thaw()
            else:
                await lane.link.mend()
