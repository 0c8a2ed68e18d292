"""What a benchmark finds in its namespaces: an account for the tunnels, and a strict directory.

The account has no process, file or mail of anybody else, and ends with the namespace. The
directory is root's, and so are those above it, as /etc/reversi is: so `up` keeps a file for each
key.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from bench.figures import Figure
from checker.config.files import unreachable_part
from demo.processes import DemoFailed, run_quietly

PLACE = Path("/mnt")
"""Every system has it, and nothing that a benchmark needs is below it."""
ACCOUNT = "reversi-bench"
FIRST_UID = 59_000
Tell = Callable[[Figure], None]
Measure = Callable[[str, bool, Tell], Awaitable[None]]
"""Takes the tunnel user, whether the run is quick, and what to call with each figure."""


def say(text: str) -> None:
    """Show progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def tell(figure: Figure) -> None:
    """Pass a figure to the process that started this one."""
    print(json.dumps(dataclasses.asdict(figure)), flush=True)


@contextlib.contextmanager
def accounts_at_rest() -> Iterator[None]:
    """Make useradd and userdel wait during the block, as lckpwdf(3) does. Needs root.

    Their temporary and lock files would disappear while we copy /etc, or be copied with it.
    """
    lock = os.open("/etc/.pwd.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def free_uid() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(FIRST_UID, FIRST_UID + 1000) if uid not in taken)


async def make_account(folder: Path) -> str:
    """Make the tunnel user in this mount namespace; return its name.

    It is root if the account could not run the gate from this checkout.
    """
    uid = free_uid()
    for needed in (Path(sys.executable), Path(sys.prefix) / "x", Path(__file__)):
        if unreachable_part(needed, uid) is not None:
            say(f"{needed} is closed to other users: the tunnels are root's")
            return "root"
    lines = {
        "passwd": f"{ACCOUNT}:x:{uid}:{uid}::/:/bin/sh\n",
        "group": f"{ACCOUNT}:x:{uid}:\n",
        "shadow": f"{ACCOUNT}:*:20000::::::\n",
    }
    # the whole directory: a mount on one file ends when anybody replaces that file
    with accounts_at_rest():
        await run_quietly("cp", "-a", "/etc", str(folder))
    for name, line in lines.items():
        with (folder / "etc" / name).open("a", encoding="utf-8") as file:
            file.write(line)
    await run_quietly("mount", "--bind", str(folder / "etc"), "/etc")
    return ACCOUNT


async def settle(folder: Path) -> str:
    """Prepare the namespaces, and return the tunnel user. Raises DemoFailed."""
    user = await make_account(folder)
    homes = folder / "homes"
    homes.mkdir()
    homes.chmod(0o755)
    await run_quietly("mount", "--bind", str(homes), str(PLACE))
    await run_quietly("ip", "link", "set", "lo", "up")
    os.environ["TMPDIR"] = tempfile.tempdir = str(PLACE)
    return user


async def guarded(measure: Measure, size: str, folder: Path) -> int:
    failed = 0
    try:
        await measure(await settle(folder), size == "quick", tell)
    except* DemoFailed as failures:
        failed = 1
        say(str(failures.exceptions[0]))
    return failed


async def until_signalled(measure: Measure, arguments: Sequence[str]) -> int:
    """Measure, but stop at the first signal."""
    loop = asyncio.get_running_loop()
    measuring = loop.create_task(guarded(measure, arguments[0], Path(arguments[1])))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, measuring.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await measuring
    return 130


def main(measure: Measure) -> int:
    """Run a benchmark with the arguments that `apart` gives it."""
    return asyncio.run(until_signalled(measure, sys.argv[1:]))
