"""Judge the daemon, its service, its socket and the spool. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker import __version__
from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding
from checker.install.places import SERVICE

LATE_SWEEPS = 3
"""A daemon that did not sweep for this many intervals is late."""


def check_daemon(facts: Facts) -> Iterator[Finding]:
    yield check_sweeps(facts)
    yield from check_version(facts)
    yield from check_service(facts)
    yield from check_socket(facts)
    yield check_spool(facts)


def check_sweeps(facts: Facts) -> Finding:
    daemon, start = facts.daemon, remedies.start(facts)
    within_s = LATE_SWEEPS * daemon.every_s
    is_young = daemon.age_s is not None and daemon.age_s <= within_s
    if daemon.swept_s_ago is None:
        is_late, swept = not is_young, "it has never swept"
    else:
        is_late = not is_young and daemon.swept_s_ago > within_s
        swept = f"it last swept {daemon.swept_s_ago:.0f} s ago"
    return finding(
        "daemon",
        f"process {daemon.pid} serves; {'it was started just now' if is_young else swept}",
        (daemon.pid is None, f"no daemon answers at {facts.layout.socket}", start),
        (is_late, f"process {daemon.pid} serves, but {swept}", start),
    )


def check_version(facts: Facts) -> Iterator[Finding]:
    """After an upgrade, the old daemon serves until it is restarted."""
    version = facts.daemon.version
    if version is not None:
        yield finding(
            "version",
            f"daemon and commands are of the same release, {__version__}",
            (
                version != __version__,
                (
                    f"the daemon (process {facts.daemon.pid}) still runs"
                    f" {version or 'an earlier release'}, but {__version__} is installed"
                ),
                remedies.start(facts),
            ),
        )


def check_service(facts: Facts) -> Iterator[Finding]:
    daemon = facts.daemon
    if daemon.has_unit and daemon.is_enabled is None:
        yield Finding(
            name="service",
            ok=None,
            sentence=f"only root can ask whether {SERVICE} starts at boot",
            mend="sudo reversi-checker doctor",
        )
    elif daemon.has_unit:
        yield finding(
            "service",
            f"{SERVICE} starts at boot",
            (
                not daemon.is_enabled,
                f"{SERVICE} does not start at boot",
                f"sudo systemctl enable {SERVICE}",
            ),
        )


def check_socket(facts: Facts) -> Iterator[Finding]:
    mode, blocked, path = facts.places.socket_mode, facts.places.socket_blocked, facts.layout.socket
    if mode is not None:
        yield finding(
            "socket",
            f"{facts.user} can connect to {path}",
            (
                mode & 0o666 != 0o666,
                f"{path} has mode {mode:04o}, but must have 0666",
                remedies.mode("0666", path),
            ),
            (
                blocked is not None,
                f"{facts.user} cannot reach {path}: it may not enter {blocked}",
                remedies.mode("a+x", *filter(None, [blocked])),
            ),
        )


def check_spool(facts: Facts) -> Finding:
    spool, path, user = facts.places.spool, facts.layout.spool, facts.user
    mend = remedies.init_or(facts, remedies.owner(facts, path))
    return finding(
        "spool",
        f"{path} belongs to {user}, and others cannot enter it",
        (spool is None, f"{path} is missing", remedies.init_or(facts, remedies.start(facts))),
        (
            spool is not None and spool.owner != user,
            f"{path} belongs to {spool.owner if spool else ''}, but must belong to {user}",
            mend,
        ),
        (spool is not None and bool(spool.mode & 0o007), f"others can enter {path}", mend),
    )
