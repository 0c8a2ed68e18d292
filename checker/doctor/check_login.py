"""Judge the logins that `doctor --login` tried, and what of PAM may shut devices out. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of
from checker.doctor.login_facts import Trial
from checker.registry.key_files import Stand
from checker.sshd.refused_logins import Reason

LIMITS = "grep -rn -e nproc -e maxlogins /etc/security/limits.conf /etc/security/limits.d"
MOST_WORDS = 3
"""Most lines of sshd's log in one finding."""
WAYS_OUT: Mapping[Reason, str] = {
    Reason.DENY_USERS: remedies.DENIED,
    Reason.DENY_GROUPS: remedies.DENIED,
    Reason.ACCOUNT: "sudo reversi-checker doctor    # see: account",
    Reason.PAM: "grep -n pam_ /etc/pam.d/sshd    # and change what that module reads",
    Reason.KEY_FILE: "sudo reversi-checker doctor    # see: key file",
    Reason.REVOKED: "sudo sshd -T | grep -i revokedkeys    # and restore that file",
    Reason.REFUSE_CONNECTION: "grep -ri '^ *RefuseConnection' /etc/ssh    # and remove it there",
    Reason.HOSTS_DENY: "grep -n . /etc/hosts.deny /etc/hosts.allow    # and exempt sshd",
    Reason.RESOURCES: LIMITS,
    Reason.SESSION: LIMITS,
}
"""What to do about a reason, if it does not depend on the gateway."""
OTHER_HOST_KEY = ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")


def check_login(facts: Facts) -> Iterator[Finding]:
    yield from check_pam(facts)
    yield from check_refused(facts)
    for trial in facts.trials:
        yield judged(facts, trial)


def check_pam(facts: Facts) -> Iterator[Finding]:
    """A module of PAM decides by its own files, so only a login shows what it does."""
    modules = facts.login.pam
    if not modules or any(trial.works for trial in facts.trials):
        return
    yield Finding(
        name="PAM",
        ok=None,
        sentence=f"{first_of(list(modules), 3, ', ')} may shut {facts.user} out",
        mend=remedies.ours(facts, "doctor --login"),
    )


def check_refused(facts: Facts) -> Iterator[Finding]:
    """Report devices that sshd refuses, for whatever reason: only its log says so."""
    refused = facts.login.refused
    if refused:
        yield Finding(
            name="refused logins",
            ok=False,
            sentence=(
                f"sshd refuses {first_of(list(refused), 3, ', ')}: {next(iter(refused.values()))}"
            ),
            mend=remedies.ours(facts, "doctor --login"),
        )


def judged(facts: Facts, trial: Trial) -> Finding:
    name = f"login {trial.place}"
    if not trial.is_reached:
        return unreached(facts, trial, name)
    said = sshd_said(trial)
    if trial.works and trial.refusal is None:
        return Finding(
            name=name,
            ok=True,
            sentence=f"a node's key logs in, and the gate answers {trial.answer!r}",
        )
    if any(words in trial.complaint for words in OTHER_HOST_KEY):
        place = trial.place.rpartition(":")
        return Finding(
            name=name,
            ok=False,
            sentence=(
                "what answers there has none of the host keys that sshd -T names, so devices will"
                " not trust it"
            ),
            mend=f"ssh-keyscan -p {place[2]} {place[0].strip('[]')}    # and compare",
        )
    return finding(
        name,
        "",
        (
            trial.refusal is not None or trial.exit_status == 255,
            f"sshd does not let a node's key in: {said}",
            way_out(facts, trial),
        ),
        (
            True,
            f"a node's key logs in, but its command fails: {trial.complaint or trial.answer}",
            remedies.ours(facts, "doctor") + "    # see: key file, way in, daemon",
        ),
    )


def unreached(facts: Facts, trial: Trial, name: str) -> Finding:
    """Nobody answered: at our own address that is wrong, elsewhere a router may be in between."""
    if trial.is_own:
        return Finding(
            name=name,
            ok=False,
            sentence=f"sshd does not answer there: {trial.complaint}",
            mend=remedies.start_sshd(facts),
        )
    return Finding(
        name=name,
        ok=None,
        sentence=(
            f"this address cannot be reached from the gateway itself ({trial.complaint}); devices"
            " may reach it, if their way leads through a router that does not loop back"
        ),
        mend=f"try it from elsewhere: ssh-keyscan {keyscan_words(trial.place)}",
    )


def keyscan_words(place: str) -> str:
    host, _, port = place.rpartition(":")
    return f"-p {port} {shlex.quote(host.strip('[]'))}"


def sshd_said(trial: Trial) -> str:
    """Return sshd's own words, else those of the client."""
    lines = [trial.refusal.words] if trial.refusal else list(trial.logged[:MOST_WORDS])
    if not lines:
        lines = [trial.complaint or "it says nothing"]
        if trial.has_log:
            lines.append("sshd here logged nothing about it")
    elif trial.complaint and trial.refusal is None:
        lines.append(trial.complaint)
    return "; ".join(lines)


def way_out(facts: Facts, trial: Trial) -> str:
    """Return what to do about the reason, as far as it is known."""
    found = trial.refusal
    if found is None:
        keys = facts.keys.by_fingerprint
        is_confined = keys is not None and keys.stand is not Stand.FILE and keys.confined
        return remedies.one_key_file(facts) if is_confined else remedies.sshd_log(facts)
    if found.reason in (Reason.ALLOW_USERS, Reason.ALLOW_GROUPS):
        return remedies.let_in(facts)
    if found.reason in (Reason.ACCOUNT, Reason.PAM) and "expired" in found.words:
        return remedies.never_expire(facts.user)
    if found.reason is Reason.AGED:
        return remedies.never_age(facts.user)
    return WAYS_OUT.get(found.reason) or remedies.sshd_log(facts)
