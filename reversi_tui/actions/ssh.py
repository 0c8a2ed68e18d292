"""The SSH command for a shell on a node, through its own tunnel. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence

from checker.model import SSH_USER, InvalidValue, NodeName, Status, expects_ssh, parse_name
from checker.rows.row import Moment, Row, age_text

IPV4_SIDE, IPV6_SIDE = "127.0.0.1", "::1"
"""Where to reach listeners, public ones too; the probes use the same addresses."""
OWN_SETTINGS_OFF = (
    "AddressFamily=any",
    "CanonicalizeHostname=no",
    "ControlMaster=no",
    "ControlPersist=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=auto",
    "BatchMode=no",
)
"""What a `Host *` of the operator's configuration must not do to a shell on a device: hand the
device an agent, a display or a way into the operator's network, run a command, share another
connection, or leave the shell without a terminal. ssh takes the first value that it gets, so the
command line wins. Each is known to OpenSSH 8.4; `-k` is GSSAPIDelegateCredentials=no, which not
every build knows. Source: ssh_config(5).
"""
PATIENCE = ("ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=4")
"""A hung tunnel accepts the connection and says nothing: without these, ssh waits for ever. A link
with a round trip of six seconds needs about twelve until the banner is there.
"""
FAILS = {
    Status.HUNG: "ssh waits up to 30 s for an answer",
    Status.DOWN: "ssh finds nobody there",
    Status.REFUSED: "its target closes each connection at once",
}


def doubt(row: Row, moment: Moment) -> str:
    """Why a login through this forward will probably fail; empty if it may succeed."""
    fails = FAILS.get(row.seen.status)
    if fails is None or row.is_shut or moment.is_stale(row):
        return ""
    age = "" if row.seen.since is None else f" since {age_text(moment.now - row.seen.since)}"
    return f"port {row.seen.port} is {row.seen.status}{age}: {fails}; ctrl+c comes back"


def ssh_command(
    rows_of_node: Sequence[Row],
    row: Row,
    *,
    user: str = "",
    on_ipv6: Collection[int] = (),
    home: str = "",
) -> tuple[str, ...] | str:
    """The program and its arguments, through the row's forward or another one of its node; else a
    clause that says why there is none.

    The host key is looked up under the node's name, so that each node has one key, whichever port
    it uses. `on_ipv6`: ports that listen on ::1 only. `home`: the directory of this gateway, if it
    has one; for what another gateway holds.
    """
    try:
        name = parse_name(row.seen.node)
    except InvalidValue as error:
        return str(error)
    if user and not SSH_USER.fullmatch(user):
        return f"{user[:40]!r} cannot be a user's name"
    found = way_in(rows_of_node, row)
    if isinstance(found, str):
        return found
    port = found.seen.port
    if found.where is not None and found.where.is_elsewhere:
        words = ["reversi-checker", *(["--home", home] if home else []), "connect"]
        through = shlex.join([*words, f"{name}:{port}"]).replace("%", "%%")
        return command(name, port, user, IPV4_SIDE, through)
    return command(name, port, user, IPV6_SIDE if port in on_ipv6 else IPV4_SIDE)


def way_in(rows_of_node: Sequence[Row], row: Row) -> Row | str:
    """The forward to log in through: the row's, or another one of its node; else a clause that says
    why there is none.
    """
    name = row.seen.node
    others = [other for other in rows_of_node if other.seen.node == name and other.key != row.key]
    others.sort(key=lambda other: other.seen.status is not Status.UP)
    candidates = [one for one in unfolded([row, *others]) if leads_to_ssh(one)]
    found = next((one for one in candidates if not hindrance(one)), None)
    if found is not None:
        return found
    if candidates:
        return hindrance(candidates[0])
    return f"no forward of node {name} leads to an SSH server"


def command(
    name: NodeName, port: int, user: str, host: str, through: str = "none"
) -> tuple[str, ...]:
    """`Host NAME` in the operator's configuration still says user, key and algorithms; it does not
    say how to get there, nor what else the connection does. `through`: the command that connects
    to the gateway that holds the node, if that is another one.
    """
    settings = (
        f"HostName={host}",
        f"HostKeyAlias={name}",
        "CheckHostIP=no",
        "StrictHostKeyChecking=ask",
        f"ProxyCommand={through}",
        "ControlPath=none",
        *OWN_SETTINGS_OFF,
        *PATIENCE,
    )
    options = [word for setting in settings for word in ("-o", setting)]
    return ("ssh", "-p", str(port), "-k", *options, *(("-l", user) if user else ()), "--", name)


def by_hand(command: Sequence[str]) -> tuple[str, ...]:
    """The command as an operator would type it: his own configuration then counts."""
    words = [word for word in command if word != "-k"]
    for setting in (*OWN_SETTINGS_OFF, *PATIENCE):
        at = words.index(setting)
        del words[at - 1 : at + 1]
    return tuple(words)


def unfolded(rows: Iterable[Row]) -> Iterable[Row]:
    """The rows, each folded one replaced by its members."""
    return (one for row in rows for one in row.members or (row,))


def leads_to_ssh(row: Row) -> bool:
    """Whether an SSH server is expected, answered, or is likely there."""
    if row.seen.answer.startswith("SSH-"):
        return True
    return row.forward is not None and expects_ssh(row.forward)


def hindrance(row: Row) -> str:
    """Why nobody should log in there, as a clause; empty if there is no reason."""
    if row.seen.status is Status.FOREIGN:
        return f"port {row.seen.port} is held by a process that is not the node's tunnel"
    if row.forward is not None and row.forward.speaks_proxy:
        return f"port {row.seen.port} leads to a service that expects a PROXY line first"
    return ""
