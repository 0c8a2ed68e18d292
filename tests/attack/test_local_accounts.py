"""Other accounts on the gateway: the rule in docs/security.md keeps them away from nodes' ports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.programs import require

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
USERS = {"root": 0, "reversi": 4101, "reversi-checker": 4102, "nobody else": 4103}
TRY = """
import os, socket, subprocess, sys

def connects(user, family, address, port):
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        with socket.socket(family) as trial:
            trial.settimeout(150)
            try:
                trial.connect((address, port))
            except ConnectionRefusedError:
                os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
places = [
    (socket.AF_INET, "127.0.0.1", 20000),
    (socket.AF_INET6, "::1", 29999),
    (socket.AF_INET, "127.0.0.1", 30000),
]
kept = []
for family, address, port in places:
    listener = socket.socket(family)
    listener.bind((address, port))
    listener.listen()
    kept.append(listener)
for rule in ("", sys.stdin.read()):
    subprocess.run(["nft", "-f", "-"], input=rule, text=True, check=True)
    for user in map(int, sys.argv[1:]):
        print(*(int(connects(user, *place)) for place in places))
"""


def rule() -> str:
    """The rule as the page prints it, with numbers in place of account names."""
    page = PAGE.read_text(encoding="utf-8")
    printed = re.search(r"^( +)table inet reversi \{\n(?:\1 .*\n)+\1\}\n", page, re.MULTILINE)
    assert printed is not None
    text = textwrap.dedent(printed[0])
    numbers = ", ".join(str(USERS[name]) for name in ("root", "reversi", "reversi-checker"))
    assert text.count("{ root, reversi, reversi-checker }") == 1
    return text.replace("{ root, reversi, reversi-checker }", f"{{ {numbers} }}")


def test_the_printed_rule_lets_only_its_users_connect_to_node_ports() -> None:
    require("nft", "ip", "unshare")
    if os.geteuid() != 0:
        pytest.skip("only root can make a network namespace")
    if subprocess.run(
        ["unshare", "--net", "nft", "add", "table", "inet", "x"], check=False
    ).returncode:
        pytest.skip("this kernel has no nftables")

    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", TRY, *(str(user) for user in USERS.values())],
        input=rule(), capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip

    before, after = done.stdout.splitlines()[: len(USERS)], done.stdout.splitlines()[len(USERS) :]
    assert before == ["1 1 1"] * len(USERS)
    assert dict(zip(USERS, after, strict=True)) == {
        "root": "1 1 1",
        "reversi": "1 1 1",
        "reversi-checker": "1 1 1",
        "nobody else": "0 0 1",
    }
