"""Which drop-ins of sshd `init` must write, and which ones then count. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from checker.install.places import ALLOW, DROP_IN, DROP_INS, REST
from checker.install.steps import File, Found, GoLive, InitPlan, digest
from checker.install.unit_files import KEYS_USER
from checker.sshd.lockdown import (
    ANY_STARTUPS,
    EARLIER_STARTUPS,
    NOT_EVERYWHERE,
    drop_in,
    released_drop_in,
    rest_of_drop_in,
)
from checker.sshd.sshrc import guard_sshrc, sshrc_sentence


def go_live(found: Found, files: Sequence[File]) -> Iterator[GoLive]:
    """Write and load the drop-ins that are missing or differ from what they should be."""
    ours = sorted(
        (file for file in files if file.path in DROP_INS),
        key=lambda file: DROP_INS.index(file.path),
    )
    if ours:
        yield GoLive(
            file=ours[0],
            rest=ours[1] if ours[1:] else None,
            reload=reload_words(found.sshd_unit),
            user=found.choices.tunnel_user,
        )


def is_kept(found: Found) -> bool:
    """Return whether the admin changed the drop-in of an earlier release.

    Then that file stays and counts, and no other is put before it.
    """
    return (
        REST in found.entries
        and DROP_IN not in found.entries
        and not found.force
        and not is_ours(found, REST)
    )


def is_ours(found: Found, path: Path) -> bool:
    """Return whether a drop-in is as any `init` or package wrote it.

    A package does not know on which sshd it will be installed, so it leaves options out.
    """
    content = found.entries[path].content or b""
    user = found.choices.tunnel_user
    all_startups = (found.startups, ANY_STARTUPS, EARLIER_STARTUPS)
    known = (
        *(
            drop_in(user, unknown, keys_user=reads, startups=startups)
            for unknown in (NOT_EVERYWHERE, found.unknown_options)
            for reads in ("", KEYS_USER)
            for startups in all_startups
        ),
        *(rest_of_drop_in(user, startups) for startups in all_startups),
        released_drop_in(user),
        released_drop_in(user, found.unknown_options),
    )
    return content in known or found.written.get(str(path)) == digest(content)


def live_drop_ins(found: Found, planned: InitPlan) -> dict[Path, bytes]:
    """Return the drop-ins of ours that will be there after the plan, in the order of sshd."""
    new = [file for step in planned.steps if isinstance(step, GoLive) for file in step.files]
    old = {path: found.entries[path].content or b"" for path in DROP_INS if path in found.entries}
    live = {**old, **{file.path: file.content for file in new}}
    return {path: live[path] for path in (*DROP_INS, ALLOW) if path in live}


def sshrc_warnings(found: Found) -> Iterator[str]:
    """What sshd runs before the forced command."""
    for path in found.sshrc:
        yield f"{sshrc_sentence(path)}; {guard_sshrc(path, found.choices.tunnel_user)}"


def reload_words(sshd_unit: str) -> tuple[str, ...]:
    """Return the command that reloads sshd.

    If only its socket starts sshd, there is nothing to reload, and the command does nothing.
    """
    return ("systemctl", "try-reload-or-restart", sshd_unit) if sshd_unit else ()
