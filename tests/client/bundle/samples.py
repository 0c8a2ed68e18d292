"""Keys and bundles for tests."""

from __future__ import annotations

import lzma
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.bundle.compose import Bundle, render
from client.bundle.keyforms import KeyForms, read_key
from client.bundle.settings import Settings
from tests.programs import require

RELEASED = Path(__file__).parents[2] / "data/released/bundle-0.1.0.sh.xz"
OFFICE = Bundle(
    node="office",
    gateways=("gateway.example.org:22",),
    user="reversi",
    forwards=("20010:127.0.0.1:22", "20011:192.168.1.20:443"),
    host_keys=("ssh-ed25519 AAAAhost", "ssh-rsa AAAArsa"),
    key=KeyForms(
        openssh="an OpenSSH key", dropbear=b"\0\0\0\x0bdropbear", public="ssh-ed25519 AAAApublic"
    ),
    node_add="reversi-checker node add office --public-key -",
)


def made_key(folder: Path, kind: str = "ed25519", *options: str) -> Path:
    """Make a key pair with ssh-keygen; return the private key's path."""
    require("ssh-keygen")
    path = folder / f"key-{kind}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "", "-f", str(path)], check=True
    )
    return path


def forms_of(path: Path) -> KeyForms:
    return read_key(path.read_bytes())


def changed(**fields: Any) -> Bundle:
    """Return the sample with other fields; `settings` is a mapping."""
    settings = Settings(**fields.pop("settings", {}))
    return replace(OFFICE, settings=settings, **fields)


def as_released(text: str) -> str:
    """Return a bundle of 0.1.0 with the header's values of this one."""
    about, _, body = lzma.decompress(RELEASED.read_bytes()).decode("ascii").partition("NODE=")
    values = text[text.index("NODE=") : text.index("\n\n") + 1]
    values = re.sub(r"(?m)^(QUIET=|CONNECT=|\[ ).*\n", "", values)
    values = re.sub(r"(?m)^(VERSION=).*$", r"\g<1>0.1.0", values)
    return about + values + body[body.index("\n\n") + 1 :]


def released(bundle: Bundle) -> str:
    return as_released(render(bundle))
