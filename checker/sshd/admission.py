"""Whom sshd lets log in, from its effective settings: users, groups, addresses, and PAM. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

EVERYWHERE = ("", "*")
"""Host patterns that match each address."""
PAM_MODULES = ("pam_access.so", "pam_listfile.so", "pam_succeed_if.so")
"""Modules that let in some accounts and keep out others, as their files or arguments say."""
DEEPEST = 8
PAM_LINE = re.compile(
    r"-?(?P<type>account|session)\s+(?P<control>\[[^]]*\]|\S+)\s+(?P<module>\S+)(?P<rest>.*)",
    re.IGNORECASE,
)
PAM_INCLUDE = re.compile(r"@include\s+(\S+)", re.IGNORECASE)
Read = Callable[[str], str]
"""Returns the text of a file of PAM, named as `sshd`; empty if there is none."""


def matches(word: str, pattern: str) -> bool:
    """Return whether a pattern of sshd matches, in which only `*` and `?` are special. Source:
    match.c, match_pattern.
    """
    return fnmatch.fnmatchcase(word, pattern.replace("[", "[[]"))


def hosts_for(user: str, patterns: str) -> list[str] | None:
    """Return the host patterns of all USER@HOST that match the user; None if one of them matches
    from everywhere, or has no host.
    """
    found = []
    for pattern in patterns.split():
        name, at, host = pattern.rpartition("@")
        if matches(user, name if at else pattern):
            if not at or host in EVERYWHERE:
                return None
            found.append(host)
    return found


def shut_out(effective: Mapping[str, str], user: str, groups: Collection[str] | None = None) -> str:
    """Say why sshd rejects every key of the user, as a clause; empty if it does not. `groups`: of
    the user; by default only the one with the user's own name.
    """
    if effective.get("refuseconnection", "no").lower() != "no":
        return "RefuseConnection is set: take it out"
    of_user = {user} if groups is None else set(groups)
    allowed, denied, only, never = (
        effective.get(key, "") for key in ("allowusers", "denyusers", "allowgroups", "denygroups")
    )
    if hosts_for(user, denied) is None:
        return f"DenyUsers names {user}: take it out"
    if allowed and hosts_for(user, allowed) == []:
        return f"AllowUsers names only {allowed}: add {user} to it"
    hit = in_groups(of_user, never)
    if hit:
        return f"DenyGroups names {hit}, a group of {user}: take it out"
    if only and not in_groups(of_user, only):
        return f"AllowGroups names only {only}: add the group {user} to it"
    return ""


def in_groups(groups: Collection[str], patterns: str) -> str:
    """Return the first of these groups that a pattern matches; empty if none does."""
    found = (
        group
        for group in sorted(groups)
        if any(matches(group, pattern) for pattern in patterns.split())
    )
    return next(found, "")


def limited(effective: Mapping[str, str], user: str) -> str:
    """Say from which addresses only sshd lets the user in, or does not, as a clause; empty if the
    address does not matter.
    """
    denied = hosts_for(user, effective.get("denyusers", ""))
    if denied:
        return f"DenyUsers shuts {user} out from {', '.join(denied)}"
    allowed = hosts_for(user, effective.get("allowusers", ""))
    if allowed:
        return f"AllowUsers lets {user} in only from {', '.join(allowed)}"
    return ""


def revoked_file(effective: Mapping[str, str]) -> str:
    """Return the file of revoked keys; empty if there is none. sshd rejects every key if it cannot
    read that file.
    """
    name = effective.get("revokedkeys", "none")
    return "" if name.lower() == "none" else name


@dataclass(frozen=True, slots=True, kw_only=True)
class PamLine:
    """A module of PAM that can keep an account out."""

    module: str
    file: str
    """As PAM names it: `sshd`."""
    arguments: str = ""


def pam_service(effective: Mapping[str, str]) -> str:
    """Return the name of PAM's file for sshd; empty if sshd does not ask PAM."""
    if effective.get("usepam", "no").lower() != "yes":
        return ""
    return effective.get("pamservicename") or "sshd"


def may_refuse(service: str, read: Read, depth: int = 0) -> Iterator[PamLine]:
    """Yield the modules that may refuse a login by key, in the order in which PAM asks them.

    A login by key asks for account and session only. Source: sshd_config(5), UsePAM; pam.conf(5).
    """
    for line in read(service).replace("\\\n", " ").splitlines():
        text = line.partition("#")[0].strip()
        included = PAM_INCLUDE.match(text)
        found = PAM_LINE.match(text)
        if included is not None:
            name = included[1]
        elif found is not None and found["control"].lower() in ("include", "substack"):
            name = found["module"]
        else:
            if found is not None and can_refuse(found["control"]):
                module = found["module"].rpartition("/")[2]
                if module in PAM_MODULES:
                    yield PamLine(module=module, file=service, arguments=found["rest"].strip())
            continue
        if depth < DEEPEST:
            yield from may_refuse(name, read, depth + 1)


def can_refuse(control: str) -> bool:
    """Return whether a module with this control can make the whole stack fail."""
    word = control.lower()
    return word in ("required", "requisite") or re.search(r"=\s*(?:bad|die)\b", word) is not None
