"""The text of a bundle: a header of quoted assignments, and the body, which is the same in all of
them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files

from checker import __version__
from client.bundle.keyforms import KeyForms, escaped
from client.bundle.settings import Settings

RUNTIME = ("base", "link", "life", "verbs")
"""What the installed script is made of, besides `main`."""
BESIDE = ("signs", "trial", "screen")
"""What lies beside the installed script, with the keys: the script stays small."""
SETUP = ("place", "setup")
"""What only a bundle needs: it installs a copy of itself without these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All that one device is told."""

    node: str
    gateways: Sequence[str]
    """HOST:PORT, tried in turn."""
    user: str
    forwards: Sequence[str]
    """PORT:HOST:PORT, as -R takes it."""
    host_keys: Sequence[str]
    """TYPE BASE64."""
    key: KeyForms | None
    """None: the device makes its own."""
    node_add: str
    """The command that registers the node, with its public key on stdin."""
    settings: Settings = field(default_factory=Settings)


def header(bundle: Bundle) -> str:
    """NAME=VALUE lines, each value quoted for sh."""
    key = bundle.key
    values = {
        "NODE": bundle.node,
        "VERSION": __version__,
        "KEY": "device" if key is None else "embed",
        # From here to KEY_DROPBEAR it is a file of its own once installed: what grows with the
        # node.
        "KEY_OPENSSH": "" if key is None else key.openssh,
        "HOST_KEYS": "\n".join(bundle.host_keys),
        "NODE_ADD": bundle.node_add if key is None else "",
        "GATEWAYS": " ".join(bundle.gateways),
        "TUNNEL_USER": bundle.user,
        "FORWARDS": " ".join(bundle.forwards),
        "KEY_DROPBEAR": "" if key is None else escaped(key.dropbear),
        **{name.name.upper(): getattr(bundle.settings, name.name) for name in fields(Settings)},
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def shipped(part: str) -> str:
    """A part of the body, without the line that is for the linter of the parts."""
    text = files(__package__).joinpath(f"{part}.sh").read_text(encoding="ascii")
    return text.partition("\n")[2]


def render(bundle: Bundle) -> str:
    """The bundle's text; the same for the same input."""
    about = (
        f"#!/bin/sh\n# reversi: the tunnel of {bundle.node}; sh {bundle.node}.sh help tells more."
        " Keep it to yourself: it is a key.\n"
    )
    runtime, beside, setup = ("\n".join(map(shipped, parts)) for parts in (RUNTIME, BESIDE, SETUP))
    body = (
        f"{runtime}\n# begin beside\n{beside}# end beside\n\n# begin setup\n{setup}# end"
        f" setup\n\n{shipped('main')}"
    )
    return f"{about}# shellcheck disable=SC1090,SC2034\n{header(bundle)}\n{body}"
