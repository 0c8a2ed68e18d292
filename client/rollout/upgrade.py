"""Upgrade one device: go there, and wait until its new tunnel works and is confirmed."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass

from checker.model import CheckerError, NodeName, Port
from client.rollout.course import Came, Result
from client.rollout.device import (
    IN_PLACE,
    NO_SUDO,
    NOT_COPIED,
    ON_TRIAL,
    REPLACED,
    SSH_FAILED,
    Login,
    Said,
    Visit,
    run,
)
from client.rollout.plan import hindrance
from client.rollout.view import View
from client.rollout.way import Before, Job, Sight, before_now, new_since, works_at

LOOK_EVERY_S = 1.0
PROBE_EVERY_S = 5.0
ASK_EVERY_S = 3.0
TRIES_THERE = 3
"""Logins through another gateway that may fail: at first both may claim to hold the device."""
HINTS = (
    (
        "no bundle is installed here",
        " (for this user; if root installed one, log in as root with --user, or use --sudo)",
    ),
    (
        "Host key verification failed",
        " (if the device has a new host key for a good reason: ssh-keygen -R {name})",
    ),
)
"""What a device or ssh says, and what the admin can do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """The upgrade of one device."""

    job: Job
    view: View
    login: Login
    visit: Visit
    within_s: float

    async def carry_out(self) -> Came:
        """Upgrade the device, and return what it came to."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self.within_s):
                result, detail = await self.go()
        except TimeoutError:
            result = Result.FAILED
            detail = (
                f"no good verdict within {self.within_s:.0f} s; unless one comes, the old bundle"
                " comes back by itself"
            )
        except CheckerError as error:
            result, detail = Result.FAILED, str(error)
        return self.job.came(result, detail, time.monotonic() - begun)

    async def go(self) -> tuple[Result, str]:
        await asyncio.to_thread(self.view.probe, self.job.name, [self.job.port])
        why = await asyncio.to_thread(hindrance, self.job, self.view)
        if why:
            return Result.SKIPPED, why
        before = before_now(await self.sights(), time.time())
        said = await self.bring()
        brought_at = time.monotonic()
        match said.status:
            case 0:
                gateway = await self.until_it_works(before)
            case code if code == REPLACED:
                gateway = await self.until_it_works(Before())
            case code if code == IN_PLACE:
                return Result.SAME, "it had this bundle already"
            case _:
                return Result.FAILED, failure(said, self.job.name)
        # the old bundle cannot be back yet
        is_new = said.status == 0 and time.monotonic() - brought_at < self.trial_s
        return await self.confirmed(gateway, is_new=is_new)

    @property
    def trial_s(self) -> int:
        """After which the device goes back to its old bundle, unless the new one works."""
        return int(self.job.bundle.settings.trial)

    async def bring(self) -> Said:
        """Copy the bundle and have it upgrade."""
        await asyncio.to_thread(
            self.view.record, self.job.name, self.job.port, "rollout: copy a bundle, and upgrade"
        )
        return await self.ssh(self.job.port, self.visit.copy, self.job.text.encode())

    async def ssh(self, port: Port, command: str, content: bytes = b"", through: str = "") -> Said:
        host = await asyncio.to_thread(self.view.host_of, port)
        return await run(self.login.words(self.job.name, host, port, command, through), content)

    async def sights(self) -> list[Sight]:
        return await asyncio.to_thread(self.view.sights, self.job.name, self.job.bundle.path)

    async def until_it_works(self, before: Before) -> str:
        """Wait until a gateway finds a new session of the node to work; return which one, empty if
        it is this one.
        """
        probed_at = -PROBE_EVERY_S
        while True:
            here, *others = await self.sights()
            found = works_at(self.job, before, (here, *others))
            if found is not None:
                return found.gateway
            is_new = new_since(before, here) is not None
            if is_new and time.monotonic() - probed_at >= PROBE_EVERY_S:
                await asyncio.to_thread(self.view.probe, self.job.name, self.job.ports_after)
                probed_at = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S)

    async def confirmed(self, gateway: str, *, is_new: bool) -> tuple[Result, str]:
        """Ask the device until the new bundle is confirmed or gone.

        Its old bundle, too, makes a new session that works, once it is back. `is_new`: it is not
        back yet, so another gateway's word is enough if nobody can log in through that one.
        """
        port = self.job.port_after
        through = self.view.way_through(self.job.name, port) if gateway else ""
        failed = 0
        while True:
            said = await self.ssh(port, self.visit.ask, through=through)
            failed += said.status == SSH_FAILED
            match said.status:
                case 0:
                    return Result.UPGRADED, f"it is at {gateway} now" if gateway else ""
                case _ if gateway and is_new and failed == TRIES_THERE:
                    return Result.UPGRADED, (
                        f"it works at {gateway} now, and was not asked there: ssh: {said.last}"
                    )
                case code if code in (ON_TRIAL, SSH_FAILED):
                    await asyncio.sleep(ASK_EVERY_S)
                case _:
                    return (
                        Result.FAILED,
                        "the new bundle got no good verdict, and the old one is back",
                    )


def failure(said: Said, name: NodeName) -> str:
    """Return why the bundle could not be brought, and what to do, as a clause."""
    known = {SSH_FAILED: "ssh", NOT_COPIED: "the copy failed", NO_SUDO: "sudo"}
    what = known.get(said.status, "upgrade")
    hint = next((hint for words, hint in HINTS if words in said.last), "").format(name=name)
    return f"{what}: {said.last or f'exit status {said.status}'}{hint}"


def upgrade_of(job: Job, view: View, login: Login, within_s: float) -> Upgrade:
    size = len(job.text.encode())
    visit = Visit(name=job.name, size=size, mark=secrets.token_hex(8), sudo=login.sudo)
    return Upgrade(job=job, view=view, login=login, visit=visit, within_s=within_s)
