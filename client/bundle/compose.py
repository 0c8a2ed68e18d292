"""Compose a bundle's text: a header of quoted assignments, and a body that all bundles share."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files

from checker import __version__
from client.bundle.keyforms import KeyForms, escaped
from client.bundle.settings import Settings
from client.paths import ONLY, tunnel_name

RESAVED = (
    "the lines of this file end in CR LF: a program changed it on its way, such as an editor of"
    " Windows; copy it again as it is, for example with scp"
)
RUNTIME = ("base", "link", "life", "status")
"""The parts of the installed script, besides `main`."""
BESIDE = ("signs", "route", "trial", "check", "screen")
"""The parts in a file beside the installed script, with the keys: they keep the script small."""
SETUP = ("place", "setup")
"""The parts that only a bundle has: it installs a copy of itself without them."""
ENROL = ("apply", "grant", "enrol")
"""The parts that only the bundle of an enrolment has."""
WAITS_AS = "enrol_"
"""Begins the name, in place of a node's, of a device that waits: no node can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All that differs between two bundles."""

    node: str
    gateways: Sequence[str]
    """[ID=]HOST:PORT, tried in this order."""
    user: str
    forwards: Sequence[str]
    """PORT:HOST:PORT, as -R takes it."""
    host_keys: Sequence[str]
    """[ID ]TYPE BASE64: with an id only for its gateway."""
    key: KeyForms | None
    """None: the device makes its own, or `keep` is not empty."""
    node_add: str
    """The command that registers the node, with its public key on stdin."""
    settings: Settings = field(default_factory=Settings)
    keep: Sequence[str] = ()
    """Lines of the header that `upgrade` takes over from the installed bundle; its key is one."""
    enrolment: str = ""
    """The id of the enrolment that the key belongs to; empty: it is a node's own bundle."""
    path: int = ONLY
    """Which of the node's two tunnels it keeps."""

    @property
    def name(self) -> str:
        """What the tunnel is called on the device."""
        return tunnel_name(self.node, self.path)


def kind_of_key(bundle: Bundle) -> str:
    if bundle.enrolment:
        return "enrol"
    if bundle.keep:
        return "keep"
    return "device" if bundle.key is None else "embed"


def header(bundle: Bundle) -> str:
    """Return NAME=VALUE lines, with each value quoted for sh."""
    key = bundle.key
    values = {
        "NODE": bundle.name,
        "VERSION": __version__,
        "KEY": kind_of_key(bundle),
        **({"KEEP": " ".join(bundle.keep)} if bundle.keep else {}),
        **({"PATH_NUMBER": str(bundle.path)} if bundle.path else {}),
        # The lines from here to KEY_DROPBEAR grow with the node; install puts them into a file of
        # their own.
        "KEY_OPENSSH": "" if key is None else key.openssh,
        "HOST_KEYS": "\n".join(bundle.host_keys),
        "NODE_ADD": bundle.node_add if key is None or bundle.enrolment else "",
        "GATEWAYS": " ".join(bundle.gateways),
        "TUNNEL_USER": bundle.user,
        "FORWARDS": " ".join(bundle.forwards),
        "KEY_DROPBEAR": "" if key is None else escaped(key.dropbear),
        **{name.name.upper(): getattr(bundle.settings, name.name) for name in fields(Settings)},
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


@cache
def shipped(part: str) -> str:
    """Return a part of the body, without its first line, which is only for shellcheck."""
    text = files(__package__).joinpath(f"{part}.sh").read_text(encoding="ascii")
    return text.partition("\n")[2]


def render(bundle: Bundle) -> str:
    """Return the bundle's text; the same input gives the same text."""
    name, _, rest = header(bundle).partition("\n")
    value = name.partition("=")[2]
    # A carriage return would be part of the name, but of this line only a comment.
    check = f"[ \"$NODE\" = {value} ] || {{ printf '%s\\n' '{RESAVED}' >&2; exit 2; }} #"
    runtime, beside, setup = ("\n".join(map(shipped, parts)) for parts in (RUNTIME, BESIDE, SETUP))
    body = (
        f"{runtime}\n# begin beside\n{beside}# end beside\n\n# begin setup\n{setup}# end"
        f" setup\n\n{enrolling(bundle)}{shipped('main')}"
    )
    return f"{about(bundle)}# shellcheck disable=SC1090,SC2034\n{name}\n{check}\n{rest}\n{body}"


def about(bundle: Bundle) -> str:
    """Return the first lines, for whoever opens the file."""
    what, file = f"the tunnel of {bundle.name}", bundle.name
    if bundle.enrolment:
        what, file = (
            f"ask to become a node, by enrolment {bundle.enrolment}",
            f"reversi-{bundle.enrolment}",
        )
    secret = " Keep this file secret: it contains a private key." if bundle.key else ""
    return f"#!/bin/sh\n# reversi: {what}; for help: sh {file}.sh help.{secret}\n"


def enrolling(bundle: Bundle) -> str:
    """Return the parts of an enrolment; a device leaves them out of the bundle of its node."""
    if not bundle.enrolment:
        return ""
    return f"# begin enrol\n{chr(10).join(map(shipped, ENROL))}# end enrol\n"
