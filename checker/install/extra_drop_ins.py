"""Files for sshd that only some machines need. Pure.

One lets the tunnel user in; others are written by commands that `doctor` prints. `uninstall` takes
them back. A list of whom sshd lets in must not outlive the admin's own list: nobody else, not even
root, could log in.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping

from checker.install.places import ALLOW, DROP_IN
from checker.install.sshd_drop_ins import reload_words
from checker.install.steps import File, Found, GoLive, Step, Withdraw, digest
from checker.install.unit_files import HEAD

EXTRAS = (ALLOW, *(DROP_IN.with_name(f"00-reversi-{name}.conf") for name in ("exempt", "keys")))
LISTS = ("AllowUsers", "AllowGroups")
OURS = re.compile(
    r"#.*|(AllowUsers|AllowGroups|PerSourcePenaltyExemptList) \S+|Match (User \S+|all)"
    r"|(PubkeyAcceptedAlgorithms|PubkeyAcceptedKeyTypes|RequiredRSASize) \S+"
)
"""Lines as `init` and the commands of `doctor` write them."""


def is_as_made(content: bytes) -> bool:
    """Return whether a file has only such lines."""
    return all(map(OURS.fullmatch, content.decode(errors="replace").splitlines()))


def lists_in(content: bytes) -> tuple[str, ...]:
    """Return the lists to which a file adds a name."""
    words = {line.partition(b" ")[0].decode(errors="replace") for line in content.splitlines()}
    return tuple(one for one in LISTS if one in words)


def allow(user: str, lists: tuple[str, ...]) -> bytes:
    """Return the file that adds the user, and the group of that name, to these lists."""
    lines = "".join(f"{one} {user}\n" for one in lists)
    return f"{HEAD}{lines}".encode()


def others_in(
    allowed: Mapping[str, str] | None, one: str, user: str, *, has_ours: bool
) -> list[str]:
    """Return what a list of sshd's names besides our own line."""
    names = (allowed or {}).get(one.lower(), "").split()
    if has_ours and user in names:
        names.remove(user)
    return names


def lacks(user: str, names: list[str]) -> bool:
    """Return whether a list lets the user in from some addresses at most."""
    return not any(fnmatch.fnmatchcase(user, name) for name in names if "@" not in name)


def wanted_lists(found: Found) -> tuple[str, ...]:
    """Return the lists that need our line: those of the admin that shut the user out, if that was
    asked for, and those that have our line already.
    """
    there = found.entries.get(ALLOW)
    present = lists_in(there.content or b"") if there else ()
    user = found.choices.tunnel_user
    wanted = []
    for one in LISTS:
        others = others_in(found.allowed, one, user, has_ours=one in present)
        if others and (one in present or (found.allow_login and lacks(user, others))):
            wanted.append(one)
    return tuple(wanted)


def allow_steps(found: Found) -> Iterator[Step]:
    """Write the file, or remove it once the admin's own lists are gone."""
    there = found.entries.get(ALLOW)
    if is_changed(found) or found.allowed is None:
        return
    lists = wanted_lists(found)
    content = allow(found.choices.tunnel_user, lists)
    if lists and (there is None or there.content != content):
        yield GoLive(file=File(path=ALLOW, content=content), reload=reload_words(found.sshd_unit))
    elif there is not None and not lists:
        yield Withdraw(path=ALLOW, reload=reload_words(found.sshd_unit))


def is_changed(found: Found) -> bool:
    """Return whether the admin changed the file."""
    there = found.entries.get(ALLOW)
    content = (there.content or b"") if there else b""
    return not (is_as_made(content) or found.written.get(str(ALLOW)) == digest(content))


def allow_notes(found: Found) -> Iterator[str]:
    """Say what is left as it is."""
    if is_changed(found):
        yield f"left as it is: {ALLOW}, which was changed; it lets in only whom sshd's lists name"
    elif found.allow_login and not wanted_lists(found) and found.allowed is not None:
        yield f"--allow-login: no list of sshd shuts {found.choices.tunnel_user} out"
