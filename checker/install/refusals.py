"""What `init` refuses because only the admin can decide it. Pure."""

from __future__ import annotations

import re

from checker.config.layout import SYSTEM
from checker.install.left_behind import clauses
from checker.install.steps import Found, UserAccount
from checker.install.unit_files import DAEMON_USER
from checker.model import CheckerError

NO_SHELL = re.compile(r"(nologin|false)$|^$")
"""Shells that run no forced command."""
USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
HIDDEN = (
    "/home/",
    "/root/",
    "/run/user/",
    "/tmp/",  # noqa: S108 - named to be refused
    "/var/tmp/",  # noqa: S108 - named to be refused
)
"""Directories that ProtectHome and PrivateTmp of the unit hide from the daemon."""


class Refused(CheckerError):
    """The admin must change something on this machine first; nothing was done."""


def refuse(found: Found) -> None:
    """Raises Refused."""
    refuse_names(found)
    if found.has_systemd and is_hidden(found):
        raise Refused(f"{hidden_sentence(found)}, and run init from there")
    if found.unreadable:
        raise Refused(found.unreadable)
    user = found.choices.tunnel_user
    account = found.accounts.get(user)
    if account is not None:
        refuse_account(user, account, uses_pam=found.uses_pam)
    left = "; ".join(clauses(found.logins, user))
    if left and not found.logins.leave:
        raise Refused(f"{left}. To leave them behind all the same: init --leave-behind")


def refuse_names(found: Found) -> None:
    """Raises Refused."""
    choices = found.choices
    for name in filter(None, (choices.tunnel_user, choices.operators, choices.readers)):
        if not USER_NAME.fullmatch(name):
            raise Refused(
                f"{SYSTEM.config}: useradd does not accept the name {name!r}; use a-z, 0-9, - and _"
            )
    if found.choices.tunnel_user == DAEMON_USER:
        raise Refused(
            f"{SYSTEM.config}: {DAEMON_USER} is the daemon's own account; choose another"
            " tunnel_user"
        )


def refuse_account(user: str, account: UserAccount, *, uses_pam: bool | None) -> None:
    """Raises Refused."""
    if account.uid == 0:
        raise Refused(
            f"tunnel_user {user} has the rights of root; choose another in {SYSTEM.config}"
        )
    if NO_SHELL.search(account.shell):
        raise Refused(
            f"the shell of {user} is {account.shell or 'not set'}, so no forced command can run;"
            f" run: usermod --shell /bin/sh {user}"
        )
    if account.is_expired:
        raise Refused(
            f"account {user} has expired, so nobody can log in to it; run: chage --expiredate -1"
            f" {user}"
        )
    if account.is_aged:
        raise Refused(
            f"the password of account {user} has expired, so a login can only change it; run: chage"
            f' --maxdays -1 --lastday "$(date +%F)" {user}'
        )
    if account.is_locked and uses_pam is False:
        raise Refused(
            f"account {user} is locked with '!' and sshd has UsePAM no, so sshd rejects every key;"
            f" run: usermod --password '*' {user}"
        )


def hidden_place(found: Found) -> str:
    """Return a part of reversi, or of its interpreter, that a systemd service could not see; empty
    if there is none.
    """
    places = (found.python, *found.places)
    return next((place for place in places if f"{place}/".startswith(HIDDEN)), "")


def is_hidden(found: Found) -> bool:
    """Return whether a systemd service could not see the interpreter or reversi."""
    return bool(hidden_place(found))


def hidden_sentence(found: Found) -> str:
    place = hidden_place(found)
    other = "" if place == found.python else ", with an interpreter such as /usr/bin/python3"
    return f"reversi runs from {place}, which a service cannot see; install it under /opt{other}"
