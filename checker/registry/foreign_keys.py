"""Parse an `authorized_keys` file written for plain `ssh -R`: one node for each line. Pure.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from checker.model import (
    KEY_TYPES,
    OPEN,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    fingerprint,
    parse_port,
    parse_public_key,
    printable,
)
from checker.registry.imported import LOOPBACK, FileRead, Found, Remark, Wish, name_like
from checker.registry.tunnel_source import IS_OPEN

MOST_BYTES_OF_KEYS = 1 << 24
"""A longer key file is not read; 20,000 lines with RSA keys have about half of it."""
KEY_NAME = r"(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[A-Za-z0-9@.-]+"
HAS_KEY = re.compile(rf"^(?:[^#\s][^\n]*[\s])?{KEY_NAME}[ \t]+AAAA[A-Za-z0-9+/]", re.MULTILINE)
OPTION = re.compile(r'\s*([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|(?=\s)|\Z)')
EVERYWHERE = frozenset({"*", "0.0.0.0", "::", ""})  # noqa: S104 - compared with
MEANT = frozenset(
    {
        *("restrict", "port-forwarding", "no-pty", "no-agent-forwarding", "no-x11-forwarding"),
        *("no-user-rc", "permitlisten", "expiry-time", "cert-authority", "no-port-forwarding"),
    }
)
"""Options that our key line has too, or that decide whether the line is taken."""
NO_PORTS = "no permitlisten says which ports are its own; import its command line with --public-key"
NO_TARGET = (
    "a key line does not say where its ports lead; add --target, as in --target"
    " 127.0.0.1:22,banner:SSH- for the device's own sshd"
)
NO_NAME = "device"
ANY_HOST = (
    "port {port} was allowed on any address: it is private here, and a device that asks for all"
    " addresses (-R *:{port}) is refused; to allow that: reversi-checker node set {name} --forward"
    " {port} --public yes"
)
EVERYBODY = "port {port} may be bound on all addresses of the gateway, as before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A key line that can become a node."""

    number: int
    key: str
    comment: str
    ports: Mapping[Port, bool]
    """Whether each is public."""
    bare: tuple[Port, ...]
    """Ports without an address: sshd let the device choose one."""
    expires: str | None
    left_out: tuple[str, ...]


def is_key_file(text: str) -> bool:
    """Whether this is a file of public keys, with or without options."""
    return HAS_KEY.search(text) is not None


def read_keys(text: str, *, added_at: int, wish: Wish, today: date) -> FileRead:
    """Parse a key file; each line without ports of its own becomes a problem. Never raises."""
    lines: list[Line] = []
    problems: list[Remark] = []
    first: dict[str, int] = {}
    for number, content in enumerate(text.split("\n"), start=1):
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        try:
            line = parse_line(content.strip(), number, today)
            if line.key in first:
                raise InvalidValue(f"has the same key as line {first[line.key]}")
        except InvalidValue as error:
            problems.append(Remark(line=number, text=str(error)))
            continue
        first[line.key] = number
        lines.append(line)
    without = [line.number for line in lines if not all(map(wish.target_of, line.ports))]
    if without:
        named = f" ({len(without)} lines)" if len(without) > 1 else ""
        problems.append(Remark(line=without[0], text=f"{NO_TARGET}{named}"))
    kept = [line for line in lines if line.number not in without]
    names = Counter(map(plain_name, lines))
    found = tuple(
        node_of(line, wish, added_at, is_alone=names[plain_name(line)] == 1) for line in kept
    )
    return FileRead(found=found, problems=tuple(problems))


def parse_line(text: str, number: int, today: date) -> Line:
    """Parse a line. Raises InvalidValue if it cannot become a node."""
    given, rest = options_of(text)
    options = [(name.lower(), value) for name, value in given]
    names = {name for name, _ in options}
    if "cert-authority" in names:
        raise InvalidValue("is the key of a certificate authority, and a node has a plain key")
    words = rest.split(None, 2)
    if words and words[0] not in KEY_TYPES:
        raise InvalidValue(
            f"{printable(words[0], 40)} is not a type of key that is taken; give the device one of"
            f" {', '.join(KEY_TYPES[:3])}"
        )
    key = parse_public_key(" ".join(words[:2]))
    comment = words[2].strip() if len(words) > 2 else ""
    if comment.startswith("reversi:"):
        raise InvalidValue("is a line of a reversi gateway; move its nodes instead")
    if closes_ports(options):
        raise InvalidValue("may not open ports")
    ports, bare = ports_in([value for name, value in options if name == "permitlisten"])
    return Line(
        number=number,
        key=key,
        comment=comment,
        ports=ports,
        bare=bare,
        expires=expiry([value for name, value in options if name == "expiry-time"], today),
        left_out=tuple(shown(name, value) for name, value in options if name not in MEANT),
    )


def shown(name: str, value: str | None) -> str:
    """Return an option as written, and what it means that it is left out."""
    text = name if value is None else f'{name}="{printable(value, 80)}"'
    return f"{text} (the key works from any address)" if name == "from" else text


def options_of(text: str) -> tuple[list[tuple[str, str | None]], str]:
    """Split a line into its options and what follows them. Raises InvalidValue."""
    if re.match(rf"{KEY_NAME}\s", text):
        return [], text
    found: list[tuple[str, str | None]] = []
    at = 0
    while option := OPTION.match(text, at):
        found.append((option[1], option[2] and option[2].replace('\\"', '"')))
        at = option.end()
        if option[3] != ",":
            break
    if not found or not re.match(r"\s", text[at:]):
        raise InvalidValue("is not a key line: its options are not separated by commas, or no key")
    return found, text[at:].strip()


def closes_ports(options: Sequence[tuple[str, str | None]]) -> bool:
    """Whether the line may not listen at all; of contrary options the last one counts, as for
    sshd.
    """
    may = True
    for name, _ in options:
        if name in ("restrict", "no-port-forwarding"):
            may = False
        elif name == "port-forwarding":
            may = True
    return not may


def ports_in(values: Sequence[str | None]) -> tuple[dict[Port, bool], tuple[Port, ...]]:
    """Return the ports of the permitlisten options, each with whether it is public, and those
    without an address. Raises InvalidValue.
    """
    ports: dict[Port, bool] = {}
    bare: list[Port] = []
    for value in filter(None, values):
        host, colon, number = value.strip().rpartition(":")
        host = host.strip("[]")
        if number == "*":
            raise InvalidValue(
                f'permitlisten="{printable(value, 40)}" allows every port: {NO_PORTS}'
            )
        if colon and host not in LOOPBACK | EVERYWHERE:
            raise InvalidValue(
                f'permitlisten="{printable(value, 60)}" is for one address of the gateway; only'
                " localhost and * are possible"
            )
        port = parse_port(number, "permitlisten:")
        ports[port] = ports.get(port, False) or bool(colon and host in EVERYWHERE)
        if not colon:
            bare.append(port)
    if not ports:
        raise InvalidValue(NO_PORTS)
    return ports, tuple(port for port in bare if not ports[port])


def expiry(values: Sequence[str | None], today: date) -> str | None:
    """Return the first day on which the key opens nothing; None if it does not expire. Raises
    InvalidValue.
    """
    days = []
    for value in filter(None, values):
        digits = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d{4}|\d{6})?Z?", value.strip(), re.ASCII)
        try:
            day = date(*(int(digits[n]) for n in (1, 2, 3))) if digits else None
            is_within = digits is not None and (digits[4] or "").strip("0") != ""
            days.append(day + timedelta(days=is_within) if day else date.min)
        except (ValueError, OverflowError):
            days.append(date.min)
        if days[-1] == date.min:
            raise InvalidValue(f'expiry-time="{printable(value, 40)}" is not a time')
    if not days:
        return None
    if min(days) <= today:
        raise InvalidValue(f"its key expired on {min(days)}")
    return min(days).isoformat()


def plain_name(line: Line) -> str:
    """What the comment calls the device: the host of `user@host`, else all of it; may be empty."""
    host = line.comment.partition("@")[2]
    called = host if host and " " not in line.comment else line.comment
    try:
        return name_like(called)
    except InvalidValue:
        return ""


def node_of(line: Line, wish: Wish, added_at: int, *, is_alone: bool) -> Found:
    """Return the node of a line, named after its comment, and with its port if others have that
    name.
    """
    plain = plain_name(line)
    suffix = f"-{min(line.ports)}"
    name = NodeName(
        plain if plain and is_alone else f"{(plain or NO_NAME)[: 63 - len(suffix)]}{suffix}"
    )
    forwards = []
    for port, is_public in line.ports.items():
        said = wish.target_of(port)
        assert said is not None
        forwards.append(
            Forward(node=name, port=port, target=said.target, expect=said.expect, public=is_public)
        )
    node = Node(
        name=name,
        public_key=line.key,
        forwards=tuple(forwards),
        added_at=added_at,
        expires=line.expires,
    )
    return Found(
        node=node, line=line.number, left_out=line.left_out, notes=tuple(notes(node, line))
    )


def notes(node: Node, line: Line) -> Iterator[Remark]:
    """What the admin should know of a node."""
    yield Remark(line=0, text=f"its own key {fingerprint(node.public_key)} opens its ports")
    if node.expires:
        yield Remark(line=0, text=f"expires on {node.expires}")
    for port in line.bare:
        yield Remark(line=0, text=ANY_HOST.format(port=port, name=node.name))
    for forward in node.forwards:
        if forward.public:
            yield Remark(line=0, text=EVERYBODY.format(port=forward.port))
    if any(forward.expect == OPEN for forward in node.forwards):
        yield Remark(line=0, text=IS_OPEN)
    if line.left_out:
        yield Remark(line=0, text=f"left out: {', '.join(line.left_out)}")
