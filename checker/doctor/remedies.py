"""The commands that mend what `doctor` finds wrong: each can be typed as it stands. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path

from checker.doctor.facts import Seen, Taken
from checker.install.plan import DROP_IN, SERVICE
from checker.install.unit_files import ranges_out

INIT = "sudo reversi-checker init"
NEWER = Path("/var/backups/reversi/newer")
"""For what a newer release wrote, and this one cannot read."""


def ours(seen: Seen, words: str) -> str:
    """A command of this gateway's."""
    home = f"--home {shlex.quote(str(seen.home))} " if seen.home else ""
    return f"{'' if seen.home else 'sudo '}reversi-checker {home}{words}"


def start(seen: Seen) -> str:
    """What starts the daemon, anew where one is there: by systemd, or as it was started."""
    if seen.is_enabled is not None:
        return f"sudo systemctl restart {SERVICE}"
    first = (
        f"kill {seen.daemon_pid}; tail --pid={seen.daemon_pid} -f /dev/null; "
        if seen.daemon_pid is not None
        else ""
    )
    if seen.home is None or seen.sshd is None:
        return first + ours(seen, "serve")
    host, _, port = seen.sshd.effective.get("listenaddress", "").rpartition(":")
    return first + ours(
        seen, f"up --listen {host.strip('[]')} --ssh-port {port}" if port.isdigit() else "up"
    )


def set_aside(seen: Seen) -> str:
    """Move the state file of a newer release away, and start the daemon with a new one."""
    place = shlex.quote(str(seen.home / "newer" if seen.home is not None else NEWER))
    sudo = "" if seen.home is not None else "sudo "
    move = f"{sudo}mv {shlex.quote(str(seen.state))}* {place}"
    return f"{sudo}mkdir -p {place}; {move}; {start(seen)}"


def init_or(seen: Seen, of_home: str) -> str:
    """`init` where it made the gateway, else what a home needs."""
    return INIT if seen.home is None else of_home


def try_out(config: Path) -> str:
    return f"sudo sshd -t -f {shlex.quote(str(config))}    # and mend what it names"


def lock_down(seen: Seen) -> str:
    """What gives sshd its settings for the tunnel user back."""
    if seen.home is not None:
        return start(seen)
    return (
        f"{INIT}{' --force' if seen.is_drop_in_changed else ''}    # if it refuses, another Match"
        f" block comes before {DROP_IN}"
    )


def tell_sshd(name: str, *lines: str) -> str:
    """Lines of sshd's configuration that come before all others, and sshd by them."""
    place = DROP_IN.with_name(f"00-reversi-{name}.conf")
    return (
        f"printf '%s\\n' {' '.join(map(shlex.quote, lines))} | sudo tee {place} && sudo systemctl"
        " reload ssh"
    )


def let_in(seen: Seen) -> str:
    """What lets the tunnel user in. sshd adds up its lists of whom it allows, and has nothing that
    undoes a denial.
    """
    effective = seen.sshd.effective if seen.sshd else {}
    words = {"allowusers": f"AllowUsers {seen.user}", "allowgroups": f"AllowGroups {seen.user}"}
    denied = effective.get("denyusers", "")
    lines = [line for key, line in words.items() if effective.get(key)]
    if denied or not lines:
        return "grep -ri '^ *Deny' /etc/ssh    # and take it out there"
    return tell_sshd("allow", *lines)


def welcome(seen: Seen, option: str, value: str) -> str:
    """What has sshd take the tunnel user's keys, and nobody else's. Of a home, `up` writes the
    whole file: there the key must change.
    """
    if seen.home is not None:
        return ours(seen, "node rekey NAME")
    return tell_sshd("keys", f"Match User {seen.user}", f"{option} {value}", "Match all")


def raise_startups(first: int) -> str:
    """Each line that sets it is changed: up to OpenSSH 9.2 at least the last counts, and not the
    first as of all else.
    """
    line = f"s/^[[:space:]]*MaxStartups[[:space:]=].*/MaxStartups {first}:30:1000/I"
    return (
        f"sudo sed -i '{line}' /etc/ssh/sshd_config {DROP_IN.parent}/*.conf && sudo systemctl"
        " reload ssh"
    )


def close_to_others(seen: Seen, path: Path) -> str:
    quoted = shlex.quote(str(path))
    return (
        mode("go-w", path)
        if seen.home is not None
        else f"sudo chown root {quoted}; sudo {mode('go-w', path)}"
    )


def mode(bits: str, *paths: Path) -> str:
    return f"chmod {bits} {' '.join(shlex.quote(str(path)) for path in paths)}"


def owner(seen: Seen, path: Path) -> str:
    return f"chown {seen.user} {shlex.quote(str(path))}; {mode('0700', path)}"


def bring_keys_in_line(seen: Seen) -> str:
    """A home's daemon sees to it within seconds; where it does not, its log says why."""
    return init_or(seen, start(seen) if seen.daemon_pid is None else ours(seen, "log --limit 5"))


def give_way(seen: Seen, taken: Taken) -> str:
    """What gives a node's port that another program holds back to the node, or the node another."""
    look = f"ss -ltnp 'sport = :{taken.port}'"
    if taken.free is None:
        return f"sudo {look}    # and stop that program"
    return (
        ours(seen, f"node move {taken.node} {taken.port} {taken.free}")
        + f"    # or stop what this shows: {look}"
    )


def reserve(seen: Seen) -> str:
    """What keeps outgoing connections off the nodes' ports."""
    ports = ranges_out({*seen.reserved, *seen.unreserved})
    return init_or(seen, f"sudo sysctl -w net.ipv4.ip_local_reserved_ports={ports}")
