"""Parse a device's `~/.ssh/config`: hosts with RemoteForward. Pure. Source: ssh_config(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from checker.registry.imported import Remark
from checker.registry.ssh_command import Reading
from checker.registry.tunnel_source import Source, source_of

SETTING = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*")
IS_MATCH = "Match is not read: only the device knows when it applies"
NO_HOST = (
    "RemoteForward is for hosts that match {}: the file does not say which is the gateway; write it"
    " under a Host without * in a copy of the file"
)


@dataclass(slots=True)
class HostBlock:
    """A `Host` line, and the settings below it."""

    line: int
    patterns: tuple[str, ...]
    settings: list[tuple[str, str]] = field(default_factory=list)
    """Keyword and value, as written."""
    is_match: bool = False

    def applies(self, alias: str) -> bool:
        if self.has_names_only:
            return alias in self.patterns and not self.is_match
        hits = [one for one in self.patterns if fnmatchcase(alias, one.removeprefix("!"))]
        return bool(hits) and not any(one.startswith("!") for one in hits) and not self.is_match

    @property
    def has_names_only(self) -> bool:
        return not any(mark in one for one in self.patterns for mark in "*?!")

    @property
    def aliases(self) -> tuple[str, ...]:
        """The hosts that it names, without patterns."""
        plain = (one for one in self.patterns if not re.search(r"[*?!]", one))
        return () if self.is_match else tuple(plain)

    @property
    def opens_ports(self) -> bool:
        return any(key.lower() == "remoteforward" for key, _ in self.settings)


def is_ssh_config(text: str) -> bool:
    """Whether this is the configuration of an SSH client that opens ports."""
    return re.search(r"^[ \t]*RemoteForward[ \t=]", text, re.MULTILINE | re.IGNORECASE) is not None


def blocks_of(text: str) -> list[HostBlock]:
    """Return the file's blocks; what stands before the first one is for all hosts."""
    blocks = [HostBlock(line=1, patterns=("*",))]
    for number, line in enumerate(text.split("\n"), start=1):
        found = SETTING.fullmatch(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        key, value = found[1], found[2]
        if key.lower() in ("host", "match"):
            patterns = tuple(value.replace('"', " ").split())
            blocks.append(
                HostBlock(line=number, patterns=patterns, is_match=key.lower() == "match")
            )
        else:
            blocks[-1].settings.append((key, value.replace('"', "")))
    return blocks


def host_sources(text: str, stem: str) -> Iterator[Source | Remark]:  # noqa: ARG001 - all are called alike
    """Yield the connection of each host with RemoteForward; all blocks about it count. Raises
    InvalidValue.
    """
    blocks = blocks_of(text)
    opening = [one for one in blocks if one.opens_ports]
    places = {alias: one.line for one in reversed(opening) for alias in one.aliases}
    for block in opening:
        if block.is_match:
            yield Remark(line=block.line, text=IS_MATCH)
        elif not any(map(block.applies, places)):
            words = " ".join(block.patterns)
            yield Remark(line=block.line, text=NO_HOST.format(words[:40] or "nothing"))
    for alias, line in sorted(places.items(), key=lambda place: place[1]):
        yield source_for(alias, line, blocks)


def source_for(alias: str, line: int, blocks: Sequence[HostBlock]) -> Source:
    """Return the connection to a host. Raises InvalidValue."""
    reading = Reading()
    name = ""
    for key, value in (pair for one in blocks if one.applies(alias) for pair in one.settings):
        if key.lower() == "hostname":
            name = name or value
        else:
            reading.take("o", f"{key} {value}")
    reading.host = name.replace("%h", alias) or alias
    left_out = [each.removeprefix("-o ") for each in reading.left_out]
    reading.left_out = list(dict.fromkeys(left_out))
    return source_of(reading.command(), line, alias, (), ())
