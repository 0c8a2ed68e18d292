"""An installed gateway's confined agent: an operator who is not root acts at another gateway."""

from __future__ import annotations

import json
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from checker.cli.main import run
from checker.config.layout import home_layout
from checker.fleet.bus_files import bus_folder
from checker.signatures import KEY_FILE
from checker.state.drain_file import read_drain
from tests.system.booted import Booted
from tests.system.machine import PYTHON
from tests.system.waiting import until

SOCKET = "/run/reversi-fleet/post.sock"
OTHER = "reversi-other"
"""What the names of the other gateway's services begin with."""


def start_the_other(gateway: Booted, home: Path, card: str) -> None:
    """Start gw2 on the same machine: a home with a nats-server, an agent and a daemon."""
    beside = home / "gw1.card"
    beside.write_text(card, encoding="utf-8")
    with redirect_stdout(StringIO()):
        assert run(["--home", str(home), "fleet", "join", str(beside)]) == 0
    words = (PYTHON, "-I", "-m", "checker", "--home", str(home))
    folder = bus_folder(home_layout(home))
    for name, what in (
        ("bus", ("nats-server", "-c", "nats.conf")),
        ("agent", (*words, "fleet", "serve")),
        ("daemon", (*words, "serve")),
    ):
        options = (f"--unit={OTHER}-{name}", f"--working-directory={folder}", "--quiet")
        gateway.must("systemd-run", *options, *what)


def hire(gateway: Booted, name: str, key: Path) -> None:
    """Make an account on this machine, and give it a copy of a key that may sign."""
    gateway.must("useradd", "--no-create-home", "--user-group", name)
    for suffix in ("", ".pub"):
        file = f"/run/key-of-{name}{suffix}"
        gateway.write(file, key.with_name(key.name + suffix).read_text(encoding="ascii"))
        gateway.must("chmod", "600", file)
        gateway.must("chown", name, file)


def as_user(gateway: Booted, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `reversi-checker` as this account, with its key at hand."""
    account = ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups")
    key = ("env", f"{KEY_FILE}=/run/key-of-{name}")
    return gateway.run(*account, *key, PYTHON, "-I", "-m", "checker", *words)


def only_operators_act_through_the_socket(gateway: Booted, home: Path, key: Path) -> None:
    """A member of `operators_group` is heard at gw2; another account is not, whatever it signs."""
    start_the_other(gateway, home, gateway.ok("fleet", "card"))
    for name in ("olga", "bob"):
        hire(gateway, name, key)
    gateway.must("usermod", "-aG", "reversi-operators", "olga")
    assert gateway.must("stat", "-c", "%F %U", SOCKET) == "socket reversi-fleet\n"
    other = home_layout(home)

    def asked() -> str:
        return as_user(gateway, "olga", "fleet", "drain", "gw2", "--yes").stdout

    assert until(asked, "gw2 answers") == "gw2: it drains: 0 connections to go\n"
    found = read_drain(other.drain).drain
    assert found is not None
    assert found.by.startswith("anna (SHA256:")
    events = json.loads(gateway.ok("log", "--kind", "act", "--here", "--json"))["events"]
    assert all(event["actor"].startswith("anna (SHA256:") for event in events)
    assert any(event["text"].startswith("drain at gw2: it drains") for event in events)

    refused = as_user(gateway, "bob", "fleet", "undrain", "gw2")

    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "only members of the group reversi-operators" in refused.stderr
    assert read_drain(other.drain).drain == found
    done = as_user(gateway, "olga", "fleet", "undrain", "gw2")
    assert (done.returncode, done.stdout) == (0, "gw2: it takes nodes again\n"), done.stderr
    assert read_drain(other.drain).drain is None
