"""The settings that lock down the tunnel user, and whether sshd's answers show that they hold."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.model import rsa_bits
from checker.sshd.log_lines import LOG_VERBOSE

EARLIER_STARTUPS = "200:30:1000"
"""MaxStartups as earlier releases wrote it on every machine."""
REVERSE_ONLY: Mapping[str, str] = {
    "PasswordAuthentication": "no",
    "AuthenticationMethods": "publickey",
    "AllowTcpForwarding": "remote",
    "GatewayPorts": "clientspecified",
    "PermitOpen": "none",
    "AllowStreamLocalForwarding": "no",
    "AllowAgentForwarding": "no",
    "X11Forwarding": "no",
    "PermitTunnel": "no",
    "PermitTTY": "no",
    "PermitUserRC": "no",
    "ClientAliveInterval": "100",
    "ClientAliveCountMax": "1",
    "SetEnv": "SHLVL=2",
    "LogLevel": "INFO",
    "LogVerbose": LOG_VERBOSE,
}
"""What every sshd leaves a tunnel user. `clientspecified` opens nothing by itself: each key line
names the addresses on which its node may listen. As a login shell, bash would read ~/.bashrc for
each forced command; SHLVL prevents that (bash(1), "run by sshd"). checker.sshd.log_lines parses
what is logged. sshd asks a silent client once, after 100 s: later than the next beat of a device on
a metered link (60 s), so that beats are not doubled.
"""
LONGEST_ALIVE_S = 200
"""A client that is silent for longer than this is ended by sshd itself: after two intervals, or 13
of 15 s with the settings of earlier releases.
"""
LOCKDOWN: Mapping[str, str] = {
    "AuthorizedKeysFile": str(SYSTEM.authorized_keys),
    "AuthorizedKeysCommand": "/bin/true",
    "TrustedUserCAKeys": "none",
    "PubkeyAuthentication": "yes",
    "ForceCommand": "none",
    "ChrootDirectory": "none",
    "DisableForwarding": "no",
    "PermitListen": "any",
    "MaxSessions": "10",
    **REVERSE_ONLY,
    "AcceptEnv": "REVERSI_ACCEPTS_NONE",
    "UnusedConnectionTimeout": "none",
}
"""Only for the tunnel user. It overrides what the admin set for all users: the machine's own
ForceCommand, DisableForwarding, PermitListen or MaxSessions ends no tunnel (each key line names its
ports), and no certificate authority or key command opens a second door. No word turns AcceptEnv
off, so it names a variable that nobody sends. The admin decides which kinds of keys are good
enough; the doctor says whom that shuts out. ChannelTimeout is left out: OpenSSH 9.2 accepts `none`
for it, and then ends every login (process_channel_timeouts: bad timeout none).
`AuthorizedKeysCommand none` would do as well as a command that names no key; but inside a Match
block sshd takes `none` for a command without a user, and logs that as an error at each key that it
refuses (auth2-pubkey.c, user_key_command_allowed2).
"""
KEYS_COMMAND = "AuthorizedKeysCommand"
KEYS_COMMAND_USER = "AuthorizedKeysCommandUser"
READS_KEY = """/bin/sh -c '[ ! -e "$0" ] || exec cat "$0"' """
"""Prints the file that follows, if there is one. Plain `cat` fails without a file, and sshd logs
that at each key that it refuses. Source: misc.c, exited_cleanly.
"""
BESIDE: Mapping[str, str] = {KEYS_COMMAND_USER: "nobody"}
"""Settings that only accompany those above, and are not judged."""
BEFORE: Mapping[str, str] = {
    "AuthorizedKeysCommand": "none",
    "ClientAliveInterval": "15",
    "ClientAliveCountMax": "12",
}
"""What earlier releases wrote instead. It opens nothing either."""
SINCE: Mapping[str, tuple[int, int]] = {"UnusedConnectionTimeout": (9, 2), "LogVerbose": (8, 5)}
"""The OpenSSH version that introduced an option: omit it if sshd does not know it. OpenSSH 8.4
knows all others.
"""
NOT_EVERYWHERE = frozenset(SINCE)
ALIVE = ("clientaliveinterval", "clientalivecountmax")
ADDED_UP = ("AcceptEnv",)
"""sshd adds up all lines of these options; of others it takes the first. Source: servconf.c,
sAcceptEnv.
"""
EXACT = frozenset({"AuthorizedKeysFile", "SetEnv", "AcceptEnv", "LogVerbose"})
"""Options whose value is case-sensitive."""
FEWEST_SESSIONS = 3
"""As many as a client needs at once: claim or check beside its hold."""
RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
ACCEPTED = ("PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes")
"""One option: its present name, and its name before OpenSSH 8.5."""
NOT_JUDGED = frozenset({"SetEnv", "AuthorizedKeysFile", *NOT_EVERYWHERE})
"""Not compared for a private sshd: these differ there, or are its own affair."""
UNSET_IS_TIGHT = frozenset({"AcceptEnv"})
"""sshd does not print this option while it is unset, which is the tightest value."""
UNSET_IS_WELL = frozenset({"LogVerbose"})
"""sshd does not print this option while it is unset. Then it allows nothing; only the log says
less, as with a package's drop-in.
"""
UNKNOWN = re.compile(
    r"Bad configuration option: (\w+)|Directive '(\w+)' is not allowed within a Match block"
)
INCLUDE = re.compile(r"^(\s*include[\s=]+)(.+)$", re.IGNORECASE)


def max_startups(cores: int) -> str:
    """Return MaxStartups for a machine with so many cores.

    A login takes 26 to 40 ms of one core, and clients wait 10 s for it at least, so more logins
    than that only make all of them time out: those turned away come again at a random moment.
    """
    return f"{100 * cores}:30:{200 * cores}"


ANY_STARTUPS = max_startups(2)
"""For a machine that is not known, as in a package."""


def is_plain(path: Path) -> bool:
    """Return whether a path needs no quotes in sshd_config."""
    return re.fullmatch(r"[\w/.,:+@%-]+", str(path)) is not None


def keys_command(folder: Path) -> str:
    """Return the command by which sshd reads the file of a key, named by its fingerprint. The path
    must be plain.
    """
    return f"{READS_KEY}{str(folder).replace('%', '%%')}/%f.pub"


def drop_in(
    user: str,
    unknown: Collection[str] = NOT_EVERYWHERE,
    *,
    keys_user: str = "",
    startups: str = ANY_STARTUPS,
) -> bytes:
    """Return the file for sshd_config.d that is read first, without the options that this sshd does
    not know. `keys_user`: the account that reads the files by fingerprint; empty: nobody does.
    `startups`: from `max_startups`.
    """
    options = {key: value for key, value in LOCKDOWN.items() if key not in ADDED_UP}
    by_command = {KEYS_COMMAND: keys_command(SYSTEM.keys), KEYS_COMMAND_USER: keys_user}
    return text_of(
        user, {**options, **BESIDE, **(by_command if keys_user else {})}, unknown, startups
    )


def rest_of_drop_in(user: str, startups: str = ANY_STARTUPS) -> bytes:
    """Return the file that is read last: lists to which sshd adds each line that it finds, and
    MaxStartups again.

    If an earlier release is installed again, it writes its own whole block: no list may then
    contain an item twice, which that release reports as wrong.
    """
    return text_of(user, {key: LOCKDOWN[key] for key in ADDED_UP}, (), startups)


def released_drop_in(user: str, unknown: Collection[str] = NOT_EVERYWHERE) -> bytes:
    """Return the only file of earlier releases."""
    return text_of(user, {**LOCKDOWN, **BEFORE}, unknown, EARLIER_STARTUPS)


def text_of(
    user: str, options: Mapping[str, str], unknown: Collection[str], startups: str
) -> bytes:
    """Render the options. `Match all` ends the block, so that what is read after this file is not
    part of it.
    """
    without = {name.lower() for name in unknown}
    block = "".join(
        f"    {key} {value}\n" for key, value in options.items() if key.lower() not in without
    )
    return (
        f"# written by: reversi-checker init\nMaxStartups {startups}\nMatch User"
        f" {user}\n{block}Match all\n".encode()
    )


def unknown_options(complaint: str) -> frozenset[str]:
    """Return the options that `sshd -t` did not know, as it wrote them."""
    return frozenset(first or second for first, second in UNKNOWN.findall(complaint))


def version_in(text: str) -> tuple[int, int] | None:
    """Parse OpenSSH's version in the output of `sshd -V`, or in the usage message of an older
    one.
    """
    found = re.search(r"OpenSSH_(?:for_\w+_)?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def settings(text: str) -> dict[str, str]:
    """Parse the output of `sshd -T`, by lower-case keyword; the values of a repeated keyword are
    joined by spaces.

    OpenSSH prints keywords in lower case up to 10.4, and in mixed case from 10.5 on.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        word, _, value = line.strip().partition(" ")
        key = word.lower()
        found[key] = f"{found[key]} {value}" if key in found else value
    return found


def unknown_to(version: tuple[int, int] | None) -> frozenset[str]:
    """Return the options that an sshd of this version does not know; none if the version is not
    known.
    """
    return frozenset(
        name for name, since in SINCE.items() if version is not None and version < since
    )


def differences(
    effective: Mapping[str, str],
    *,
    private: bool = False,
    unknown: Collection[str] = NOT_EVERYWHERE,
) -> tuple[str, ...]:
    """Return a clause for each setting that does not hold for the tunnel user, or that sshd does
    not print.

    `unknown`: options that this sshd does not know, and therefore does not print.
    """
    judged = {key: value for key, value in LOCKDOWN.items() if not (private and key in NOT_JUDGED)}
    if ends_silent_clients(effective):
        judged = {key: value for key, value in judged.items() if key.lower() not in ALIVE}
    clauses = (
        difference(key, value, effective.get(key.lower()), private=private, unknown=unknown)
        for key, value in judged.items()
    )
    return tuple(filter(None, clauses))


def ends_silent_clients(effective: Mapping[str, str]) -> bool:
    """Whether sshd itself ends a silent client soon enough, by whatever numbers."""
    interval, count = (number(effective.get(name, "")) for name in ALIVE)
    return count > 0 and 0 < interval * (count + 1) <= LONGEST_ALIVE_S


def difference(
    key: str, value: str, is_so: str | None, *, private: bool, unknown: Collection[str]
) -> str:
    """Say what is wrong with one setting, as a clause; empty if nothing is."""
    if is_so is None:
        is_well = key in unknown or key in UNSET_IS_WELL or (private and key in UNSET_IS_TIGHT)
        return "" if is_well else f"{key} could not be checked, as sshd does not print it"
    # if the block is there twice, its lists have each item twice
    same = set(is_so.split()) == {value} if key in EXACT else is_so.lower() == value.lower()
    enough = (
        is_so == BEFORE.get(key)
        or (key == KEYS_COMMAND and reads_our_keys(is_so, private=private))
        or (key == "GatewayPorts" and is_so.lower() == "no" and private)
        or (key == "MaxSessions" and is_so.isdecimal() and int(is_so) >= FEWEST_SESSIONS)
    )
    return "" if same or enough else f"{key} is {is_so}, and must be {value}"


def reads_our_keys(command: str, *, private: bool = False) -> bool:
    """Return whether an AuthorizedKeysCommand, as sshd prints it, is the one that reads our files
    by fingerprint.
    """
    return command.startswith(READS_KEY) if private else command == keys_command(SYSTEM.keys)


def unwelcome(effective: Mapping[str, str], key: str) -> tuple[str, str] | None:
    """Return the option by which sshd rejects this public key for any user, and a value with which
    it would not; None if it accepts the key.
    """
    kind = key.partition(" ")[0]
    wanted = RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,)
    option = next((name for name in ACCEPTED if name.lower() in effective), None)
    if option and not set(wanted).intersection(effective[option.lower()].split(",")):
        return option, f"+{','.join(wanted[:2])}"
    bits = rsa_bits(key)
    if bits is not None and bits < number(effective.get("requiredrsasize", "")):
        return "RequiredRSASize", str(bits)
    return None


def number(text: str) -> int:
    """Parse a number that sshd printed; 0 if it is not a number."""
    return int(text) if text.isdecimal() else 0


def redirected(main: str, place: Path, folder: Path) -> str | None:
    """Return sshd_config with the Include that reads `place` pointed at `folder`; None if no
    Include reads it. Source: sshd_config(5), Include.
    """
    lines = main.splitlines()
    found = False
    for number, line in enumerate(lines):
        include = INCLUDE.match(line)
        if include is None:
            continue
        words = include[2].partition("#")[0].split()
        changed = [aimed(word.strip('"'), place, folder) for word in words]
        found = found or changed != [word.strip('"') for word in words]
        lines[number] = include[1] + " ".join(changed)
    return "\n".join(lines) + "\n" if found else None


def aimed(pattern: str, place: Path, folder: Path) -> str:
    absolute = Path("/etc/ssh") / pattern
    return (
        str(folder / absolute.name) if fnmatch.fnmatchcase(str(place), str(absolute)) else pattern
    )
