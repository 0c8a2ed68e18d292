"""What `init` does: from what is found on the machine to a list of steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.alert_files import alert_access, alert_settings
from checker.install.bus_units import bus_warnings, bus_withdrawals
from checker.install.extra_drop_ins import allow_notes, allow_steps
from checker.install.extra_units import (
    extra_groups,
    extra_notes,
    extra_warnings,
    refuse_missing_library,
    withdrawals,
)
from checker.install.fleet_units import fleet_folders, fleet_withdrawals
from checker.install.key_ways import (
    after_sshd,
    before_sshd,
    first_drop_in,
    key_folders,
    key_notes,
)
from checker.install.left_behind import clauses, lost_keys
from checker.install.places import (
    ALERTS,
    CONFIG,
    DROP_IN,
    DROP_INS,
    FILES,
    FLEET_USER,
    REST,
    RUN,
    STATE,
    SYSCTL,
    TMPFILES,
)
from checker.install.readers import accesses, memberships, modes
from checker.install.refusals import hidden_sentence, is_hidden, refuse
from checker.install.sshd_drop_ins import go_live, is_kept, is_ours, sshrc_warnings
from checker.install.steps import (
    Command,
    File,
    Folder,
    Found,
    InitPlan,
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
    KEYS_USER,
    reversi_toml,
    sysctl,
    tmpfiles,
)
from checker.install.units import removals, unit_commands, unit_contents, unit_notes
from checker.sshd.lockdown import drop_in, rest_of_drop_in

UNSTARTED = (
    "systemd does not run here, so nothing is started: have sshd read its configuration again, and"
    " start: reversi-checker serve"
)


def plan(found: Found) -> InitPlan:
    """Plan everything that is missing. Raises Refused."""
    refuse(found)
    refuse_missing_library(found)
    files, notes = wanted_files(found)
    made, live = [*folders(found)], [*go_live(found, files)]
    steps: list[Step] = [*accounts(found), *memberships(found), *made]
    steps.extend(file for file in files if file.path not in DROP_INS)
    steps.extend(before_sshd(found, made, is_edited=is_config_edited(found, files)))
    steps.extend(accesses(found))
    steps.extend(alert_access(found))
    steps.extend(live)
    steps.extend(allow_steps(found))
    steps.extend(untune(found))
    steps.extend(withdrawals(found))
    steps.extend(bus_withdrawals(found))
    steps.extend(fleet_withdrawals(found))
    gone = tuple(removals(found))
    steps.extend(gone)
    steps.extend(commands(found, {*(file.path for file in files), *(one.path for one in gone)}))
    steps.extend(Remove(path=path) for path in found.old_metadata)
    steps.extend(after_sshd(found, live))
    notes += [
        *ignored_gateways(found),
        *tuning_notes(found),
        *allow_notes(found),
        *unit_notes(found),
        *extra_notes(found),
        *key_notes(found),
        *renamed(found),
        *manual(found, bool(steps)),
    ]
    warnings = (
        *sshrc_warnings(found),
        *tuning_warnings(found),
        *extra_warnings(found),
        *bus_warnings(found),
        *clauses(found.logins, found.choices.tunnel_user),
        *lost_keys(found.logins, found.choices.tunnel_user),
    )
    return InitPlan(steps=tuple(steps), notes=tuple(notes), warnings=warnings)


def is_config_edited(found: Found, files: Iterable[File]) -> bool:
    """Return whether `init` was asked to change reversi.toml, and does."""
    return found.choices.config is not None and any(file.path == SYSTEM.config for file in files)


def accounts(found: Found) -> Iterator[Command]:
    """Add the users and groups that are missing.

    No password matches `*`, and sshd does not treat it as a lock.
    """
    operators = found.choices.operators
    if operators and operators not in found.groups:
        yield Command(words=("groupadd", "--system", operators), makes=f"group {operators}")
    keys_user = (KEYS_USER,) if any(key_folders(found)) else ()
    fleet_user = (FLEET_USER,) if found.choices.is_on_bus else ()
    no_shell = ((name, "/usr/sbin/nologin") for name in (DAEMON_USER, *keys_user, *fleet_user))
    for name, shell in ((found.choices.tunnel_user, "/bin/sh"), *no_shell):
        if name not in found.accounts:
            group = ("--gid", name) if name in found.groups else ("--user-group",)
            home = ("--no-create-home", "--home-dir", "/")
            login = ("--shell", shell, "--password", "*")
            words = ("useradd", "--system", *group, *home, *login, name)
            yield Command(words=words, makes=f"user {name}")
    yield from extra_groups(found)


def all_folders(tunnel_user: str, readers: str = "") -> tuple[Folder, ...]:
    """Return the directories of a gateway, parents first.

    The daemon clears the tunnel user's spool, so the spool belongs to the daemon's group.
    """
    wanted = modes(readers)
    group = wanted.daemon_group
    return (
        Folder(path=CONFIG, mode=wanted.settings, group=wanted.group),
        Folder(path=SYSTEM.nodes, mode=wanted.nodes, group=wanted.group),
        Folder(path=STATE, mode=wanted.state, owner=DAEMON_USER, group=group, deep=True),
        Folder(path=RUN, owner=DAEMON_USER, group=group),
        Folder(path=SYSTEM.run, mode=wanted.run, owner=DAEMON_USER, group=group, deep=True),
        Folder(path=SYSTEM.spool, mode=0o770, owner=tunnel_user, group=DAEMON_USER),
    )


def folders(found: Found) -> Iterator[Folder]:
    """Make the directories that are missing, or have another mode or owner than they should."""
    usual = all_folders(found.choices.tunnel_user, found.choices.readers)
    for folder in (*usual, *key_folders(found), *fleet_folders(found.choices)):
        entry = found.entries.get(folder.path)
        wanted = (folder.mode, folder.owner, folder.group)
        if (
            entry is None
            or (entry.mode, entry.owner, entry.group) != wanted
            or (folder.deep and entry.strays and not found.is_served_by_root)
        ):
            yield folder


def contents(found: Found) -> dict[Path, bytes]:
    """Return every file that a gateway here should have, the drop-ins of sshd last."""
    choices = found.choices
    files = {
        SYSTEM.config: choices.config
        or reversi_toml(choices.tunnel_user, choices.operators, choices.gateways),
        SYSTEM.authorized_keys: b"",
        TMPFILES: tmpfiles(choices.tunnel_user, choices.readers),
        REST: rest_of_drop_in(choices.tunnel_user, found.startups),
        DROP_IN: first_drop_in(found),
    }
    files.update(unit_contents(found))
    files.update(alert_settings(found))
    if to_reserve(found):
        files[SYSCTL] = sysctl(found.reserved | to_reserve(found))
    if limit := wanted_tuning(found):
        files[TUNE] = limit
    return dict(sorted(files.items(), key=lambda item: FILES.index(item[0])))


def to_reserve(found: Found) -> set[int]:
    """Return the gateway's ports that an outgoing connection could take."""
    return ({*found.choices.ports, *found.choices.shared_ports} | found.node_ports) & set(
        found.ephemeral
    )


def wanted_files(found: Found) -> tuple[list[File], list[str]]:
    """Return the files to write, and a sentence for each file that the admin changed."""
    files, notes = [], []
    for path, content in contents(found).items():
        entry = found.entries.get(path)
        if path == DROP_IN and is_kept(found):
            continue
        if entry is None or entry.content is None:
            files.append(File(path=path, content=content))
        elif is_good(found, path, content, entry.content):
            continue
        elif (
            path == SYSTEM.config  # only an edit that was asked for, and keeps the rest
            or found.written.get(str(path)) == digest(entry.content)
            or (path in DROP_INS and is_ours(found, path))
        ):
            files.append(File(path=path, content=content))
        elif found.force:
            files.append(File(path=path, content=content, backup=True))
        else:
            notes.append(changed_by_admin(path))
    return files, notes


def is_good(found: Found, path: Path, wanted: bytes, present: bytes) -> bool:
    """Return whether a file needs no change."""
    if path in (SYSTEM.authorized_keys, ALERTS):
        return True
    if path == SYSTEM.config and not found.choices.config:
        return True
    # a package does not know its sshd; rehearse judges this file before it counts
    is_packaged = (
        path == DROP_IN
        and present == drop_in(found.choices.tunnel_user)
        and found.written.get(str(path)) != digest(present)
        and not any(key_folders(found))
    )
    return present == wanted or is_packaged


def changed_by_admin(path: Path) -> str:
    return (
        f"left as it is: {path}, which init would write differently; init --force replaces it, and"
        f" keeps yours as {path.name}.bak"
    )


def commands(found: Found, changed: set[Path]) -> Iterator[Command]:
    """Run what makes the new files take effect."""
    if not found.reserved >= to_reserve(found):
        yield Command(words=("sysctl", "-q", "-p", str(SYSCTL)), must=False)
    yield from tune(found)
    if not found.has_systemd:
        return
    is_edited = SYSTEM.config in changed or found.is_daemon_older
    yield from unit_commands(found, changed, is_edited=is_edited)


def ignored_gateways(found: Found) -> Iterator[str]:
    """Say that `--gateway` does not replace what reversi.toml names: that file is the admin's."""
    asked, known = found.choices.asked_gateways, ", ".join(found.choices.gateways)
    if asked and asked != found.choices.gateways:
        yield (
            f"left as it is: gateway in {SYSTEM.config} says {known}, not"
            f" {', '.join(asked)}; edit that file to change it"
        )


def renamed(found: Found) -> Iterator[str]:
    """Say why pip's notes on an older release go."""
    for path in found.old_metadata:
        yield (
            f"the distribution is called reversi-ssh now; with {path}, pip would remove its files"
            " at: pip uninstall reversi"
        )


def manual(found: Found, is_work: bool) -> Iterator[str]:
    """Say what the admin must do."""
    if is_work and is_hidden(found):
        yield f"{hidden_sentence(found)}, or name an interpreter with --python"
    if is_work and not found.has_systemd:
        yield UNSTARTED
