"""Understand why sshd turns a login away, from the lines of its log. Pure.

Names, offers and banners in these lines are the client's words. They stand last, or they are
compared with the tunnel user's name as a whole. Nothing after them is believed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from checker.model import printable
from checker.sshd.log_lines import PREFIX, LogLine

SHOWN = 200
"""Most characters of a line that we repeat."""
HEARD_KEPT = 1000
"""Most processes of which we remember a line."""
PREAUTH = " [preauth]"


class Reason(StrEnum):
    """Why a login failed, in the words of sshd's configuration if it has a word for it."""

    DENY_USERS = "DenyUsers"
    ALLOW_USERS = "AllowUsers"
    DENY_GROUPS = "DenyGroups"
    ALLOW_GROUPS = "AllowGroups"
    ACCOUNT = "account"
    AGED = "password"
    PAM = "PAM"
    SESSION = "PAM session"
    KEY_FILE = "key file"
    REVOKED = "RevokedKeys"
    KIND_OF_KEY = "kind of key"
    ALGORITHM = "algorithms"
    HOSTS_DENY = "hosts.deny"
    PENALTY = "penalty"
    REFUSE_CONNECTION = "RefuseConnection"
    ATTEMPTS = "attempts"
    RESOURCES = "resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLogin:
    """A login that sshd refused, or that is worth nothing to its device."""

    reason: Reason
    words: str
    """What sshd wrote, escaped."""
    address: str = ""
    """Where it came from; empty if no line says so."""
    fingerprint: str = ""
    """The key that it used; empty if no line says so."""
    pid: int | None = None
    """The process that wrote it, if it served a login before."""
    is_for_user: bool = False
    """Whether it is certain that the login was the tunnel user's."""

    @property
    def kind(self) -> str:
        """The reason, and of PAM's modules the one that gave it."""
        module = self.words.partition("(")[0] if self.reason is Reason.PAM else ""
        return f"{self.reason} {module}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What lines mean that match a pattern. Its group `address` or `key` has what the name says."""

    text: str
    """A regular expression; `USER` stands for the tunnel user."""
    reason: Reason
    is_for_user: bool = False
    is_final: bool = True
    """Whether the line itself reports the refusal; otherwise a later line of its process does."""


ADDRESS = r"(?P<address>[0-9A-Fa-f.:%]+)"
HOST = r"(?P<address>\S+)"
"""With UseDNS also a name."""
KEY = r"\S+ (?P<key>SHA256:[\w+/]+)"
PORT = r"port \d{1,5}"
NOT_ALLOWED = rf"User USER from {HOST} not allowed because "
MEANINGS = (
    Meaning(text=NOT_ALLOWED + "listed in DenyUsers$", reason=Reason.DENY_USERS, is_for_user=True),
    Meaning(
        text=NOT_ALLOWED + "not listed in AllowUsers$", reason=Reason.ALLOW_USERS, is_for_user=True
    ),
    Meaning(
        text=NOT_ALLOWED + "a group is listed in DenyGroups$",
        reason=Reason.DENY_GROUPS,
        is_for_user=True,
    ),
    Meaning(
        text=NOT_ALLOWED + "(?:none of user's groups are listed in AllowGroups|not in any group)$",
        reason=Reason.ALLOW_GROUPS,
        is_for_user=True,
    ),
    Meaning(
        text=r"User USER not allowed because (?:account is locked|shell .*)$",
        reason=Reason.ACCOUNT,
        is_for_user=True,
        is_final=False,
    ),
    Meaning(
        text=r"Account USER has expired$", reason=Reason.ACCOUNT, is_for_user=True, is_final=False
    ),
    Meaning(
        text=r"User USER password has expired .*$",
        reason=Reason.AGED,
        is_for_user=True,
        is_final=False,
    ),
    Meaning(
        text=r"pam_unix\(\S+:account\): expired password for user USER .*$",
        reason=Reason.AGED,
        is_for_user=True,
        is_final=False,
    ),
    Meaning(
        text=rf"pam_access\(\S+:account\): access denied for user .* from [`']?{ADDRESS}'$",
        reason=Reason.PAM,
        is_final=False,
    ),
    Meaning(text=r"pam_\w+\(\S+:account\): .*$", reason=Reason.PAM, is_final=False),
    Meaning(
        text=r"Access denied for user USER by PAM account configuration$",
        reason=Reason.PAM,
        is_for_user=True,
    ),
    Meaning(text=r"PAM: pam_open_session\(\): .*$", reason=Reason.SESSION),
    Meaning(text=r"Authentication refused: .*$", reason=Reason.KEY_FILE, is_final=False),
    Meaning(
        text=rf"Error checking authentication key {KEY} in revoked keys file .*$",
        reason=Reason.REVOKED,
    ),
    Meaning(text=rf"Authentication key {KEY} revoked by file .*$", reason=Reason.REVOKED),
    Meaning(
        text=r"userauth_pubkey: (?:signature algorithm|key type) \S+ not in PubkeyAccepted\w+$",
        reason=Reason.KIND_OF_KEY,
        is_final=False,
    ),
    Meaning(text=r"(?:\w+: )?refusing RSA key: .*$", reason=Reason.KIND_OF_KEY, is_final=False),
    Meaning(
        text=rf"Unable to negotiate with {ADDRESS} {PORT}: no matching .*$",
        reason=Reason.ALGORITHM,
    ),
    Meaning(text=rf"refused connect from .* \({ADDRESS}\)$", reason=Reason.HOSTS_DENY),
    Meaning(
        text=rf"drop connection #\d+ from \[{ADDRESS}\]:\d{{1,5}} on \S+ penalty: .*$",
        reason=Reason.PENALTY,
    ),
    Meaning(
        text=rf"administratively prohibited connection for USER from {ADDRESS} {PORT}$",
        reason=Reason.REFUSE_CONNECTION,
        is_for_user=True,
    ),
    Meaning(
        text=rf"maximum authentication attempts exceeded for USER from {ADDRESS} {PORT} ssh2$",
        reason=Reason.ATTEMPTS,
        is_for_user=True,
    ),
    Meaning(
        text=(
            r"(?:do_exec\w*: )?(?:fork|pipe|dup)[\w ]*: (?:Resource temporarily unavailable"
            r"|Cannot allocate memory|Too many open files.*)$"
        ),
        reason=Reason.RESOURCES,
    ),
    Meaning(text=r"fork of unprivileged child failed.*$", reason=Reason.RESOURCES),
)
"""Sources: auth.c, auth2.c, auth2-pubkey.c, auth-pam.c, auth-shadow.c, monitor.c, session.c,
packet.c and sshd.c of OpenSSH 9.2 and 10.5; the modules of Linux-PAM; hosts_access(5).
"""
CLOSED = (
    r"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting) (?:authenticating|invalid)"
    rf" user USER {ADDRESS} {PORT}\b"
)
"""The line that ends a failed login."""
ACCEPTED = rf"Accepted publickey for USER from {ADDRESS} {PORT} "
CONNECTED = re.compile(rf"Connection from {ADDRESS} {PORT} on ")
"""Logged only at LogLevel VERBOSE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one process of sshd said about a login that is under way."""

    address: str = ""
    first: RefusedLogin | None = None
    """What may turn out to be the reason."""


class Doorway:
    """Take in sshd's lines, and return each login that they report as refused."""

    def __init__(self, user: str, uid: int) -> None:
        def about(text: str) -> re.Pattern[str]:
            return re.compile(text.replace("USER", re.escape(user)), re.DOTALL)

        self.uid = uid
        self.meanings = [(about(one.text), one) for one in MEANINGS]
        self.closed, self.accepted = about(CLOSED), about(ACCEPTED)
        self.heard: dict[int, Heard] = {}

    def hear(self, line: LogLine) -> RefusedLogin | None:
        """Take in a line; return the refusal that it reports, None if it reports none."""
        if line.uid not in (None, 0, self.uid):
            return None  # anyone may write to the machine's log under sshd's name
        text = words_of(line.text)
        for pattern, meaning in self.meanings:
            found = pattern.match(text)
            if found:
                return self.understood(meaning, found, text, line.pid)
        if found := CONNECTED.match(text):
            self.note(line.pid, Heard(address=found["address"]))
        elif found := self.closed.match(text):
            return self.at_end(line.pid, found["address"])
        elif found := self.accepted.match(text):
            return self.at_end(line.pid, found["address"], is_accepted=True)
        return None

    def understood(
        self, meaning: Meaning, match: re.Match[str], text: str, pid: int | None
    ) -> RefusedLogin | None:
        """Return the refusal, with what the same process said before; None if it is not one yet."""
        before = self.heard.get(pid or 0, Heard())
        named = match.groupdict()
        address = named.get("address") or ""
        refusal = RefusedLogin(
            reason=meaning.reason,
            words=printable(text, SHOWN),
            address=address if is_address(address) else before.address,
            fingerprint=named.get("key") or "",
            pid=pid,
            is_for_user=meaning.is_for_user,
        )
        first = before.first
        if not meaning.is_final:
            self.note(pid, replace(before, first=merged(first, refusal)))
            return None
        self.heard.pop(pid or 0, None)
        if first is not None and first.reason is refusal.reason is Reason.PAM:
            # what the module said, not that PAM said no
            return replace(first, address=first.address or refusal.address, is_for_user=True)
        return refusal

    def at_end(
        self, pid: int | None, address: str, *, is_accepted: bool = False
    ) -> RefusedLogin | None:
        """Return why a login of the user failed that ends now, or why it is worth nothing although
        sshd accepted it; None if no line said why.
        """
        first = self.heard.pop(pid or 0, Heard()).first
        if first is None or first.reason is Reason.PAM:
            return None
        if is_accepted and first.reason is not Reason.AGED:
            return None
        return replace(first, address=address, is_for_user=True)

    def note(self, pid: int | None, heard: Heard) -> None:
        """Remember what the process said."""
        if pid is None:
            return
        self.heard.pop(pid, None)
        self.heard[pid] = heard
        if len(self.heard) > HEARD_KEPT:
            del self.heard[next(iter(self.heard))]


def merged(first: RefusedLogin | None, second: RefusedLogin) -> RefusedLogin:
    """Join what two lines of one login say."""
    if first is None or first.reason is not second.reason:
        return second
    return replace(
        second,
        words=printable(f"{first.words}; {second.words}", 2 * SHOWN),
        address=first.address or second.address,
    )


def words_of(text: str) -> str:
    """Return a line without what sshd's levels put before and after it."""
    return PREFIX.sub("", text.rstrip("\r\n"), count=1).removesuffix(PREAUTH)


def is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return False
    return True


def in_lines(lines: Iterable[LogLine], user: str, uid: int) -> list[RefusedLogin]:
    """Return the refusals in these lines."""
    doorway = Doorway(user, uid)
    return [found for line in lines if (found := doorway.hear(line))]
