"""Parse the UCI files of OpenWRT's packages sshtunnel and autossh. Pure.

Sources: openwrt.org, "The UCI system"; the packages' init scripts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checker.model import InvalidValue, printable
from checker.registry.imported import Login, Remark
from checker.registry.ssh_command import read_ssh, remote_forward
from checker.registry.tunnel_source import Source, monitored, source_of

LOGIN_OPTIONS = frozenset({"user", "hostname", "port", "IdentityFile"})
USUAL_MONITOR = "20000"
"""autossh's monitor port if the file names none."""
OTHERS = {"tunnelL": "-L", "tunnelD": "-D", "tunnelW": "-w"}
TUNNELS = frozenset({"tunnelR", *OTHERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a UCI file."""

    kind: str
    name: str
    line: int
    options: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: str, default: str = "") -> str:
        return self.options.get(key, default)


def is_uci(text: str) -> bool:
    """Whether this is a file of one of the packages."""
    sections = r"^\s*config\s+(server|autossh|tunnel[RLDW])\b"
    return re.search(sections, text, re.MULTILINE) is not None


def uci_sections(text: str) -> Iterator[Section | Remark]:
    """Yield the sections, and a remark on each line that is not understood. Raises InvalidValue."""
    kind, name, start, options = "", "", 0, dict[str, str]()
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise InvalidValue(f"line {number} has a quote that does not end") from error
        match words:
            case ["config", next_kind, *rest]:
                if kind:
                    yield Section(kind=kind, name=name, line=start, options=options)
                kind, name, start, options = next_kind, "".join(rest[:1]), number, {}
            case ["option" | "list", key, value] if kind:
                options[key] = value
            case [] | ["package", _]:
                pass
            case _:
                yield Remark(line=number, text=f"{printable(line.strip())!r} is not understood")
    if kind:
        yield Section(kind=kind, name=name, line=start, options=options)


def uci_sources(text: str, stem: str) -> Iterator[Source | Remark]:
    """Yield the connections of a UCI file, and a remark on what is not taken. Raises
    InvalidValue.
    """
    sections: list[Section] = []
    for found in uci_sections(text):
        if isinstance(found, Remark):
            yield found
        else:
            sections.append(found)
    tunnels: dict[str, list[Section]] = {
        section.name: [] for section in sections if section.kind == "server"
    }
    names = frozenset(tunnels)
    for section in sections:
        if section.kind in TUNNELS and section.get("server") in tunnels:
            tunnels[section.get("server")].append(section)
    for section in sections:
        if section.kind == "server":
            yield server_source(section, tunnels.pop(section.name, []), stem)
        elif section.kind == "autossh":
            yield autossh_source(section, stem)
        elif section.kind not in TUNNELS:
            yield Remark(
                line=section.line, text=f"section {printable(section.kind)} is of another package"
            )
        elif section.get("server") not in names:
            yield Remark(
                line=section.line,
                text=f"{section.kind} {printable(section.name)} names no server of this file",
            )


def server_source(server: Section, tunnels: Sequence[Section], stem: str) -> Source:
    """Return the connection to a server of the package sshtunnel, with its tunnels."""
    forwards, notes = [], list(switched_off(server))
    left_out = [
        f"{key} {value}"
        for key, value in server.options.items()
        if key not in LOGIN_OPTIONS and key != "enabled"
    ]
    for section in tunnels:
        if section.kind in OTHERS:
            left_out.append(f"{section.kind} {section.name} ({OTHERS[section.kind]})")
            continue
        try:
            forwards.append(
                remote_forward(
                    section.get("remoteaddress", "*"),
                    section.get("remoteport"),
                    section.get("localaddress"),
                    section.get("localport"),
                )
            )
        except InvalidValue as error:
            notes.append(f"tunnelR {section.name} is not taken: {error}")
    port = server.get("port", "22")
    return Source(
        line=server.line,
        name=server.name or stem,
        login=Login(
            user=server.get("user"),
            host=server.get("hostname"),
            port=int(port) if re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) else 22,
            key=server.get("IdentityFile"),
        ),
        forwards=tuple(forwards),
        left_out=tuple(left_out),
        notes=tuple(notes),
    )


def autossh_source(section: Section, stem: str) -> Source:
    """Return the connection of a section of the package autossh. Raises InvalidValue."""
    command = read_ssh(section.get("ssh").split())  # as the package splits it
    monitor = section.get("monitorport", USUAL_MONITOR)
    others = [
        f"{key} {value}" for key, value in section.options.items() if key not in ("ssh", "enabled")
    ]
    return source_of(
        command,
        section.line,
        section.name or stem,
        others,
        [*switched_off(section), *monitored(monitor)],
    )


def switched_off(section: Section) -> Iterator[str]:
    if section.get("enabled", "1") in ("0", "no", "off", "false", "disabled"):
        yield "it is switched off on the device (enabled)"
