"""Judge the tunnel user's account, and how sshd treats that user. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts, SshdFacts
from checker.doctor.finding import Finding, finding, first_of
from checker.install.places import ALLOW
from checker.install.refusals import NO_SHELL
from checker.install.steps import UserAccount
from checker.sshd.lockdown import (
    EARLIER_STARTUPS,
    differences,
    max_startups,
    number,
    unknown_to,
    unwelcome,
)
from checker.sshd.sshrc import guard_sshrc, sshrc_sentence

SOON_DAYS = 30
"""An expiry date that is as near is a fault by now."""


def check_sshd(facts: Facts) -> Iterator[Finding]:
    yield check_account(facts)
    sshd = facts.sshd
    if sshd is not None and not sshd.is_asked:
        yield Finding(
            name="sshd",
            ok=None,
            sentence="only root can ask sshd for its settings",
            mend="sudo reversi-checker doctor",
        )
    elif sshd is not None:
        yield check_lockdown(facts, sshd)
        yield from check_limits(facts, sshd)
        yield check_kinds_of_keys(facts, sshd)
        yield from check_startups(facts, sshd)
        yield from check_penalties(facts, sshd)
        yield from check_own_lists(facts, sshd)
        yield from check_log(facts)
    yield check_sshrc(facts)


def check_account(facts: Facts) -> Finding:
    """A `!` in shadow locks the account only for an sshd without PAM. Source: auth.c,
    allowed_user().
    """
    user, account, closed_by = facts.user, facts.account, facts.login.closed_by
    lacks_pam = facts.sshd is not None and facts.sshd.effective.get("usepam", "").lower() == "no"
    return finding(
        "account",
        f"{user} can run a forced command",
        (account is None, f"the tunnel user {user} does not exist", remedies.INIT),
        (
            account is not None and account.uid == 0 and not facts.is_own,
            f"the tunnel user {user} has the rights of root",
            "name another in reversi.toml",
        ),
        (
            account is not None and bool(NO_SHELL.search(account.shell)),
            f"the shell of {user} cannot run a forced command",
            f"sudo usermod --shell /bin/sh {user}",
        ),
        (
            account is not None and account.is_locked and lacks_pam and not facts.is_own,
            f"{user} is locked with '!' and sshd has UsePAM no, so sshd rejects every key",
            f"sudo usermod --password '*' {user}",
        ),
        *expiring(user, account),
        (
            closed_by is not None,
            f"only root can log in while the file {closed_by} exists",
            f"sudo rm {closed_by}",
        ),
    )


def expiring(user: str, account: UserAccount | None) -> Iterator[tuple[bool, str, str]]:
    """Say whether the account, or its password, has expired or soon will."""
    if account is None:
        return
    yield (
        account.is_expired,
        f"the account {user} has expired, so sshd rejects every key",
        remedies.never_expire(user),
    )
    yield (
        account.is_aged,
        f"the password of {user} has expired, so a login can only change it",
        remedies.never_age(user),
    )
    ways = (
        (account.expires_in_days, "account", remedies.never_expire(user)),
        (account.password_in_days, "password", remedies.never_age(user)),
    )
    for days, what, mend in ways:
        yield (
            days is not None and days <= SOON_DAYS,
            f"the {what} of {user} expires in {days} days: then no device can log in",
            mend,
        )


def check_lockdown(facts: Facts, sshd: SshdFacts) -> Finding:
    settings: tuple[str, ...] = ()
    if not sshd.complaint:
        is_private = facts.home is not None
        settings = differences(sshd.effective, private=is_private, unknown=unknown_to(sshd.version))
    wrong = (*settings, *sshd.openings)
    why = "; ".join(sshd.refusals)
    name = "OpenSSH {}.{}".format(*sshd.version) if sshd.version else "sshd"
    return finding(
        "sshd",
        f"{name} lets {facts.user} only open reverse tunnels",
        (
            sshd.misplaced is not None,
            sshd.misplaced.sentence if sshd.misplaced else "",
            sshd.misplaced.mend if sshd.misplaced else "",
        ),
        (
            bool(sshd.complaint),
            f"sshd would not start: {sshd.complaint}",
            remedies.test_config(sshd.file),
        ),
        (
            bool(wrong),
            f"sshd does not lock down {facts.user}: {'; '.join(wrong)}",
            remedies.lock_down(facts),
        ),
        (bool(why), f"sshd rejects every key of {facts.user}: {why}", remedies.let_in(facts)),
    )


def check_limits(facts: Facts, sshd: SshdFacts) -> Iterator[Finding]:
    """Report addresses that sshd rejects. It may be meant to, so that is wrong for certain only if
    no node gets in.
    """
    if sshd.limits:
        yield Finding(
            name="addresses",
            ok=None if facts.machine.peers else False,
            sentence=f"sshd rejects some addresses: {'; '.join(sshd.limits)}",
            mend=remedies.let_in(facts),
        )


def check_kinds_of_keys(facts: Facts, sshd: SshdFacts) -> Finding:
    """Report the first option that rejects a node's key, with the value that accepts all keys."""
    rejected = [
        (name, *why)
        for name, key in facts.registry.node_keys
        if (why := unwelcome(sshd.effective, key))
    ]
    option = rejected[0][1] if rejected else ""
    names = sorted({name for name, by, _ in rejected if by == option})
    present = sshd.effective.get(option.lower(), "")[:80]
    wanted = min(
        (value for _, by, value in rejected if by == option),
        key=lambda value: (len(value), value),
        default="",
    )
    return finding(
        "kinds of keys",
        "sshd accepts the kinds of keys that the nodes have",
        (
            bool(rejected),
            f"sshd rejects the keys of {first_of(names, 3, ', ')}: {option} is {present}",
            remedies.accept_keys(facts, option, wanted),
        ),
    )


def check_startups(facts: Facts, sshd: SshdFacts) -> Iterator[Finding]:
    text, nodes = sshd.effective.get("maxstartups", ""), facts.registry.nodes
    first, _, rest = text.partition(":")
    if not first.isdigit():
        return
    cores = facts.machine.capacity.cores if facts.machine.capacity else 1
    ours = max_startups(cores)
    most = ours.rpartition(":")[2]
    machine = f"{cores} core{'' if cores == 1 else 's'}"
    yield finding(
        "logins at once",
        f"MaxStartups {text} is enough for {nodes} node{'' if nodes == 1 else 's'}",
        (
            int(first) < min(nodes, number(ours.partition(":")[0])),
            f"MaxStartups {text} drops logins at random when {nodes} nodes reconnect at once",
            remedies.set_startups(ours),
        ),
        (
            text == EARLIER_STARTUPS and number(rest.rpartition(":")[2]) > number(most),
            (
                f"MaxStartups {text}, of an earlier release, lets more logins wait than {machine}"
                f" can serve before their clients give up; {ours} suits this machine"
            ),
            remedies.init_or(facts, remedies.start(facts)),
        ),
    )


def check_penalties(facts: Facts, sshd: SshdFacts) -> Iterator[Finding]:
    if sshd.version is None or sshd.version < (9, 8):
        return
    penalties = sshd.effective.get("persourcepenalties", "").lower()
    exempt = sshd.effective.get("persourcepenaltyexemptlist", "none").lower()
    shared = sorted(address for address, nodes in facts.machine.peers.items() if nodes > 1)
    is_on = penalties not in ("", "no")
    yield finding(
        "penalties",
        "a node with a rejected key locks out no other node"
        if is_on
        else "PerSourcePenalties is off",
        (
            is_on and exempt == "none" and bool(shared),
            (
                f"several nodes connect from {', '.join(shared)}: if sshd rejects the key of one,"
                " it locks all of them out for minutes (PerSourcePenalties)"
            ),
            remedies.configure_sshd("exempt", f"PerSourcePenaltyExemptList {','.join(shared)}"),
        ),
    )


def check_own_lists(facts: Facts, sshd: SshdFacts) -> Iterator[Finding]:
    """A list that names only the tunnel user locks everybody else out."""
    alone = [
        one for one in facts.login.own_lists if sshd.effective.get(one.lower(), "") == facts.user
    ]
    if alone:
        yield Finding(
            name="who may log in",
            ok=False,
            sentence=(
                f"nobody but {facts.user} can log in here: {ALLOW} is the only file left that sets"
                f" {' and '.join(alone)}"
            ),
            mend=f"{remedies.INIT}    # removes it",
        )


def check_log(facts: Facts) -> Iterator[Finding]:
    """Say from where sshd's refusals are read. Without a log, sshd refuses all the same."""
    log = facts.login.log
    if log:
        yield Finding(
            name="sshd's log",
            ok=True,
            sentence=f"what sshd refuses a node becomes an event, read from {log}",
        )
    elif log is not None:
        sentence = (
            "what sshd refuses a node does not become an event: there is neither a journal nor an"
            " auth.log to read"
        )
        yield Finding(
            name="sshd's log", ok=None, sentence=sentence, mend="sudo apt-get install rsyslog"
        )


def check_sshrc(facts: Facts) -> Finding:
    first = next(iter(facts.login.sshrc), None)
    return finding(
        "sshrc",
        "sshd runs no script whose output would precede our answers",
        (
            first is not None,
            sshrc_sentence(first) if first else "",
            guard_sshrc(first, facts.user) if first else "",
        ),
    )
