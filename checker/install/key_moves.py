"""Carry out the steps of `init` that write the keys, or have sshd read them in another way."""

from __future__ import annotations

from collections.abc import Callable

from checker.config.layout import SYSTEM
from checker.install.effects import Say
from checker.install.steps import GoLive, KeysInLine, KeysMove, KeysProof
from checker.registry.authorized_keys import gate_command, move_keys, write_keys
from checker.registry.key_files import Stand
from checker.registry.lock import locked

Prove = Callable[[], str]
"""Try a login by fingerprint; return why it failed, empty if it did not."""
MOVED = {
    Stand.FILE: f"the keys are in {SYSTEM.authorized_keys} only",
    Stand.TO_FILE: f"wrote the keys into {SYSTEM.authorized_keys}, too",
    Stand.TO_FINGERPRINT: f"wrote the keys by fingerprint into {SYSTEM.keys}, too",
    Stand.FINGERPRINT: f"the keys are in {SYSTEM.keys} only, a file for each",
}


def unproven() -> str:
    return "no login was tried"


def move_step(
    step: KeysInLine | KeysMove | KeysProof,
    say: Say,
    prove: Prove,
    go_live: Callable[[GoLive], None],
) -> None:
    """Raises InstallFailed, ConfigError."""
    match step:
        case KeysInLine():
            with locked(SYSTEM):
                write_keys(SYSTEM, gate_command(SYSTEM))
            say(f"updated {SYSTEM.authorized_keys} from the registry")
        case KeysMove(stand=stand, why=why):
            move(stand, why)
            say(MOVED[stand])
        case KeysProof(back=back):
            prove_keys(back, say, prove, go_live)


def move(stand: Stand, why: str = "") -> None:
    with locked(SYSTEM):
        move_keys(SYSTEM, gate_command(SYSTEM), stand, why)


def prove_keys(back: GoLive, say: Say, prove: Prove, go_live: Callable[[GoLive], None]) -> None:
    """Take our lines out of the key file if sshd reads the others; if it does not, have it read
    only the key file again. Raises InstallFailed, ConfigError.
    """
    why = prove()
    if not why:
        move(Stand.FINGERPRINT)
        say(f"logged in by a file of {SYSTEM.keys}: {MOVED[Stand.FINGERPRINT]}")
        return
    move(Stand.TO_FILE, why)
    go_live(back)
    move(Stand.FILE, why)
    say(f"no login works by a file of {SYSTEM.keys} ({why}): {MOVED[Stand.FILE]}")
