"""Each thing that must be true of a gateway: judged from what was seen, with a sentence, and what
mends it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checker.doctor import remedies
from checker.doctor.facts import Seen, SshdSeen
from checker.doctor.remedies import INIT
from checker.install.plan import NO_SHELL, SERVICE
from checker.model import room_for, why_too_small
from checker.output import aligned
from checker.sshd.lockdown import differences, shut_out, unknown_to, unwelcome
from checker.sshd.sshrc import guard_sshrc, sshrc_sentence

ENOUGH_BYTES = 100 << 20
LATE_SWEEPS = 3
MOST_AHEAD_S = 60
FLEET = 200
"""From so many nodes on, their own jitter spreads a reconnecting fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing; `ok` is None where it could not be told."""

    name: str
    ok: bool | None
    sentence: str
    mend: str = ""
    """A command, or what to change; empty where all is well."""


def findings(seen: Seen) -> tuple[Finding, ...]:
    """All that applies, in the order in which one would mend it."""
    if seen.trouble:
        return (Finding(name="settings", ok=False, sentence=seen.trouble, mend="mend that file"),)
    return tuple(finding for check in CHECKS for finding in check(seen))


def finding(name: str, good: str, *wrong: tuple[bool, str, str]) -> Finding:
    """The first wrong thing that is so, with its mend; else all is well."""
    for is_so, sentence, mend in wrong:
        if is_so:
            return Finding(name=name, ok=False, sentence=sentence, mend=mend)
    return Finding(name=name, ok=True, sentence=good)


def check_account(seen: Seen) -> Iterator[Finding]:
    who = seen.account
    yield finding(
        "account",
        f"{seen.user} can run a forced command",
        (who is None, f"the tunnel user {seen.user} is no account here", INIT),
        (
            who is not None and who.uid == 0 and not seen.is_own,
            f"the tunnel user {seen.user} has the rights of root",
            "name another in reversi.toml",
        ),
        (
            who is not None and bool(NO_SHELL.search(who.shell)),
            f"the shell of {seen.user} runs no forced command",
            f"sudo usermod --shell /bin/sh {seen.user}",
        ),
        (
            who is not None and who.locked and not seen.is_own,
            f"{seen.user} is locked with '!', and sshd lets it in at no key",
            f"sudo usermod --password '*' {seen.user}",
        ),
        (
            seen.closed_by is not None,
            f"this machine lets nobody but root in while there is a file {seen.closed_by}",
            f"sudo rm {seen.closed_by}",
        ),
    )


def check_sshd(seen: Seen) -> Iterator[Finding]:
    sshd = seen.sshd
    if sshd is None:
        return
    if not sshd.is_asked:
        yield Finding(
            name="sshd",
            ok=None,
            sentence="sshd tells its settings to root alone",
            mend="sudo reversi-checker doctor",
        )
        return
    settings = (
        ()
        if sshd.complaint
        else differences(
            sshd.effective, private=seen.home is not None, unknown=unknown_to(sshd.version)
        )
    )
    wrong = (*settings, *sshd.openings)
    why = shut_out(sshd.effective, seen.user)
    name = "OpenSSH {}.{}".format(*sshd.version) if sshd.version else "sshd"
    yield finding(
        "sshd",
        f"{name} lets {seen.user} do nothing but open reverse tunnels",
        (
            bool(sshd.complaint),
            f"sshd would not start: {sshd.complaint}",
            remedies.try_out(sshd.file),
        ),
        (bool(wrong), f"for {seen.user} sshd says: {'; '.join(wrong)}", remedies.lock_down(seen)),
        (bool(why), f"sshd lets {seen.user} in at no key: {why}", remedies.let_in(seen)),
    )
    yield from check_welcome(seen, sshd)
    yield from check_startups(seen, sshd)
    yield from check_penalties(seen, sshd)
    yield from check_log(seen)


def check_sshrc(seen: Seen) -> Iterator[Finding]:
    first = next(iter(seen.sshrc), None)
    yield finding(
        "sshrc",
        "sshd runs nothing that could print before an answer",
        (
            first is not None,
            sshrc_sentence(first) if first else "",
            guard_sshrc(first, seen.user) if first else "",
        ),
    )


def check_welcome(seen: Seen, sshd: SshdSeen) -> Iterator[Finding]:
    """Of the options that refuse a node's key, the first; of several values for it, the one that
    takes all keys.
    """
    refused = [
        (name, *why) for name, key in seen.node_keys if (why := unwelcome(sshd.effective, key))
    ]
    option = refused[0][1] if refused else ""
    names = sorted({name for name, by, _ in refused if by == option})
    is_so = sshd.effective.get(option.lower(), "")[:80]
    value = min(
        (value for _, by, value in refused if by == option),
        key=lambda value: (len(value), value),
        default="",
    )
    others = f" (and {len(names) - 3} more)" if len(names) > 3 else ""
    yield finding(
        "kinds of keys",
        "sshd takes keys of the kinds that the nodes have",
        (
            bool(refused),
            f"sshd refuses the keys of {', '.join(names[:3])}{others}: {option} is {is_so}",
            remedies.welcome(seen, option, value),
        ),
    )


def check_startups(seen: Seen, sshd: SshdSeen) -> Iterator[Finding]:
    text = sshd.effective.get("maxstartups", "")
    first = text.split(":")[0]
    if not first.isdigit():
        return
    wanted = min(seen.nodes, FLEET)
    yield finding(
        "logins at once",
        f"MaxStartups {text} is enough for {seen.nodes} nodes",
        (
            int(first) < wanted,
            f"MaxStartups {text} drops logins at random when {seen.nodes} nodes come back at once",
            remedies.raise_startups(max(wanted, FLEET)),
        ),
    )


def check_penalties(seen: Seen, sshd: SshdSeen) -> Iterator[Finding]:
    if sshd.version is None or sshd.version < (9, 8):
        return
    penalties = sshd.effective.get("persourcepenalties", "").lower()
    exempt = sshd.effective.get("persourcepenaltyexemptlist", "none").lower()
    shared = sorted(address for address, nodes in seen.peers.items() if nodes > 1)
    is_on = penalties not in ("", "no")
    yield finding(
        "penalties",
        "a node whose key is refused locks out no other" if is_on else "PerSourcePenalties is off",
        (
            is_on and exempt == "none" and bool(shared),
            (
                f"several nodes come from {', '.join(shared)}: one whose key is refused locks all"
                " of them out for minutes (PerSourcePenalties)"
            ),
            remedies.tell_sshd("exempt", f"PerSourcePenaltyExemptList {','.join(shared)}"),
        ),
    )


def check_log(seen: Seen) -> Iterator[Finding]:
    """A remark alone: sshd refuses all the same."""
    if seen.sshd_log:
        yield Finding(
            name="sshd's log",
            ok=True,
            sentence=f"what sshd itself refuses a node becomes an event, from {seen.sshd_log}",
        )
    elif seen.sshd_log is not None:
        sentence = (
            "what sshd itself refuses a node becomes no event: there is neither a journal nor an"
            " auth.log to be read"
        )
        yield Finding(
            name="sshd's log", ok=None, sentence=sentence, mend="sudo apt-get install rsyslog"
        )


def check_keys(seen: Seen) -> Iterator[Finding]:
    loose, lag = seen.keys_loose, remedies.bring_keys_in_line(seen)
    gone = ", ".join(seen.programs_gone)
    yield finding(
        "key file",
        f"{seen.key_file} follows the registry, and is root's or the gateway's own",
        (seen.keys is None, f"{seen.key_file} is missing", lag),
        (
            loose is not None,
            f"sshd passes over {seen.key_file}, or should, as others may write {loose}",
            remedies.close_to_others(seen, loose) if loose else "",
        ),
        (
            seen.keys is not None and not seen.is_own and not seen.keys.mode & 0o004,
            f"{seen.user} can not read {seen.key_file}",
            remedies.mode("0644", seen.key_file),
        ),
        (
            bool(gone),
            (
                f"{seen.key_file} names {gone}, which is gone: Python or reversi was upgraded, and"
                " no node can be checked"
            ),
            lag,
        ),
        (seen.keys_lag, f"{seen.key_file} does not follow the registry", lag),
    )
    opened = ", ".join(map(str, seen.open_secrets))
    shown = (bool(opened), f"others may read {opened}", remedies.mode("0600", *seen.open_secrets))
    yield finding("private keys", "no private key that lies here can be read by others", shown)
    good = f"{seen.user} can reach the gate and the registry"
    yield finding(
        "way in",
        good,
        (
            bool(seen.unreachable),
            seen.unreachable,
            remedies.mode("a+x", *filter(None, [seen.unreachable_at])),
        ),
    )


def check_daemon(seen: Seen) -> Iterator[Finding]:
    start = remedies.start(seen)
    begun = seen.daemon_age_s is not None and seen.daemon_age_s <= LATE_SWEEPS * seen.every_s
    late = not begun and (seen.swept_s_ago is None or seen.swept_s_ago > LATE_SWEEPS * seen.every_s)
    ago = "never" if seen.swept_s_ago is None else f"{seen.swept_s_ago:.0f} s ago"
    yield finding(
        "daemon",
        f"process {seen.daemon_pid} serves, and"
        f" {'was started just now' if begun else f'swept {ago}'}",
        (seen.daemon_pid is None, f"no daemon answers at {seen.socket}", start),
        (late, f"process {seen.daemon_pid} serves, and last swept {ago}", start),
    )
    if seen.is_enabled is not None:
        not_so = (
            not seen.is_enabled,
            f"{SERVICE} does not start at boot",
            f"sudo systemctl enable {SERVICE}",
        )
        yield finding("service", f"{SERVICE} starts at boot", not_so)


def check_places(seen: Seen) -> Iterator[Finding]:
    if seen.socket_mode is not None:
        blocked = seen.socket_blocked
        yield finding(
            "socket",
            f"{seen.user} can knock at {seen.socket}",
            (
                seen.socket_mode & 0o666 != 0o666,
                f"{seen.socket} has mode {seen.socket_mode:04o}, and must have 0666",
                remedies.mode("0666", seen.socket),
            ),
            (
                blocked is not None,
                f"{seen.user} can not pass {blocked} to {seen.socket}",
                remedies.mode("a+x", *filter(None, [blocked])),
            ),
        )
    spool = seen.spool_seen
    mend = remedies.init_or(seen, remedies.owner(seen, seen.spool))
    yield finding(
        "spool",
        f"{seen.spool} is the tunnel user's own",
        (spool is None, f"{seen.spool} is missing", remedies.init_or(seen, remedies.start(seen))),
        (
            spool is not None and spool.owner != seen.user,
            f"{seen.spool} belongs to {spool.owner if spool else ''}, and must to {seen.user}",
            mend,
        ),
        (spool is not None and bool(spool.mode & 0o007), f"others may enter {seen.spool}", mend),
    )


def check_ports(seen: Seen) -> Iterator[Finding]:
    first = next(iter(seen.taken), None)
    others = f" (and {len(seen.taken) - 1} more)" if len(seen.taken) > 1 else ""
    yield finding(
        "ports",
        "no other program holds a node's port",
        (
            first is not None,
            (
                f"port {first.port} of {first.node} is held by a process of uid {first.uid}{others}"
                if first
                else ""
            ),
            remedies.give_way(seen, first) if first else "",
        ),
    )
    few = seen.unreserved[:1]
    yield finding(
        "reserved ports",
        "no outgoing connection can take a node's port",
        (
            bool(few),
            (
                f"{len(seen.unreserved)} ports, {min(few, default=0)} among them, are of the"
                " kernel's ephemeral range and not reserved"
            ),
            (
                f"{remedies.reserve(seen)}    # else an outgoing connection may take one, and the"
                " node's -R then fails"
            ),
        ),
    )


def check_machine(seen: Seen) -> Iterator[Finding]:
    if seen.banned is not None:
        hit = sorted(seen.banned & set(seen.peers))
        yield finding(
            "fail2ban",
            "fail2ban watches sshd, and keeps no known node out; ignoreip spares addresses that"
            " many nodes share",
            (
                bool(hit),
                f"fail2ban keeps out {', '.join(hit)}, from where nodes come",
                (
                    f"sudo fail2ban-client set sshd unbanip {' '.join(hit)}    # and add it to"
                    " ignoreip"
                ),
            ),
        )
    # a container's clock is its host's
    is_told = seen.is_synchronized is not None and (seen.is_synchronized or seen.has_systemd)
    if not is_told and seen.ahead_s <= MOST_AHEAD_S:
        yield Finding(
            name="clock",
            ok=None,
            sentence="whether the clock is kept right can not be told here",
            mend="timedatectl",
        )
    else:
        yield finding(
            "clock",
            "the clock is kept right",
            (
                seen.ahead_s > MOST_AHEAD_S,
                f"the clock is behind: what was recorded lies {seen.ahead_s:.0f} s in the future",
                "sudo timedatectl set-ntp true",
            ),
            (
                not seen.is_synchronized,
                "the clock is not synchronized; expiry dates and the log go by it",
                "sudo timedatectl set-ntp true",
            ),
        )
    full = [
        f"{place} ({free >> 20} MiB)"
        for place, free in seen.free_bytes.items()
        if free < ENOUGH_BYTES
    ]
    little = (bool(full), f"little room is left at {', '.join(full)}", "make room there")
    yield finding("disk", "there is room for the state file and the log", little)
    yield from check_capacity(seen)


def check_capacity(seen: Seen) -> Iterator[Finding]:
    if seen.machine is None:
        return
    small = why_too_small(seen.machine, seen.nodes)
    used = seen.daemon_usage
    descriptors, limit = (used.descriptors, used.most_descriptors) if used else (None, None)
    is_short = descriptors is not None and limit is not None and descriptors > limit * 0.8
    yield finding(
        "capacity",
        f"there is room for about {room_for(seen.machine):,} more tunnels",
        (bool(small), small, "add memory, or raise the limit: docs/sizing.md has the figures"),
        (
            is_short,
            f"the daemon has {descriptors} of at most {limit} descriptors open",
            remedies.start(seen),
        ),
    )


def check_records(seen: Seen) -> Iterator[Finding]:
    if seen.state_trouble is None:
        yield Finding(
            name="state file",
            ok=True,
            sentence=f"there is no {seen.state} yet; the daemon makes it",
        )
    else:
        mend = f"{remedies.start(seen)}    # which moves it aside"
        if seen.state_is_newer:
            mend = remedies.set_aside(seen)
        yield finding(
            "state file",
            f"{seen.state} is sound",
            (bool(seen.state_trouble), seen.state_trouble, mend),
            (
                seen.state_strays,
                f"a file in {seen.state.parent} is not the daemon's to write",
                INIT,
            ),
        )
    yield finding(
        "registry",
        f"{seen.nodes} nodes, each file of which is understood",
        (
            bool(seen.problems),
            "; ".join(seen.problems),
            "mend these files; until then their nodes keep the rights that they have",
        ),
    )


def check_waiting(seen: Seen) -> Iterator[Finding]:
    """Two keys, or two ports, are a time of change; what lasts was forgotten."""
    if seen.overdue:
        sentences = [sentence for sentence, _ in seen.overdue]
        others = f" (and {len(sentences) - 3} more)" if len(sentences) > 3 else ""
        mend = (
            f"{remedies.ours(seen, seen.overdue[0][1])}    # once its device has followed; it"
            " ends the tunnel of the old one"
        )
        yield Finding(
            name="old keys and ports",
            ok=False,
            sentence=f"{'; '.join(sentences[:3])}{others}",
            mend=mend,
        )


CHECKS: Sequence[Callable[[Seen], Iterator[Finding]]] = (
    check_account,
    check_sshd,
    check_sshrc,
    check_keys,
    check_daemon,
    check_places,
    check_ports,
    check_machine,
    check_waiting,
    check_records,
)


def as_json(found: Sequence[Finding]) -> dict[str, Any]:
    """The documented shape."""
    checks = [
        {"name": one.name, "ok": one.ok, "sentence": one.sentence, "mend": one.mend}
        for one in found
    ]
    return {"ok": all(one.ok is not False for one in found), "checks": checks}


def as_text(found: Sequence[Finding]) -> str:
    marks = {True: "ok", False: "WRONG", None: "?"}
    rows = [
        (marks[one.ok], one.name, f"{one.sentence}{f' -> {one.mend}' if one.mend else ''}")
        for one in found
    ]
    return aligned(rows)
