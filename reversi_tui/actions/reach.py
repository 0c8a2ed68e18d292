"""The ways to reach a node and a forward's target, each as one command. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from checker.model import ExpectKind, Forward, InvalidValue, Status, parse_target
from checker.rows.row import NO_PORT, Row
from reversi_tui.actions.ssh import IPV4_SIDE, IPV6_SIDE, by_hand, hindrance, ssh_command

USER = "USER"
"""Stands for the user who is asked for."""
GATEWAY = "GATEWAY"
"""Stands for the gateway's address if that is unknown."""
FIRST_UNPRIVILEGED = 1024
ABOVE = 20_000
"""Added to a privileged port: at a desk only root may listen on it."""
DIRECTLY = "ProxyCommand=none"
"""In a command that needs no other gateway."""
WITHIN_S = "10"
"""How long curl waits."""
WEB_PORTS = {80: ExpectKind.HTTP, 443: ExpectKind.TLS}
"""What probably speaks on a target's port if anything may answer there."""


class Place(StrEnum):
    """Where a command is for."""

    HERE = "on the gateway"
    DESK = "from your desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """The gateway, as ssh reaches it from elsewhere."""

    host: str
    port: int = 22

    @property
    def as_jump(self) -> str:
        """As `ssh -J` takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 22 else f"{host}:{self.port}"

    @property
    def as_words(self) -> tuple[str, ...]:
        """As ssh takes it at the end of its command line."""
        port = () if self.port == 22 else ("-p", str(self.port))
        return (*port, "--", self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way, and its command."""

    id: str
    title: str
    place: Place
    argv: tuple[str, ...]
    runs: bool = False
    """Whether the console can run it."""

    @property
    def asks_user(self) -> bool:
        return USER in self.argv


def hop_to(address: str) -> Hop:
    """The gateway at HOST:PORT; a placeholder if that is not an address."""
    try:
        target = parse_target(address)
    except InvalidValue:
        return Hop(host=GATEWAY)
    return Hop(host=target.host, port=target.port)


def ways(  # noqa: PLR0913 - all that a command says
    rows_of_node: Sequence[Row],
    row: Row,
    *,
    user: str,
    on_ipv6: Collection[int],
    hop: Hop,
    home: str = "",
) -> tuple[Way, ...] | str:
    """The ways for a row; else a clause that says why there is none. Through another gateway only
    ssh finds its way.
    """
    found = ssh_command(rows_of_node, row, user=user, on_ipv6=on_ipv6, home=home)
    shells = () if isinstance(found, str) else tuple(ssh_ways(found, hop))
    one = row.members[0] if len(row.members) == 1 else row
    through = tuple(target_ways(one, on_ipv6, hop)) if may_be_reached(one) else ()
    return (*shells, *through) or (found if isinstance(found, str) else "")


def may_be_reached(row: Row) -> bool:
    """Whether it is one forward, whose port the node's tunnel may hold."""
    if row.where is not None and row.where.is_elsewhere:
        return False
    return not row.members and row.seen.port != NO_PORT and row.seen.status is not Status.FOREIGN


def ssh_ways(command: tuple[str, ...], hop: Hop) -> Iterator[Way]:
    """The ways to log in to the node; `command` is the console's own."""
    here = by_hand(command)
    yield Way(id="ssh", title="ssh", place=Place.HERE, argv=here, runs=True)
    yield Way(
        id="user", title="ssh as a user", place=Place.HERE, argv=as_user(here, USER), runs=True
    )
    if DIRECTLY in here:
        yield Way(id="jump", title="ssh -J", place=Place.DESK, argv=jumping(here, hop))


def as_user(command: tuple[str, ...], user: str) -> tuple[str, ...]:
    """The command with this user in place of its own."""
    end = command.index("--")
    at = command.index("-l") if "-l" in command[:end] else end
    return (*command[:at], "-l", user, *command[end:])


def jumping(command: tuple[str, ...], hop: Hop) -> tuple[str, ...]:
    """The command for another machine, through the gateway."""
    words = list(command)
    at = words.index(DIRECTLY)  # ssh would take it before the jump
    del words[at - 1 : at + 1]
    return (words[0], "-J", hop.as_jump, *words[1:])


def target_ways(row: Row, on_ipv6: Collection[int], hop: Hop) -> Iterator[Way]:
    """The ways to the target of one forward."""
    port = int(row.seen.port)
    side = f"[{IPV6_SIDE}]" if port in on_ipv6 else IPV4_SIDE
    own = port if port >= FIRST_UNPRIVILEGED else port + ABOVE
    tunnel = ("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{own}:{side}:{port}")
    yield Way(
        id="local",
        title=f"ssh -L, then 127.0.0.1:{own} there is the target",
        place=Place.DESK,
        argv=(*tunnel, *hop.as_words),
    )
    kind = spoken(row)
    proxy = ("--haproxy-protocol",) if hindrance(row) else ()
    curl = ("curl", "-sS", "-i", "--max-time", WITHIN_S, *proxy)
    at = Way(id="", title="", place=Place.HERE, argv=(), runs=True)
    if kind is ExpectKind.HTTP:
        yield replace(at, id="curl", title="curl", argv=(*curl, f"http://{side}:{port}/"))
    if kind is ExpectKind.TLS:
        name = server_name(row.forward)
        yield replace(at, id="curl", title="curl", argv=(*curl, "-k", *tls_place(name, side, port)))
        if not proxy:
            yield replace(
                at, id="openssl", title="openssl", argv=(*openssl(name), f"{side}:{port}")
            )


def spoken(row: Row) -> ExpectKind | None:
    """What the target speaks, as far as curl and openssl know it."""
    if row.forward is None:
        return None
    kind = row.forward.expect.kind
    if kind is ExpectKind.OPEN:
        kind = WEB_PORTS.get(row.forward.target.port, kind)
    return kind if kind in (ExpectKind.HTTP, ExpectKind.TLS) else None


def server_name(forward: Forward | None) -> str:
    """The name that visitors ask for, if one is known."""
    return next((each.sni for each in forward.published if each.sni), "") if forward else ""


def tls_place(name: str, side: str, port: int) -> tuple[str, ...]:
    """The address of a target that speaks TLS, for curl, which asks for the name."""
    if not name:
        return (f"https://{side}:{port}/",)
    return ("--connect-to", f"{name}:443:{side}:{port}", f"https://{name}/")


def openssl(name: str) -> tuple[str, ...]:
    """The words before the address."""
    asked = ("-servername", name) if name else ()
    return ("openssl", "s_client", "-brief", *asked, "-connect")
