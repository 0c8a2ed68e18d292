"""What runs on a device, over ssh through its tunnel: copy a bundle, upgrade, ask how it went."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from checker.model import NodeName, Port, printable

IN_PLACE = 90
"""Exit status: the device has this bundle already."""
NOT_COPIED = 91
REPLACED = 92
"""Exit status: it replaced its bundle already, and tries the new one."""
ON_TRIAL = 1
"""Exit status of a bundle's `confirmed`."""
SSH_FAILED = 255
NO_SUDO = 93
COPY = """
{rights} || exit {no_sudo}
umask 077
mkdir {folder} || exit {failed}
cat >{file}
[ $(wc -c <{file}) -eq {size} ] || {{ rm -rf {folder}; exit {failed}; }}
{sh} {file} confirmed </dev/null 2>/dev/null
case $? in 0) rm -rf {folder}; exit {in_place} ;; {on_trial}) exit {replaced} ;; esac
{sh} {file} upgrade </dev/null || {{ s=$?; rm -rf {folder}; exit $s; }}
"""
ASK = """
{sh} {file} confirmed </dev/null
s=$?
[ $s -eq {on_trial} ] || rm -rf {folder}
exit $s
"""
BESIDE_THE_CAUSE = (
    "kex_exchange_identification:",
    "banner exchange:",
    "Connection closed by UNKNOWN",
    "ssh to gateway ",
)
"""How lines begin that only follow from one before: there is no way through another gateway."""
SAFE = (
    "BatchMode=yes",
    "StrictHostKeyChecking=accept-new",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ProxyCommand=none",
    "ControlMaster=no",
    "ControlPath=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "AddressFamily=any",
    "CanonicalizeHostname=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=ERROR",
)
"""Options that keep the admin's own configuration from asking, leaking or hanging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to log in to devices."""

    user: str
    sudo: bool
    options: Sequence[str]
    """Of the admin; they win over ours, except for where to connect."""

    def words(
        self, name: NodeName, host: str, port: Port, command: str, through: str = ""
    ) -> tuple[str, ...]:
        """Return the command line of ssh. `Host NAME` in the admin's configuration applies.

        The host key is looked up under the node's name, as by the console's shell. `through`: the
        command that connects, if the port is another gateway's.
        """
        where = [f"HostName={host}", f"Port={port}", f"HostKeyAlias={name}", "CheckHostIP=no"]
        where += [f"ProxyCommand={through}"] if through else []
        options = [word for one in (*where, *self.options, *SAFE) for word in ("-o", one)]
        user = ("-l", self.user) if self.user else ()
        return ("ssh", "-k", *options, *user, "--", name, f"exec sh -c {shlex.quote(command)}")


def one_line(script: str, **values: object) -> str:
    """Fill in a script, as one line: the user's shell on the device may not be a POSIX one."""
    return "; ".join(script.format(**values).strip().splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The two commands for one device; `mark` is a random word, so that no other user of the device
    can foresee the directory.
    """

    name: NodeName
    size: int
    mark: str
    sudo: bool

    @property
    def values(self) -> dict[str, object]:
        folder = f"/tmp/reversi-{self.mark}"  # noqa: S108 - made by mkdir, which fails if it exists
        return {
            "folder": folder,
            "file": f"{folder}/{self.name}.sh",
            "size": self.size,
            "sh": "sudo -n sh" if self.sudo else "sh",
            "rights": "sudo -n true" if self.sudo else "true",
            "no_sudo": NO_SUDO,
            "failed": NOT_COPIED,
            "in_place": IN_PLACE,
            "on_trial": ON_TRIAL,
            "replaced": REPLACED,
        }

    @property
    def copy(self) -> str:
        return one_line(COPY, **self.values)

    @property
    def ask(self) -> str:
        return one_line(ASK, **self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command on a device ended."""

    status: int
    last: str
    """The last line that it wrote, fit for a terminal."""


def last_line(output: bytes) -> str:
    """Return the last line that says something by itself, else the last one."""
    lines = [line.strip().decode("utf-8", "replace") for line in output.splitlines()]
    said = [line for line in lines if line]
    causes = [line for line in said if not line.startswith(BESIDE_THE_CAUSE)]
    return printable((causes or said or [""])[-1], 200)


async def run(words: Sequence[str], content: bytes = b"") -> Said:
    """Run ssh, and end it if we are cancelled."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate(content)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Said(status=process.returncode or 0, last=last_line(output))
