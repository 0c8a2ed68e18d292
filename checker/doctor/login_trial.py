"""Log in as a device does, with a key for one minute, and collect what sshd says about it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client_files import GatewayUnknown, addresses
from checker.doctor.facts import Facts
from checker.doctor.login_facts import (
    SHOWN,
    Trial,
    first_refusal,
    ours_among,
    places,
    worth_showing,
)
from checker.doctor.sshd_words import Take, awaited, listening
from checker.doctor.trial_key import TrialKey, trial_key
from checker.model import CheckerError, parse_target, printable
from checker.sshd.host_key_files import host_keys
from checker.sshd.log_lines import LogLine

UTC_SINCE = (9, 1)
"""The OpenSSH that introduced expiry times in UTC."""
LOGS_IN_WITHIN_S = 30
NO_CONNECTION = "no connection: "
"""How `dial` says that it reached nobody."""


class NoTrial(CheckerError):
    """No login can be tried here."""


def log_in(layout: Layout, facts: Facts) -> tuple[Trial, ...]:
    """Try a login at this machine's own address, and at each address of the gateway. Raises
    CheckerError.
    """
    sshd = facts.sshd
    if sshd is None:
        raise NoTrial(f"no sshd of {layout.home} runs; start: reversi-checker up")
    if not sshd.is_asked or not os.access(layout.nodes, os.W_OK, effective_ids=True):
        raise NoTrial(
            "--login puts a key into the key file for a minute: only root may do that; run: sudo"
            " reversi-checker doctor --login"
        )
    if not layout.authorized_keys.exists():
        raise NoTrial(f"{layout.authorized_keys} is missing; doctor without --login says more")
    if facts.account is None:
        raise NoTrial(f"the tunnel user {facts.user} does not exist; run: reversi-checker init")
    is_utc = sshd.version is not None and sshd.version >= UTC_SINCE
    return tuple(
        tried(layout, facts, place, is_own=is_own, is_utc=is_utc)
        for place, is_own in places(sshd.effective, gateways(layout)).items()
    )


def gateways(layout: Layout) -> list[str]:
    """Return the addresses that devices are given; none if they are not known."""
    try:
        return addresses(layout, load_config(layout.config), None)
    except GatewayUnknown:
        return []


def tried(layout: Layout, facts: Facts, place: str, *, is_own: bool, is_utc: bool) -> Trial:
    """Log in at one address. Raises CheckerError."""
    assert facts.sshd is not None
    assert facts.account is not None
    uid = facts.account.uid
    with (
        trial_key(layout, is_utc=is_utc) as key,
        listening((0, uid) if layout.home is None else ()) as take,
    ):
        done = ssh(key, layout, facts.user, place)
        is_own = is_own or is_here(parse_target(place).host)
        trial = outcome(done, place, is_own=is_own, has_log=take is not None)
        if take is None or layout.home is not None or not trial.is_reached:
            return trial
        lines = about(key, take)
    return with_log(trial, lines, facts.user, uid)


def is_here(host: str) -> bool:
    """Return whether all addresses of the host are this machine's: only to those can one bind."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        for family, kind, _, _, address in found:
            with socket.socket(family, kind) as trial:
                trial.bind(address)
    except OSError:
        return False
    return bool(found)


def outcome(
    done: subprocess.CompletedProcess[str] | None, place: str, *, is_own: bool, has_log: bool
) -> Trial:
    """Return what the client reports; `done` is None if it took too long."""
    if done is None:
        return Trial(
            place=place,
            is_own=is_own,
            exit_status=255,
            complaint=f"no answer within {LOGS_IN_WITHIN_S} s",
            has_log=has_log,
        )
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    refused = [line for line in said if line.startswith(NO_CONNECTION)]
    *_, answer = ["", *done.stdout.strip().splitlines()]
    return Trial(
        place=place,
        is_own=is_own,
        is_reached=not refused,
        exit_status=done.returncode,
        answer=printable(answer, SHOWN),
        complaint=printable("; ".join(refused or said), SHOWN).removeprefix(NO_CONNECTION),
        has_log=has_log,
    )


def about(key: TrialKey, take: Take) -> list[LogLine]:
    """Wait for what sshd logs about the login with this key."""
    noted = note_of(key)
    words = noted.read_text(encoding="ascii").split() if noted.exists() else []
    address, port, *pids = words or ("", "")
    peer, served = (address, port), [int(pid) for pid in pids]
    return awaited(
        take, lambda lines: ours_among(lines, pids=served, peer=peer, key=key.fingerprint)
    )


def with_log(trial: Trial, lines: Sequence[LogLine], user: str, uid: int) -> Trial:
    """Add what sshd logged."""
    return replace(
        trial,
        logged=worth_showing(lines),
        refusal=first_refusal(lines, user, uid),
    )


def note_of(key: TrialKey) -> Path:
    """Return where `dial` notes the connection."""
    return key.path.with_name("connection")


def ssh(
    key: TrialKey, layout: Layout, user: str, place: str
) -> subprocess.CompletedProcess[str] | None:
    """Log in, and ask for the version; None if that takes too long. Raises CheckerError."""
    target = parse_target(place)
    known = key.path.with_name("known_hosts")
    names = known_keys(layout)
    known.write_text("".join(f"gateway {one}\n" for one in names), encoding="ascii")
    dial = [sys.executable, "-I", "-m", "checker.doctor.dial"]
    settings = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "HostKeyAlias": "gateway",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes" if names else "accept-new",
        "ControlPath": "none",
        "ForwardAgent": "no",
        "LogLevel": "INFO",
        "ProxyUseFdpass": "yes",
        "ProxyCommand": proxy_command([*dial, target.host, str(target.port), str(note_of(key))]),
    }
    words = ["ssh", "-F", "none", "-T", "-i", str(key.path)]
    words += [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    try:
        return subprocess.run(
            [*words, "-l", user, "gateway", "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LOGS_IN_WITHIN_S,
            env={**os.environ, "SHELL": "/bin/sh"},
        )
    except FileNotFoundError as error:
        raise NoTrial(
            "ssh is not installed; as root, run: apt-get install openssh-client"
        ) from error
    except subprocess.TimeoutExpired:
        return None


def proxy_command(words: Sequence[str]) -> str:
    """Quote a command for ssh, which replaces tokens that begin with `%`, and has the user's shell
    execute it.
    """
    return shlex.join(words).replace("%", "%%")


def known_keys(layout: Layout) -> tuple[str, ...]:
    """Return sshd's public host keys, `TYPE BASE64`; none if they cannot be read."""
    try:
        return host_keys(layout).keys
    except CheckerError:
        return ()
