"""Parse what keeps a plain `ssh -R` running into nodes: UCI files and systemd units. Pure.

UCI files are those of OpenWRT's packages sshtunnel and autossh; a unit starts ssh, dbclient or
autossh. No such device says its name, so a node is called as its section or file is. It has the
shared key until it is given its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checker.model import SHARED_KEY, Forward, InvalidValue, Node, NodeName
from checker.registry.imported import MOST_BYTES, FileRead, Found, Login, Remark, name_like
from checker.registry.ssh_command import RemoteForward, SshCommand, read_ssh, remote_forward

PROGRAMS = frozenset({"ssh", "autossh", "dbclient"})
PUNCTUATION = frozenset("();<>|&")
SHELLS = frozenset({"sh", "ash", "bash", "dash", "busybox"})
LOGIN_OPTIONS = frozenset({"user", "hostname", "port", "IdentityFile"})
USUAL_MONITOR = "20000"
"""autossh's monitor port on OpenWRT if the file names none. Source: the package's autossh.init."""
IS_OPEN = (
    "what its targets answer is unknown: expecting open, which cannot see a hang; see:"
    " reversi-checker node set"
)
OTHERS = {"tunnelL": "-L", "tunnelD": "-D", "tunnelW": "-w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a UCI file, or of a unit."""

    kind: str
    name: str
    line: int
    options: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: str, default: str = "") -> str:
        return self.options.get(key, default)


def read_tunnel_file(
    content: bytes, *, stem: str, added_at: int, name: str = ""
) -> FileRead | None:
    """Parse a file; None if it is of none of these kinds. `stem` is its name without a suffix;
    `name` is for its node, whatever the file says. Never raises.
    """
    text = content[:MOST_BYTES].decode("utf-8-sig", "replace")
    text = re.sub(r"\r\n?", "\n", text)
    found: list[Found] = []
    problems: list[Remark] = []
    if re.search(r"^\[Service\]", text, re.MULTILINE):
        sources: Iterator[Source] = unit_sources(text, stem)
    elif re.search(r"^\s*config\s+(server|autossh|tunnel[RLDW])\b", text, re.MULTILINE):
        sources = uci_sources(text, stem)
    else:
        return None
    try:
        for source in sources:
            try:
                found.append(source.found(name or source.name, added_at))
            except InvalidValue as error:
                problems.append(Remark(line=source.line, text=str(error)))
    except InvalidValue as error:
        problems.append(Remark(line=0, text=str(error)))
    if not found and not problems:
        problems.append(Remark(line=0, text="describes no tunnel with -R"))
    return FileRead(found=tuple(found), problems=tuple(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One connection that a file describes."""

    line: int
    name: str
    login: Login
    forwards: tuple[RemoteForward, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def found(self, called: str, added_at: int) -> Found:
        """Return the node, under a name like this. Raises InvalidValue."""
        name = name_like(called)
        if not self.forwards:
            raise InvalidValue("; ".join(["describes no tunnel with -R", *self.notes]))
        node = Node(
            name=name,
            public_key=SHARED_KEY,
            forwards=tuple(forward_of(name, one) for one in self.forwards),
            added_at=added_at,
        )
        public = [
            f"port {one.port} is asked for on all addresses, which only a key of its own may do"
            for one in self.forwards
            if one.public
        ]
        left = [f"left out: {', '.join(self.left_out)}"] if self.left_out else []
        return Found(
            node=node,
            login=self.login,
            left_out=self.left_out,
            notes=tuple(
                Remark(line=0, text=text) for text in (*self.notes, *public, IS_OPEN, *left)
            ),
        )


def forward_of(name: NodeName, one: RemoteForward) -> Forward:
    return Forward(node=name, port=one.port, target=one.target, public=one.public)


def uci_sections(text: str) -> Iterator[Section]:
    """Yield the sections. Raises InvalidValue. Source: openwrt.org, "The UCI system"."""
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
            case ["option" | "list", key, value]:
                options[key] = value
            case _:
                pass
    if kind:
        yield Section(kind=kind, name=name, line=start, options=options)


def uci_sources(text: str, stem: str) -> Iterator[Source]:
    """Yield the connections of a UCI file. Raises InvalidValue."""
    sections = list(uci_sections(text))
    for section in sections:
        if section.kind == "server":
            yield server_source(section, sections, stem)
        elif section.kind == "autossh":
            yield autossh_source(section, stem)


def server_source(server: Section, sections: Sequence[Section], stem: str) -> Source:
    """Return the connection to a server of the package sshtunnel."""
    forwards, notes = [], list(switched_off(server))
    left_out = [
        f"{key} {value}"
        for key, value in server.options.items()
        if key not in LOGIN_OPTIONS and key != "enabled"
    ]
    for section in sections:
        if section.get("server") != server.name or section.kind == "server":
            continue
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


def monitored(port: str) -> Iterator[str]:
    if port.partition(":")[0] not in ("", "0"):
        yield (
            f"autossh tests itself through ports {port[:20]} and the next one, which the gateway"
            " refuses: set its monitor port (-M) to 0 on the device"
        )


def source_of(
    command: SshCommand, line: int, name: str, others: Sequence[str], notes: Sequence[str]
) -> Source:
    return Source(
        line=line,
        name=name,
        login=command.login,
        forwards=command.forwards,
        left_out=(*command.left_out, *others),
        notes=(*notes, *command.refused),
    )


def unit_sources(text: str, stem: str) -> Iterator[Source]:
    """Yield the connections that a unit starts. Raises InvalidValue. Source: systemd.service(5)."""
    settings = list(unit_settings(text))
    variables = {
        name: value
        for _, key, given in settings
        if key == "Environment"
        for name, equals, value in (word.partition("=") for word in words_in(given))
        if equals
    }
    others = [
        f"{key}={value}"
        for _, key, value in settings
        if key not in ("ExecStart", "Description", "Type")
    ]
    for number, key, value in settings:
        if key != "ExecStart":
            continue
        words = ssh_words(with_variables(value.lstrip("-@:+!|"), variables))
        if words:
            command = read_ssh(words[1:])
            monitor = next((each[3:] for each in command.left_out if each.startswith("-M ")), "")
            yield source_of(command, number, stem, others, list(monitored(monitor)))


def unit_settings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, key and value of each setting in the unit's [Service] section."""
    section, pending, start = "", "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        start = start if pending else number
        pending += stripped
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        if pending.startswith("["):
            section = pending.strip("[]")
        key, equals, value = pending.partition("=")
        if section == "Service" and equals and value:
            yield start, key.strip(), value.strip()
        pending = ""


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of the unit's own variables into a command line. Raises InvalidValue."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise InvalidValue(
                f"uses ${name}, which the file does not set; write its value into a copy of the"
                " file"
            )
        return variables[name]

    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", value, text)


def words_in(text: str) -> list[str]:
    """Split a command line into words. Raises InvalidValue."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidValue("has a quote that does not end") from error


def ssh_words(text: str) -> list[str]:
    """Return the words from the ssh program on; none if the line does not start one. Look into the
    script of `sh -c`. Raises InvalidValue.
    """
    words = words_in(text)
    if words and words[0].rpartition("/")[2] in SHELLS and "-c" in words[:-1]:
        lexer = shlex.shlex(words[words.index("-c") + 1], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError as error:
            raise InvalidValue("has a quote that does not end") from error
    at = next(
        (place for place, word in enumerate(words) if word.rpartition("/")[2] in PROGRAMS), None
    )
    if at is None:
        return []
    end = next(
        (
            place
            for place, word in enumerate(words)
            if place > at and word and set(word) <= PUNCTUATION
        ),
        len(words),
    )
    return words[at:end]
