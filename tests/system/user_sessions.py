"""An ordinary user of a booted machine, with a systemd of her own."""

from __future__ import annotations

from tests.system.booted import Booted


def user_manager(machine: Booted, home: str, live: str) -> tuple[str, ...]:
    """Start the systemd of user anna; return the prefix of a command in her session."""
    places = (f"HOME={home}", f"XDG_RUNTIME_DIR={live}")
    manager = (
        "--unit=anna",
        "--uid=anna",
        "--property=Type=notify",
        "--property=Delegate=yes",
        "--property=RuntimeDirectory=anna",
        *(f"--setenv={place}" for place in places),
    )
    machine.must("systemd-run", *manager, "/lib/systemd/systemd", "--user")
    return (
        "setpriv",
        "--reuid=anna",
        "--regid=anna",
        "--init-groups",
        "env",
        "-i",
        "PATH=/usr/bin:/bin",
        *places,
    )
