"""What files of this machine may keep every login out: revoked keys, and PAM's modules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from checker.sshd.admission import (
    PamLine,
    limited,
    may_refuse,
    pam_service,
    revoked_file,
    shut_out,
)

PAM_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
ACCESS = (Path("/etc/security/access.conf"), Path("/etc/security/access.d"))
ACCESS_FILE = "accessfile="


def refusals(effective: Mapping[str, str], user: str, groups: Collection[str]) -> tuple[str, ...]:
    """Return a clause for each setting by which sshd rejects every key of the user."""
    return tuple(filter(None, (shut_out(effective, user, groups), revoked_trouble(effective))))


def limits(effective: Mapping[str, str], user: str) -> tuple[str, ...]:
    """Return a clause for each setting by which sshd rejects the user from some addresses."""
    return tuple(filter(None, (limited(effective, user),)))


def revoked_trouble(effective: Mapping[str, str]) -> str:
    """Say if sshd cannot read its file of revoked keys, as a clause: it then rejects every key.
    Source: auth.c, auth_key_is_revoked.
    """
    name = revoked_file(effective)
    if not name:
        return ""
    try:
        Path(name).read_bytes()
    except FileNotFoundError:
        return f"RevokedKeys names {name}, which does not exist: restore it, or take it out"
    except PermissionError:
        return ""  # sshd reads it as root
    except OSError as error:
        return f"RevokedKeys names {name}, which cannot be read ({error.strerror})"
    return ""


def pam_modules(effective: Mapping[str, str]) -> tuple[str, ...]:
    """Return the modules of PAM that may refuse a login by key, each with the file that names
    it.
    """
    service = pam_service(effective)
    if not service:
        return ()
    lines = may_refuse(service, pam_text)
    found = (f"{one.module} in {pam_path(one.file)}" for one in lines if decides(one))
    return tuple(dict.fromkeys(found))


def pam_path(name: str) -> Path:
    """Return the file of PAM by this name."""
    if name.startswith("/"):
        return Path(name)
    places = (folder / name for folder in PAM_FOLDERS)
    return next((path for path in places if path.exists()), PAM_FOLDERS[0] / name)


def pam_text(name: str) -> str:
    try:
        return pam_path(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def decides(line: PamLine) -> bool:
    """Return whether the module has rules: pam_access without any lets everybody in."""
    if line.module != "pam_access.so":
        return True
    named = [
        word.removeprefix(ACCESS_FILE)
        for word in line.arguments.split()
        if word.startswith(ACCESS_FILE)
    ]
    if named:
        return any(map(has_rules, map(Path, named)))
    main, folder = ACCESS
    return any(map(has_rules, (main, *folder.glob("*.conf"))))


def has_rules(path: Path) -> bool:
    """Return whether a file has a line that is not a comment; True if we may not look."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
