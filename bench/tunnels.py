"""`python -m bench.tunnels FILE`: keep many live tunnels in one process.

Each has its own login with its own key, a forward, and a `hold` with beats. FILE is JSON. The
process prints `ready` when all tunnels are up, and runs until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

from checker.daemon.startup import raise_file_limit

LOGINS_AT_ONCE = 16
BEATS_EVERY_S = 10.0
"""The default of reversi-client."""


async def keep(
    spec: dict[str, Any], number: int, turn: asyncio.Semaphore, ready: asyncio.Queue[int]
) -> None:
    """Keep one tunnel for ever."""
    key, port = spec["members"][number]
    async with turn:
        connection = await asyncssh.connect(
            spec["host"],
            spec["port"],
            username=spec["user"],
            client_keys=[key],
            config=[],
            agent_path=None,
            known_hosts=asyncssh.import_known_hosts(spec["known_hosts"]),
            kex_algs="^curve25519-sha256",
            login_timeout=120,
        )
        await connection.forward_remote_port("localhost", port, "127.0.0.1", spec["target"])
        process = await connection.create_process(f"hold bench{number}")
        process.stdin.write("\n")
        await process.stdout.readline()
    ready.put_nowait(number)
    while True:
        await asyncio.sleep(BEATS_EVERY_S)
        process.stdin.write("\n")
        await process.stdout.readline()


async def main() -> None:
    raise_file_limit()
    spec = json.loads(await asyncio.to_thread(Path(sys.argv[1]).read_text, encoding="utf-8"))
    turn, ready = asyncio.Semaphore(LOGINS_AT_ONCE), asyncio.Queue[int]()
    async with asyncio.TaskGroup() as group:
        for number in range(len(spec["members"])):
            group.create_task(keep(spec, number, turn, ready), name=f"tunnel {number}")
        for _ in spec["members"]:
            await ready.get()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
