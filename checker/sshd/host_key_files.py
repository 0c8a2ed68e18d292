"""Read the host keys of the gateway's sshd, wherever its configuration says that they are."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import CheckerError, InvalidValue, parse_public_key
from checker.sshd.host_keys import HostKeySettings, host_key_settings, to_pin
from checker.sshd.keygen import host_key_line, rsa_beside
from checker.sshd.program import MAIN, ask_sshd, trouble

FOLDER = MAIN.parent
USUAL = ("ssh_host_ed25519_key", "ssh_host_rsa_key", "ssh_host_ecdsa_key")
"""The files that sshd reads if its configuration names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeys:
    """The public host keys of the gateway's sshd."""

    keys: tuple[str, ...]
    """`TYPE BASE64` each, as devices should pin them."""
    doubt: str = ""
    """Why they may not be what sshd has, as a sentence; empty if sshd was asked."""


def host_keys(layout: Layout) -> HostKeys:
    """Return what devices should pin. Raises ConfigError if there is no host key."""
    if layout.home is not None:
        private = [layout.host_key, rsa_beside(layout.host_key)]
        there = [path for path in private if path.with_name(f"{path.name}.pub").exists()]
        return HostKeys(keys=to_pin(map(host_key_line, there or [layout.host_key])))
    try:
        return HostKeys(keys=keys_of_sshd(ask_for_host_keys()))
    except CheckerError as error:
        return HostKeys(keys=usual_keys(layout), doubt=doubt_about(error))


def doubt_about(error: CheckerError) -> str:
    why = str(error) if os.geteuid() == 0 else "only root can ask sshd which host keys it has"
    return f"{why}; its usual files in {FOLDER} are taken instead"


def ask_for_host_keys() -> HostKeySettings:
    """Ask sshd which host keys its configuration names. Raises CheckerError."""
    answer = ask_sshd("-T", "-f", str(MAIN))
    if answer.returncode:
        raise CheckerError(f"sshd does not accept {MAIN}: {trouble(answer)}")
    return host_key_settings(answer.stdout)


def keys_of_sshd(settings: HostKeySettings) -> tuple[str, ...]:
    """Return the public parts of these files. sshd skips a file that is missing, and so do we.
    Raises ConfigError if none can be read.
    """
    parts = (public_part(file, has_agent=settings.has_agent) for file in settings.files)
    found = to_pin(filter(None, parts), settings.algorithms)
    if not found:
        names = ", ".join(map(str, settings.files)) or "no file"
        raise ConfigError(MAIN, f"names {names}, and no host key that a device could pin is there")
    return found


def public_part(file: Path, *, has_agent: bool) -> str | None:
    """Return the public part of a host key; None if sshd cannot use the file.

    A `.pub` beside the private key may belong to an earlier one, so it counts only if an agent may
    have the private key. Source: sshd_config(5), HostKey.
    """
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    texts = [derived.stdout] if derived.returncode == 0 else texts_in(file) if has_agent else ()
    for text in texts:
        try:
            return parse_public_key(text)
        except InvalidValue:
            continue
    return None


def texts_in(file: Path) -> Iterator[str]:
    for path in (file, file.with_name(f"{file.name}.pub")):
        try:
            yield path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            continue


def usual_keys(layout: Layout) -> tuple[str, ...]:
    """Return the keys in sshd's usual files. Raises ConfigError."""
    places = [layout.host_key.with_name(name) for name in USUAL]
    there = [path for path in places if path.with_name(f"{path.name}.pub").exists()]
    return to_pin(map(host_key_line, there or [layout.host_key]))
