"""`python -m bench.herd.logins FILE`: log in many times, all at once or few at a time.

FILE is JSON. Each login has a key of its own and runs `check`, with the time limits and the
back-off of the Python client. Print what was counted, as JSON, when the last one has succeeded.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncssh

from checker.daemon.startup import raise_file_limit
from client.config import Address
from client.login import Dialer, Owner, Refusal
from client.pace import Pace
from client.route import Route
from client.words import Failure


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the logins took."""

    logins: int = 0
    slow: int = 0
    """Attempts that timed out."""
    refused: int = 0
    """Attempts that ended otherwise, as when sshd closes the connection before its banner."""
    took_s: float = 0.0
    cpu_s: float = 0.0
    half_s: float = 0.0
    most_s: float = 0.0
    """When 95 % had logged in."""


def options(spec: dict[str, Any], key: asyncssh.SSHKey) -> asyncssh.SSHClientConnectionOptions:
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=spec["user"],
        client_keys=[key],
        agent_path=None,
        known_hosts=asyncssh.import_known_hosts(spec["known_hosts"]),
        kex_algs="^curve25519-sha256",
        encryption_algs="^aes128-gcm@openssh.com",
    )


async def attempt(dialer: Dialer, route: Route) -> Failure | None:
    """Log in once, and ask; return why it failed."""
    began = time.monotonic()
    connection = await dialer.dial(route.gateway, route.limits(began), Owner)
    if isinstance(connection, Refusal):
        return connection.failure
    route.logged_in(time.monotonic() - began)
    try:
        async with asyncio.timeout(route.pace.setup_s):
            await connection.run("check", stdin=asyncssh.DEVNULL, check=True)
    except TimeoutError:
        return Failure.SLOW
    except (asyncssh.Error, OSError):
        return Failure.UNREACHABLE
    finally:
        connection.abort()
    return None


async def log_in(spec: dict[str, Any], key: asyncssh.SSHKey, tally: Tally) -> float:
    """Try until it succeeds; return that moment (monotonic)."""
    gateway = Address(host=spec["host"], port=spec["port"])
    route = Route((gateway,), (Pace(10.0, 8.0),), random.uniform)
    dialer = Dialer({gateway: options(spec, key)})
    while (failure := await attempt(dialer, route)) is not None:
        if failure is Failure.SLOW:
            tally.slow += 1
            route.pace.timed_out()
        else:
            tally.refused += 1
        await asyncio.sleep(route.fail(failure, time.monotonic()))
    return time.monotonic()


async def main() -> None:
    raise_file_limit()
    spec = json.loads(await asyncio.to_thread(Path(sys.argv[1]).read_text, encoding="utf-8"))
    keys = [asyncssh.read_private_key(path) for path in spec["keys"]]
    turn, tally = asyncio.Semaphore(spec["at_once"]), Tally(logins=len(keys))

    async def one(key: asyncssh.SSHKey) -> float:
        async with turn:
            return await log_in(spec, key, tally)

    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(key)) for key in keys]
    after = resource.getrusage(resource.RUSAGE_SELF)
    times_s = sorted(task.result() - began for task in tasks)
    tally.took_s = times_s[-1]
    tally.half_s, tally.most_s = times_s[len(keys) // 2], times_s[len(keys) * 95 // 100]
    tally.cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps(asdict(tally)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
