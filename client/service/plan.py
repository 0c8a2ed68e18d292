"""What `install` and `uninstall` will do, from what is on the device. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.errors import ClientError
from client.service import launchd, systemd
from client.service.service import Manager, Service, state_folders
from client.service.systemd import HOMES, Account

NOT_KEPT = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/run")))  # noqa: S108 - refused
UNSEEN = (*HOMES, *NOT_KEPT)
"""What a system service cannot see, or what a reboot empties."""


class ServiceError(ClientError):
    """The service cannot be installed or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is on the device."""

    manager: Manager
    home: Path
    """The user's."""
    hands_over: bool = True
    """Whether systemd can give a service files that the service's account cannot read."""
    files: Mapping[Path, str] = field(default_factory=dict)
    """The services whose files have a name like ours, with their text."""
    environment: tuple[Path, ...] = ()
    """Where the interpreter, its library and our packages are, links resolved."""
    closed: Path | None = None
    """A part of that way that other accounts cannot enter or read."""
    unreadable: Path | None = None
    """A part of the way to the configuration or the key that root needs a capability for."""
    rival: int | None = None
    """The PID of another client that keeps the node's tunnel now."""
    bundle: Path | None = None
    """The service of the node's bundle, if there is one."""
    is_running: bool = False
    """Whether the service runs, and is started at boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write a file that everyone may read."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a file, a link, or a directory with its contents."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a command."""

    words: tuple[str, ...]
    must: bool = True
    """Whether its failure is ours."""


Step = Write | Delete | Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps, in order, and sentences for the admin."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def config_of(manager: Manager, text: str) -> Path | None:
    """Return the configuration for which `install` wrote the file; None: it did not."""
    return systemd.config_of(text) if manager.is_systemd else launchd.config_of(text)


def file_of(service: Service, found: Found) -> Path:
    return found.manager.folder(found.home) / f"{service.name}{found.manager.suffix}"


def account(found: Found) -> Account:
    """Return whose rights the service gets: its own account, if that can read what it needs."""
    if not found.manager.is_system:
        return Account.USER
    if not found.manager.is_systemd or not found.hands_over or found.closed:
        return Account.ROOT
    return Account.OWN


def refuse(service: Service, found: Found) -> None:
    """Raises ServiceError."""
    for path in (service.config, service.key):
        if any(path.is_relative_to(place) for place in NOT_KEPT):
            raise ServiceError(
                f"{path} would not outlive a reboot; move it, for example to /etc/reversi"
            )
        if not str(path).isprintable():
            raise ServiceError(f"the name of {str(path)!r} has a character that no unit can hold")
    present = found.files.get(file_of(service, found))
    theirs = None if present is None else config_of(found.manager, present)
    if present is not None and theirs is None:
        raise ServiceError(f"{file_of(service, found)} is not ours; move it away first")
    if theirs not in (None, service.config):
        raise ServiceError(
            f"{service.name} keeps the tunnel of {theirs}; first run: reversi-client uninstall"
            f" --config {theirs}"
        )
    if found.bundle is not None:
        raise ServiceError(
            f"{found.bundle} keeps the tunnel of {service.tunnel}; uninstall that bundle first"
        )
    if found.manager is Manager.SYSTEMD:
        refuse_unseen(found)


def refuse_unseen(found: Found) -> None:
    """Raises ServiceError."""
    for path in found.environment:
        if any(path.is_relative_to(place) for place in UNSEEN):
            raise ServiceError(
                f"a system service cannot see {path}; install reversi-ssh into an environment"
                " elsewhere, such as /opt/reversi, or run this as the user whose service it is"
            )
    if not found.hands_over and found.unreadable:
        raise ServiceError(
            f"the service could not read {found.unreadable}, which another account owns; move the"
            " configuration and the key to a directory of root's, such as /etc/reversi"
        )


def install(service: Service, found: Found) -> Plan:
    """Plan the service, or the steps that are missing. Raises ServiceError."""
    refuse(service, found)
    file = file_of(service, found)
    text = text_of(service, found)
    is_new = found.files.get(file) != text
    if not is_new and found.is_running:
        return Plan(steps=(), notes=notes(service, found))
    steps: list[Step] = [step for old in renamed(service, found) for step in removal(old, found)]
    steps += [Write(path=file, text=text)] if is_new else []
    if found.manager.is_systemd:
        control = systemctl(found.manager)
        unit = file.name
        steps += [Run(words=(*control, "daemon-reload"))] if is_new else []
        steps.append(Run(words=(*control, "enable", unit)))
        steps.append(Run(words=(*control, "restart" if is_new else "start", unit)))
    else:
        steps.append(Run(words=("launchctl", "unload", str(file)), must=False))
        steps.append(Run(words=("launchctl", "load", "-w", str(file))))
    return Plan(steps=tuple(steps), notes=notes(service, found))


def renamed(service: Service, found: Found) -> list[Path]:
    """Return our services of the same configuration, from before the node got another name."""
    return [
        file
        for file, text in found.files.items()
        if file != file_of(service, found) and config_of(found.manager, text) == service.config
    ]


def text_of(service: Service, found: Found) -> str:
    log = found.manager.log(found.home, service.name)
    if log is not None:
        return launchd.property_list(service, log)
    return systemd.unit(service, account(found), hands_over=found.hands_over)


def systemctl(manager: Manager) -> tuple[str, ...]:
    return ("systemctl",) if manager.is_system else ("systemctl", "--user")


def notes(service: Service, found: Found) -> tuple[str, ...]:
    """Say with whose rights it runs, and how to watch it."""
    match account(found):
        case Account.OWN:
            rights = "it runs in a sandbox, as an account of its own without rights"
        case Account.ROOT if found.manager.is_systemd:
            why = (
                f"other accounts cannot read {found.closed}"
                if found.closed
                else "systemd cannot hand the key to another account here"
            )
            rights = f"it runs in a sandbox, as root without capabilities, because {why}"
        case Account.ROOT:
            rights = "it runs as root, because launchd cannot hand the key to another account"
        case Account.USER:
            rights = "it runs as you, while you are logged in"
            if found.manager.is_systemd:
                rights += "; to keep it running: loginctl enable-linger"
    rival = f"another client keeps this tunnel now; to let the service do it: kill {found.rival}"
    watch = f"to see the tunnel: reversi-client status --config {service.shown}"
    return (rights, *([rival] if found.rival else []), watch)


def uninstall(config: Path | None, found: Found) -> Plan:
    """Plan the removal of the one service, or of that for this configuration. Raises
    ServiceError.
    """
    ours = {
        file: made_for
        for file, text in found.files.items()
        if (made_for := config_of(found.manager, text)) is not None
    }
    chosen = [file for file, made_for in ours.items() if config in (None, made_for)]
    if not chosen:
        place = f" for {config}" if config else ""
        raise ServiceError(f"reversi-client install made no service{place}")
    if len(chosen) > 1:
        names = ", ".join(str(ours[file]) for file in chosen)
        raise ServiceError(f"there are several services; choose one with --config: {names}")
    return Plan(steps=tuple(removal(chosen[0], found)))


def removal(file: Path, found: Found) -> list[Step]:
    manager, name = found.manager, file.stem
    if not manager.is_systemd:
        log = manager.log(found.home, name)
        steps: list[Step] = [Run(words=("launchctl", "unload", "-w", str(file)), must=False)]
        return [*steps, Delete(path=file), *([Delete(path=log)] if log else [])]
    control = systemctl(manager)
    folders = state_folders(name) if manager.is_system else ()
    return [
        Run(words=(*control, "disable", "--now", file.name)),
        Delete(path=file),
        *(Delete(path=folder) for folder in folders),
        Run(words=(*control, "daemon-reload")),
        Run(words=(*control, "reset-failed", file.name), must=False),
    ]
