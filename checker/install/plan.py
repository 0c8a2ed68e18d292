"""What `init` is to do: from what is found on the machine to a list of steps. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.steps import (
    ROOT,
    Command,
    File,
    Folder,
    Found,
    GoLive,
    KeysInLine,
    Plan,
    Remove,
    Step,
    digest,
)
from checker.install.tuning import (
    TUNE,
    tune,
    tuning_notes,
    tuning_warnings,
    untune,
    wanted_tuning,
)
from checker.install.unit_files import (
    DAEMON_USER,
    KEYS_PATH,
    keys_unit,
    reversi_toml,
    sysctl,
    tmpfiles,
    unit,
)
from checker.model import CheckerError
from checker.sshd.lockdown import drop_in, released_drop_in, rest_of_drop_in
from checker.sshd.sshrc import guard_sshrc, sshrc_sentence

CONFIG = SYSTEM.config.parent
STATE = SYSTEM.state.parent
RUN = SYSTEM.socket.parent
MANIFEST = CONFIG / ".installed.json"
DROP_IN = Path("/etc/ssh/sshd_config.d/00-reversi.conf")
"""Named to be read first: sshd takes the first value that it finds."""
REST = DROP_IN.with_name("reversi.conf")
"""What must be read last; earlier releases wrote all of it here."""
DROP_INS = (DROP_IN, REST)
UNIT_FILE = Path("/etc/systemd/system/reversi-checker.service")
SERVICE = UNIT_FILE.name
KEYS_SERVICE_FILE = UNIT_FILE.with_name("reversi-keys.service")
KEYS_PATH_FILE = UNIT_FILE.with_name("reversi-keys.path")
UNITS = (UNIT_FILE, KEYS_SERVICE_FILE, KEYS_PATH_FILE)
ENABLED = (SERVICE, KEYS_PATH_FILE.name)
TMPFILES = Path("/etc/tmpfiles.d/reversi.conf")
SYSCTL = Path("/etc/sysctl.d/99-reversi.conf")
FILES = (SYSTEM.config, SYSTEM.authorized_keys, TMPFILES, SYSCTL, TUNE, *UNITS, REST, DROP_IN)
NO_SHELL = re.compile(r"(nologin|false)$|^$")
HIDDEN = (
    "/home/",
    "/root/",
    "/run/user/",
    "/tmp/",  # noqa: S108 - named to be refused
    "/var/tmp/",  # noqa: S108 - named to be refused
)
"""What the unit's ProtectHome and PrivateTmp keep from the daemon."""
UNSTARTED = (
    "no systemd runs here, so nothing is started: have sshd read its configuration again, and"
    " start: reversi-checker serve"
)


class Refused(CheckerError):
    """Something on this machine must be changed by the admin first; nothing was done."""


def plan(found: Found) -> Plan:
    """All that is missing. Raises Refused."""
    refuse(found)
    files, notes = wanted_files(found)
    steps: list[Step] = [*accounts(found), *folders(found)]
    steps.extend(file for file in files if file.path not in DROP_INS)
    if found.keys_lag:
        steps.append(KeysInLine())
    steps.extend(go_live(found, files))
    steps.extend(untune(found))
    steps.extend(commands(found, {file.path for file in files}))
    notes += [
        *not_asked(found),
        *tuning_notes(found),
        *manual(found, bool(steps)),
    ]
    warnings = (*sshrc_warnings(found), *tuning_warnings(found))
    return Plan(steps=tuple(steps), notes=tuple(notes), warnings=warnings)


def go_live(found: Found, files: Sequence[File]) -> Iterator[GoLive]:
    """The drop-ins of sshd, if one is missing or not as it should be."""
    ours = sorted(
        (file for file in files if file.path in DROP_INS),
        key=lambda file: DROP_INS.index(file.path),
    )
    if ours:
        reload = reload_words(found.sshd_unit)
        yield GoLive(
            file=ours[0],
            rest=ours[1] if ours[1:] else None,
            reload=reload,
            user=found.choices.tunnel_user,
        )


def is_kept(found: Found) -> bool:
    """Whether the drop-in of an earlier release stays as the admin changed it: then it counts, and
    nothing is put before it.
    """
    return (
        REST in found.entries
        and DROP_IN not in found.entries
        and not found.force
        and not is_ours(found, REST)
    )


def is_ours(found: Found, path: Path) -> bool:
    """Whether a drop-in is as some `init` or package wrote it. A package cannot know its sshd."""
    content = found.entries[path].content or b""
    user = found.choices.tunnel_user
    known = (
        rest_of_drop_in(user),
        released_drop_in(user),
        released_drop_in(user, found.unknown_options),
    )
    return content in known or found.written.get(str(path)) == digest(content)


def live_drop_ins(found: Found, planned: Plan) -> dict[Path, bytes]:
    """The drop-ins of ours that there will be."""
    coming = [file for step in planned.steps if isinstance(step, GoLive) for file in step.files]
    there = {path: found.entries[path].content or b"" for path in DROP_INS if path in found.entries}
    live = {**there, **{file.path: file.content for file in coming}}
    return {path: live[path] for path in DROP_INS if path in live}


def sshrc_warnings(found: Found) -> Iterator[str]:
    """What sshd runs before the forced command."""
    for path in found.sshrc:
        yield f"{sshrc_sentence(path)}; {guard_sshrc(path, found.choices.tunnel_user)}"


def reload_words(sshd_unit: str) -> tuple[str, ...]:
    """Where sshd is started by its socket alone, there is nothing to reload, and this does
    nothing.
    """
    return ("systemctl", "try-reload-or-restart", sshd_unit) if sshd_unit else ()


def refuse(found: Found) -> None:
    """Raises Refused for what only the admin can decide."""
    for name in filter(None, (found.choices.tunnel_user, found.choices.operators)):
        if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name):
            raise Refused(
                f"{SYSTEM.config}: {name!r} is no name that useradd takes; choose one of a-z, 0-9,"
                " - and _"
            )
    if found.choices.tunnel_user == DAEMON_USER:
        raise Refused(
            f"{SYSTEM.config}: {DAEMON_USER} is the daemon's own account; choose another"
            " tunnel_user"
        )
    if found.has_systemd and f"{found.python}/".startswith(HIDDEN):
        raise Refused(f"{hidden(found)}, and run that one's init")
    tunnel = found.accounts.get(found.choices.tunnel_user)
    if tunnel is None:
        return
    name = found.choices.tunnel_user
    if tunnel.uid == 0:
        raise Refused(
            f"tunnel_user {name} has the rights of root; choose another in {SYSTEM.config}"
        )
    if NO_SHELL.search(tunnel.shell):
        raise Refused(
            f"the shell of {name} is {tunnel.shell or 'none'}, which runs no forced command; run:"
            f" usermod --shell /bin/sh {name}"
        )
    if tunnel.locked:
        raise Refused(
            f"account {name} is locked with '!', and sshd lets it in at no key; run: usermod"
            f" --password '*' {name}"
        )


def hidden(found: Found) -> str:
    return f"reversi runs from {found.python}, where a service may not look; install it under /opt"


def accounts(found: Found) -> Iterator[Command]:
    """Users and groups that are missing. `*` is a password that nothing matches, and that sshd does
    not take for a lock.
    """
    operators = found.choices.operators
    if operators and operators not in found.groups:
        yield Command(words=("groupadd", "--system", operators), makes=f"group {operators}")
    for name, shell in ((found.choices.tunnel_user, "/bin/sh"), (DAEMON_USER, "/usr/sbin/nologin")):
        if name not in found.accounts:
            group = ("--gid", name) if name in found.groups else ("--user-group",)
            options = (
                "--system",
                *group,
                "--no-create-home",
                "--home-dir",
                "/",
                "--shell",
                shell,
                "--password",
                "*",
            )
            yield Command(words=("useradd", *options, name), makes=f"user {name}")


def all_folders(tunnel_user: str) -> tuple[Folder, ...]:
    """The directories of a gateway, parents first. The tunnel user's spool is the daemon's to
    clear: hence the group.
    """
    return (
        Folder(path=CONFIG),
        Folder(path=SYSTEM.nodes),
        Folder(path=STATE, owner=DAEMON_USER, group=DAEMON_USER, deep=True),
        Folder(path=RUN, owner=DAEMON_USER, group=DAEMON_USER),
        Folder(path=SYSTEM.run, owner=DAEMON_USER, group=DAEMON_USER, deep=True),
        Folder(path=SYSTEM.spool, mode=0o770, owner=tunnel_user, group=DAEMON_USER),
    )


def folders(found: Found) -> Iterator[Folder]:
    for folder in all_folders(found.choices.tunnel_user):
        there = found.entries.get(folder.path)
        as_wanted = there and (there.mode, there.owner, there.group) == (
            folder.mode,
            folder.owner,
            folder.group,
        )
        if (
            there is None
            or not as_wanted
            or (folder.deep and there.strays and not found.is_served_by_root)
        ):
            yield folder


def contents(found: Found) -> dict[Path, bytes]:
    """Every file that a gateway here should have, the drop-ins of sshd last."""
    choices = found.choices
    files = {
        SYSTEM.config: reversi_toml(choices.tunnel_user, choices.operators, choices.gateways),
        SYSTEM.authorized_keys: b"",
        TMPFILES: tmpfiles(choices.tunnel_user),
        UNIT_FILE: unit(found.python),
        KEYS_SERVICE_FILE: keys_unit(found.python),
        KEYS_PATH_FILE: KEYS_PATH.encode(),
        REST: rest_of_drop_in(choices.tunnel_user),
        DROP_IN: drop_in(choices.tunnel_user, found.unknown_options),
    }
    if to_reserve(found):
        files[SYSCTL] = sysctl(found.reserved | to_reserve(found))
    if limit := wanted_tuning(found):
        files[TUNE] = limit
    return dict(sorted(files.items(), key=lambda item: FILES.index(item[0])))


def to_reserve(found: Found) -> set[int]:
    """The gateway's ports that an outgoing connection could take."""
    return ({*found.choices.ports, *found.choices.shared_ports} | found.node_ports) & set(
        found.ephemeral
    )


def wanted_files(found: Found) -> tuple[list[File], list[str]]:
    """Files that are missing or not as they should be; a sentence for each that is left because the
    admin changed it.
    """
    files, notes = [], []
    # a package can not know its sshd, and this one is judged before it counts
    packaged = {DROP_IN: drop_in(found.choices.tunnel_user)}
    for path, content in contents(found).items():
        there = found.entries.get(path)
        if path == DROP_IN and is_kept(found):
            continue
        if there is None or there.content is None:
            files.append(File(path=path, content=content))
        elif path in (SYSTEM.config, SYSTEM.authorized_keys) or there.content in (
            content,
            packaged.get(path),
        ):
            continue
        elif found.written.get(str(path)) == digest(there.content) or (
            path == REST and is_ours(found, REST)
        ):
            files.append(File(path=path, content=content))
        elif found.force:
            files.append(File(path=path, content=content, backup=True))
        else:
            notes.append(left(path))
    return files, notes


def left(path: Path) -> str:
    return (
        f"left as it is: {path}, which is not as init would write it; init --force replaces it, and"
        f" keeps {path.name}.bak"
    )


def commands(found: Found, changed: set[Path]) -> Iterator[Command]:
    """What makes the new files count."""
    if not found.reserved >= to_reserve(found):
        yield Command(words=("sysctl", "-q", "-p", str(SYSCTL)), must=False)
    yield from tune(found)
    if not found.has_systemd:
        return
    if changed.intersection(UNITS):
        yield Command(words=("systemctl", "daemon-reload"))
    if not found.is_enabled or not found.is_active:
        yield Command(words=("systemctl", "enable", "--now", *ENABLED))
    elif UNIT_FILE in changed:
        yield Command(words=("systemctl", "restart", SERVICE))


def not_asked(found: Found) -> Iterator[str]:
    """What was asked for, and stands otherwise in a file that is the admin's."""
    asked, known = found.choices.asked_gateways, ", ".join(found.choices.gateways)
    if asked and asked != found.choices.gateways:
        yield (
            f"left as it is: gateway in {SYSTEM.config}, which says {known or 'nothing'}, and not"
            f" {', '.join(asked)}; change it there"
        )


def manual(found: Found, is_work: bool) -> Iterator[str]:
    """What is left to the admin."""
    if is_work and f"{found.python}/".startswith(HIDDEN):
        yield f"{hidden(found)}, or name an interpreter with --python"
    if not found.has_systemd and is_work:
        yield UNSTARTED


def package(found: Found) -> tuple[Plan, tuple[str, ...]]:
    """For `--root`: the files alone, and the commands that are left to a package's postinst. Raises
    Refused.
    """
    whole = plan(replace(found, has_systemd=False))
    single = [
        each
        for step in whole.steps
        for each in (step.files if isinstance(step, GoLive) else (step,))
    ]
    files = [step for step in single if isinstance(step, File | Remove)]
    places = [
        folder
        for folder in all_folders(found.choices.tunnel_user)
        if not folder.path.is_relative_to(RUN)
    ]
    missing = [folder for folder in places if folder.path not in found.entries]
    after: list[tuple[str, ...]] = [command.words for command in accounts(found)]
    after += [
        ("install", "-d", "-m", f"{f.mode:04o}", "-o", f.owner, "-g", f.group, str(f.path))
        for f in places
        if f.owner != ROOT
    ]
    after += [("systemd-tmpfiles", "--create", str(TMPFILES))]
    after += [("sysctl", "-q", "-p", str(SYSCTL))] if to_reserve(found) else []
    after += [command.words for command in tune(found)]
    after += [
        ("sshd", "-t"),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "--now", *ENABLED),
        reload_words("ssh.service"),
    ]
    notes = tuple(note for note in whole.notes if note != UNSTARTED)
    steps = (*missing, *files)
    return Plan(steps=steps, notes=notes, warnings=whole.warnings), tuple(
        shlex.join(words) for words in after
    )
