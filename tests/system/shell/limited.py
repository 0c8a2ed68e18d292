"""A stand-in for the SSH client behind a firewall that limits the connections of an address."""

from __future__ import annotations

import sys
import time
from pathlib import Path

CLIENT = f"""#!{sys.executable} -IS
import fcntl, sys, time

request = sys.argv[-1]
if request == "-V":
    sys.exit("OpenSSH_9.2p1")
with open(SHARED, "a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    now = time.monotonic()
    stamps = [float(line) for line in file] + [now]
    is_refused = sum(stamp > now - WINDOW_S for stamp in stamps) >= 6
    print(*[now] * (1 + is_refused), sep="\\n", file=file)
if is_refused:
    print("ssh: connect to host gw port 22: Connection refused", file=sys.stderr)
    sys.exit(255)
if request.startswith("claim"):
    print(0)
for _ in sys.stdin if request.startswith("hold") else ():
    print(0, flush=True)
"""
"""`ufw limit`: refuses the sixth connection within a time, and counts a refused one twice."""


def limited_client(shared: Path, window_s: float) -> str:
    """Return the program; all that have the file in common share an address. An outage has used it
    up.
    """
    shared.write_text(f"{time.monotonic()}\n" * 6, encoding="ascii")
    return CLIENT.replace("SHARED", repr(str(shared))).replace("WINDOW_S", repr(window_s))
