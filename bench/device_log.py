"""How many lines a day the probes of a tunnel that beats leave in the log of its SSH server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure
from bench.setting import Gateway, gateway, until_usable
from checker.sshd.program import find_sshd
from demo.processes import run_quietly, start
from demo.stage import free_ports

DAY_S = 86400.0
MOST_A_DAY = 2900
BEAT_S = 10.0
SETTLED_S = 3.5 * BEAT_S
"""After three beats the gateway knows the rhythm, and probes less often."""
NEEDS = {"sshd": ("ssh-keygen",), "dropbear": ("dropbear", "dropbearkey")}


def there() -> tuple[str, ...]:
    """Return the SSH servers that this machine has."""
    return tuple(kind for kind, names in NEEDS.items() if all(map(shutil.which, names)))


async def words_for(kind: str, folder: Path, port: int) -> list[str]:
    """Make a host key, and return the words that run the server at its own settings."""
    key = folder / f"{kind}.host_key"
    if kind == "dropbear":
        await run_quietly("dropbearkey", "-t", "ed25519", "-f", str(key))
        place = ["-p", f"127.0.0.1:{port}", "-P", str(folder / "dropbear.pid")]
        return ["dropbear", "-F", "-E", *place, "-r", str(key)]
    await run_quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    options = ["-o", "ListenAddress=127.0.0.1", "-o", "PidFile=none"]
    return [find_sshd(), "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", str(key), *options]


async def serve(kind: str, server: Gateway) -> Path:
    """Run a device with that SSH server and a tunnel to it; return the server's log."""
    port, forward = free_ports(2)
    log = server.home / f"{kind}.log"
    words = await words_for(kind, server.home, port)
    server.clients.append(await start(words, log=log, env=server.env))
    (member,) = await server.add([forward], f"127.0.0.1:{port}")
    await server.run_client(member)
    await until_usable(forward)
    return log


def lines_in(log: Path) -> int:
    return log.read_bytes().count(b"\n")


async def lines_a_day(kinds: Sequence[str], lasts_s: float) -> list[float]:
    """Return the lines that each server logs in a day, by so many seconds at default settings."""
    async with gateway() as server:
        logs = [await serve(kind, server) for kind in kinds]
        await asyncio.sleep(SETTLED_S if lasts_s >= DAY_S / 1440 else 0.0)
        before = [lines_in(log) for log in logs]
        await asyncio.sleep(lasts_s)
        return [
            (lines_in(log) - count) / lasts_s * DAY_S
            for log, count in zip(logs, before, strict=True)
        ]


async def device_log(lasts_s: float, *, is_judged: bool) -> Figure:
    """Count the lines of each SSH server, side by side."""
    kinds = there()
    found = await lines_a_day(kinds, lasts_s)
    named = zip(kinds, found, strict=True)
    return Figure(
        what="lines in the log of a device whose SSH server is probed, a day",
        measured="; ".join(f"{kind}: {lines:,.0f}" for kind, lines in named) or "left out",
        target=f"<= {MOST_A_DAY:,}",
        met=max(found) <= MOST_A_DAY if is_judged and found else None,
    )
