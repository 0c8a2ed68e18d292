"""`python -m bench.herd.logins FILE`: log in many times, all at once or few at a time.

FILE is JSON. Each login has a key of its own and runs `check`, with the time limits and the
back-off of the Python client: full jitter, from 0 to a bound that doubles up to 30 s. Print what
was counted, as JSON, when the last one has succeeded.
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
from client.pace import Pace
from client.route import BACKOFF_BASE_S, BACKOFF_CAP_S


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


async def attempt(spec: dict[str, Any], key: asyncssh.SSHKey, pace: Pace) -> None:
    """Log in once, and ask. Raises TimeoutError, asyncssh.Error, OSError."""
    async with asyncio.timeout(pace.login_s):
        connection = await asyncssh.connect(
            spec["host"],
            spec["port"],
            username=spec["user"],
            client_keys=[key],
            config=None,
            agent_path=None,
            known_hosts=asyncssh.import_known_hosts(spec["known_hosts"]),
            kex_algs="^curve25519-sha256",
            encryption_algs="^aes128-gcm@openssh.com",
            login_timeout=120,
        )
    try:
        async with asyncio.timeout(pace.setup_s):
            await connection.run("check", stdin=asyncssh.DEVNULL, check=True)
    finally:
        connection.abort()


async def log_in(spec: dict[str, Any], key: asyncssh.SSHKey, tally: Tally) -> float:
    """Try until it succeeds; return that moment (monotonic)."""
    pace, tries = Pace(10.0, 8.0), 0
    while True:
        try:
            await attempt(spec, key, pace)
        except TimeoutError:
            tally.slow += 1
            pace.timed_out()
        except (asyncssh.Error, OSError):
            tally.refused += 1
        else:
            return time.monotonic()
        await asyncio.sleep(
            random.uniform(0.0, min(BACKOFF_BASE_S * 2.0 ** min(tries, 16), BACKOFF_CAP_S))
        )
        tries += 1


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
