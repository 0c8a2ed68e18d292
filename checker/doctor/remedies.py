"""The commands that fix what `doctor` finds wrong, ready to paste. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path

from checker.config.layout import KEEP_AGENT
from checker.doctor.facts import Facts, TakenPort
from checker.install.extra_drop_ins import LISTS
from checker.install.places import DROP_IN, SERVICE
from checker.install.steps import Trouble
from checker.install.unit_files import ranges_out
from checker.sshd.admission import revoked_file

INIT = "sudo reversi-checker init"
DENIED = "grep -ri '^ *Deny' /etc/ssh    # and remove the entry there"
NEWER = Path("/var/backups/reversi/newer")
"""Where files go that a newer release wrote and this one cannot read."""


def ours(facts: Facts, words: str) -> str:
    """Return a `reversi-checker` command for this gateway."""
    home = f"--home {shlex.quote(str(facts.home))} " if facts.home else ""
    return f"{'' if facts.home else 'sudo '}reversi-checker {home}{words}"


def signing(facts: Facts, words: str) -> str:
    """Return a `reversi-checker` command that signs: sudo must bring the operator's agent along."""
    return ours(facts, words).replace("sudo ", KEEP_AGENT, 1)


def start(facts: Facts) -> str:
    """Return the command that starts or restarts the daemon: by systemd, or as it was started."""
    if facts.daemon.has_unit:
        return f"sudo systemctl restart {SERVICE}"
    if facts.home is None and facts.machine.has_systemd:
        return INIT
    pid = facts.daemon.pid
    first = "" if pid is None else f"kill {pid}; tail --pid={pid} -f /dev/null; "
    if facts.home is None or facts.sshd is None:
        return first + ours(facts, "serve")
    host, _, port = facts.sshd.effective.get("listenaddress", "").rpartition(":")
    return first + ours(
        facts, f"up --listen {host.strip('[]')} --ssh-port {port}" if port.isdigit() else "up"
    )


def set_aside(facts: Facts) -> str:
    """Move the state file of a newer release aside, and start the daemon with a new one."""
    place = shlex.quote(str(facts.home / "newer" if facts.home is not None else NEWER))
    sudo = "" if facts.home is not None else "sudo "
    move = f"{sudo}mv {shlex.quote(str(facts.layout.state))}* {place}"
    return f"{sudo}mkdir -p {place}; {move}; {start(facts)}"


def start_sshd(facts: Facts) -> str:
    """Show where sshd listens; a home's sshd is started with the daemon."""
    if facts.home is not None:
        return start(facts)
    return "sudo ss -ltnp | grep sshd    # shows where it listens; or: sudo systemctl restart ssh"


def sshd_log(facts: Facts) -> str:
    """Show what sshd logged lately."""
    if facts.home is not None:
        return ours(facts, "log --limit 5")
    return "sudo journalctl -t sshd -t sshd-session --since -10min"


def one_key_file(facts: Facts) -> str:
    """Have sshd read all keys in one file, which needs no command."""
    return f"{ours(facts, 'init --keys file')}    # if sshd may not read {facts.layout.keys}"


def never_expire(user: str) -> str:
    return f"sudo chage --expiredate -1 {user}"


def never_age(user: str) -> str:
    return f'sudo chage --maxdays -1 --lastday "$(date +%F)" {user}'


def roll_out(facts: Facts, names: list[str]) -> str:
    """Hand these nodes a bundle that pins sshd's present host keys."""
    home = f" --home {shlex.quote(str(facts.home))}" if facts.home else ""
    sudo = "" if facts.home else "sudo "
    which = " ".join(names) if len(names) <= 3 else "--all"
    by_hand = f"if you changed a device by hand, remove NAME.pins in {facts.layout.nodes}"
    return f"{sudo}reversi-client rollout{home} {which}    # {by_hand}"


def bring_host_keys(facts: Facts, names: list[str]) -> str:
    """Hand out sshd's host keys through tunnels that are still up."""
    command = roll_out(facts, names).partition("    # ")[0]
    return f"{command}    # for a node that is down: give sshd its old host keys back first"


def init_or(facts: Facts, of_home: str) -> str:
    """Return `init` for an installed gateway, else what a home needs."""
    return INIT if facts.home is None else of_home


def test_config(config: Path) -> str:
    return f"sudo sshd -t -f {shlex.quote(str(config))}    # and fix what it names"


def lock_down(facts: Facts) -> str:
    """Restore sshd's settings for the tunnel user."""
    if facts.home is not None:
        return start(facts)
    force = " --force" if facts.login.is_drop_in_changed else ""
    return f"{INIT}{force}    # if it refuses, another Match block comes before {DROP_IN}"


def configure_sshd(name: str, *lines: str) -> str:
    """Put lines before the rest of sshd's configuration, and reload sshd."""
    place = DROP_IN.with_name(f"00-reversi-{name}.conf")
    return (
        f"printf '%s\\n' {' '.join(map(shlex.quote, lines))} | sudo tee {place} && sudo systemctl"
        " reload ssh"
    )


def let_in(facts: Facts) -> str:
    """Let the tunnel user in. sshd adds up its lists of whom it allows, but nothing undoes a
    denial.
    """
    effective = facts.sshd.effective if facts.sshd else {}
    if facts.sshd and facts.sshd.refusals and facts.sshd.refusals[0].startswith("RevokedKeys"):
        path = shlex.quote(revoked_file(effective))
        return f"sudo touch {path}    # if no key was revoked; else restore it from a backup"
    denied = effective.get("denyusers") or effective.get("denygroups")
    if denied or not any(effective.get(one.lower()) for one in LISTS):
        return DENIED
    return f"{INIT} --allow-login"


def accept_keys(facts: Facts, option: str, value: str) -> str:
    """Make sshd accept the nodes' keys, only for the tunnel user. In a home the key must change,
    because `up` writes the whole configuration.
    """
    if facts.home is not None:
        return ours(facts, "node rekey NAME")
    return configure_sshd("keys", f"Match User {facts.user}", f"{option} {value}", "Match all")


def set_startups(startups: str) -> str:
    """Change each line that sets it: unlike all other options, the last one counts, up to OpenSSH
    9.2 at least.
    """
    line = f"s/^[[:space:]]*MaxStartups[[:space:]=].*/MaxStartups {startups}/I"
    return (
        f"sudo sed -i '{line}' /etc/ssh/sshd_config {DROP_IN.parent}/*.conf && sudo systemctl"
        " reload ssh"
    )


def close_to_others(facts: Facts, path: Path) -> str:
    quoted = shlex.quote(str(path))
    return (
        mode("go-w", path)
        if facts.home is not None
        else f"sudo chown root {quoted}; sudo {mode('go-w', path)}"
    )


def open_way(trouble: Trouble) -> str:
    """Let the gateway's accounts read what runs reversi."""
    return trouble.advice or " && ".join(f"sudo {command}" for command in trouble.commands)


def mode(bits: str, *paths: Path) -> str:
    return f"chmod {bits} {' '.join(shlex.quote(str(path)) for path in paths)}"


def owner(facts: Facts, path: Path) -> str:
    return f"chown {facts.user} {shlex.quote(str(path))}; {mode('0700', path)}"


def update_keys(facts: Facts) -> str:
    """A home's daemon updates the key file within seconds; if it does not, its log says why."""
    log = ours(facts, "log --limit 5")
    return init_or(facts, start(facts) if facts.daemon.pid is None else log)


def give_way(facts: Facts, taken: TakenPort) -> str:
    """Give the node another port, or find the program that holds its port."""
    look = f"ss -ltnp 'sport = :{taken.port}'"
    if taken.free is None:
        return f"sudo {look}    # and stop that program"
    return (
        ours(facts, f"node move {taken.node} {taken.port} {taken.free}")
        + f"    # or stop the program that this shows: {look}"
    )


def reserve(facts: Facts) -> str:
    """Keep outgoing connections off the nodes' ports."""
    ports = ranges_out({*facts.ports.reserved, *facts.ports.unreserved})
    return init_or(facts, f"sudo sysctl -w net.ipv4.ip_local_reserved_ports={ports}")


def begin(facts: Facts) -> str:
    """Make the gateway that is missing."""
    if facts.home is not None:
        return f"{INIT}    # or, without root, a gateway of your own: {ours(facts, 'up')}"
    purge = "    # or remove the rest: sudo reversi-checker uninstall --purge"
    return INIT + (purge if facts.is_undone else "")


def forget_old_name(facts: Facts) -> str:
    """Remove what pip noted about a release under its old name."""
    paths = " ".join(shlex.quote(str(path)) for path in facts.machine.old_metadata)
    return init_or(facts, f"rm -r {paths}")


def serve_published(facts: Facts) -> str:
    """Have HAProxy serve the public ports."""
    update = ours(facts, "publish")
    if not facts.published.is_installed:
        return f"sudo apt-get install haproxy && {update}"
    if facts.published.lags:
        return update
    if facts.home is not None:
        return f"haproxy -W -f {shlex.quote(str(facts.home / 'haproxy.cfg'))}"
    return "sudo systemctl restart haproxy    # it must read our file: docs/publishing.md"
