"""Parse the command line of ssh, dbclient or autossh that opens a tunnel. Pure.

Sources: ssh(1), dbclient(1), autossh(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.model import InvalidValue, Port, Target, parse_port, parse_target
from checker.registry.imported import LOOPBACK, Login

PROGRAMS = frozenset({"ssh", "autossh", "dbclient"})
WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Options that always take a value."""
WITH_NUMBER = frozenset("KM")
"""Options that take a number, or nothing: dbclient's `-K` and autossh's `-M` do, ssh's do not."""
DIGITS = frozenset("0123456789$")
"""How a number begins, or a variable for one."""
OF_COURSE = frozenset("NTfnq")
"""Options that any tunnel may have, and that say nothing about it."""
EVERYWHERE = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104 - compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteForward:
    """One `-R`."""

    port: Port
    target: Target
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SshCommand:
    """What a command line says."""

    login: Login
    forwards: tuple[RemoteForward, ...]
    left_out: tuple[str, ...]
    """Options without a counterpart here, as written."""
    refused: tuple[str, ...]
    """A sentence for each `-R` that is not taken."""


def read_ssh(words: Sequence[str]) -> SshCommand:
    """Parse the words after the program. Raises InvalidValue."""
    reading = Reading()
    for flag, value in options(words):
        reading.take(flag, value)
    return reading.command()


def options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option's letter, with its value if it takes one; the letter is empty for any other
    word.
    """
    left = list(words)
    hosts = 0
    while left:
        word = left.pop(0)
        if word == "--" and not hosts:
            continue
        if hosts > 1 or not re.match(r"-[A-Za-z0-9]", word):
            hosts += 1
            yield "", word
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            value = letters or (left[0] if left else "")
            takes = letter in WITH_VALUE or (letter in WITH_NUMBER and value[:1] in DIGITS)
            if not takes:
                yield letter, ""
            else:
                yield letter, letters or (left.pop(0) if left else "")
                letters = ""


class Reading:
    """A command line that is being read."""

    def __init__(self) -> None:
        self.user = self.host = self.port = self.key = ""
        self.forwards: list[RemoteForward] = []
        self.left_out: list[str] = []
        self.refused: list[str] = []

    def take(self, flag: str, value: str) -> None:
        """Take one option, or another word. The first value counts, as for ssh."""
        match flag:
            case "R":
                self.take_forward(value)
            case "i":
                self.key = self.key or value
            case "l":
                self.user = self.user or value
            case "p":
                self.port = self.port or value
            case "o":
                self.take_setting(value)
            case "" if not self.host:
                self.take_host(value)
            case "":
                self.left_out.append(value)
            case _ if flag in OF_COURSE:
                pass
            case _:
                self.left_out.append(f"-{flag} {value}".rstrip())

    def take_setting(self, text: str) -> None:
        """Take `-o KEY=VALUE`."""
        key, value = (*re.split(r"\s*=\s*|\s+", text.strip(), maxsplit=1), "")[:2]
        match key.lower():
            case "user":
                self.user = self.user or value
            case "port":
                self.port = self.port or value
            case "identityfile":
                self.key = self.key or value
            case "remoteforward":
                self.take_forward(":".join(value.split()))
            case _:
                self.left_out.append(f"-o {text}")

    def take_forward(self, text: str) -> None:
        try:
            self.forwards.append(parse_remote(text))
        except InvalidValue as error:
            self.refused.append(str(error))

    def take_host(self, text: str) -> None:
        """Take `[USER@]HOST`, or `ssh://[USER@]HOST[:PORT]`."""
        plain = text.removeprefix("ssh://")
        user, _, host = plain.rpartition("@")
        if plain != text and (found := re.fullmatch(r"(.+):([0-9]+)/?", host)):
            host, self.port = found[1], self.port or found[2]
        self.user = self.user or user
        self.host = host.strip("[]/")

    def command(self) -> SshCommand:
        """Return what was read. Raises InvalidValue."""
        return SshCommand(
            login=Login(
                user=self.user,
                host=self.host,
                port=parse_port(self.port, "-p") if self.port else 22,
                key=self.key,
            ),
            forwards=tuple(self.forwards),
            left_out=tuple(self.left_out),
            refused=tuple(self.refused),
        )


def parse_remote(text: str) -> RemoteForward:
    """Parse `[BIND:]PORT:HOST:HOSTPORT`, the value of `-R`. Raises InvalidValue."""
    fields = re.findall(r"(?:^|(?<=:))(\[[^\]]*\]|[^:]*)(?::|$)", text)
    if len(fields) not in (3, 4) or "/" in text:
        raise InvalidValue(f"-R {text[:80]} does not lead from a port to a HOST:PORT")
    *bind, port, host, target_port = (field.strip("[]") for field in fields)
    return remote_forward(bind[0] if bind else "localhost", port, host, target_port)


def remote_forward(bind: str, port: str, host: str, target_port: str) -> RemoteForward:
    """Return the forward of a port on the address `bind` of the gateway. Raises InvalidValue."""
    if bind not in EVERYWHERE | LOOPBACK:
        raise InvalidValue(
            f"-R {bind[:40]}:{port} asks for one address of the gateway; only * and localhost are"
            " possible"
        )
    target = f"[{host}]:{target_port}" if ":" in host else f"{host}:{target_port}"
    return RemoteForward(
        port=parse_port(port, "-R"), target=parse_target(target), public=bind in EVERYWHERE
    )
