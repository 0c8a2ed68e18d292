"""`fleet push` to a real sshd, whose forced command takes in what comes."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker.fleet import exchange
from checker.fleet.cards import Card
from checker.fleet.exchange import Index, PushWay
from checker.model.gateway_id import GatewayId
from checker.registry.entries import parse_entry
from checker.sshd.keygen import make_key
from checker.sshd.private import differing
from checker.sshd.program import find_sshd
from tests.fleet.homes import Fleet, Member
from tests.programs import require
from tests.system.ports import accepts, free_port
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@contextlib.contextmanager
def serving(member: Member, folder: Path, also: str = "") -> Iterator[tuple[int, Path]]:
    """An sshd with the gateway's host key, and a key that may only bring entries to it; `also`:
    what else the key may, as options of its line.
    """
    require("sshd")
    folder.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key = folder / "push"
    make_key(key, comment="push")
    receive = f"{sys.executable} -m checker --home {member.layout.home} fleet import -"
    keys = folder / "authorized_keys"
    keys.write_text(f'restrict{also},command="{receive}" {key.with_suffix(".pub").read_text()}')
    port = free_port()
    sshd = find_sshd()
    options = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(member.layout.host_key),
        "AuthorizedKeysFile": str(keys),
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "no",
        "PermitRootLogin": "forced-commands-only",
        "SetEnv": f"PYTHONPATH={Path(__file__).parents[2]}",
        **differing(sshd, getpass.getuser()),
    }
    config = folder / "sshd_config"
    lines = (f"{name} {value}\n" for name, value in options.items() if value)
    config.write_text("".join(lines), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        until(lambda: accepts(port, "127.0.0.1"), "sshd listens")
        yield port, key
    finally:
        process.terminate()
        process.wait()


Push = Callable[..., tuple[int, str, str]]


@pytest.fixture
def push(fleet: Fleet, gw1: Member, gw2: Member, tmp_path: Path) -> Iterator[Push]:
    """Push from the first gateway to the second."""
    with serving(gw2, tmp_path / "sshd") as (port, key):
        gw1.do("fleet", "card", "gw2", "--address", f"127.0.0.1:{port}")

        def one(*words: str) -> tuple[int, str, str]:
            ssh = f"ssh -F none -o IdentitiesOnly=yes -i {key}"
            return gw1.say("fleet", "push", "--ssh", ssh, *words)

        yield one


def test_a_push_brings_what_the_other_one_lacks(gw1: Member, gw2: Member, push: Push) -> None:
    office = gw1.add("office")
    gw1.add("barn")

    assert push()[:2] == (0, "gw2: 3 of 3 entries and cards taken\n")
    assert gw2.node("office") == office
    assert push()[:2] == (0, "gw2: has everything\n")

    gw1.do("node", "disable", "office")
    gw1.do("node", "remove", "barn")
    assert push("--dry-run")[:2] == (0, "would bring 2 entries and cards to gw2\n")
    assert gw2.node("office").enabled

    assert push("gw2")[:2] == (0, "gw2: 2 of 2 entries and cards taken\n")
    assert not gw2.node("office").enabled
    assert "barn" not in gw2.nodes
    assert office.public_key not in gw2.key_lines()


def test_a_removed_gateway_learns_that_only_by_a_push_that_names_it(
    gw1: Member, gw2: Member, push: Push
) -> None:
    gw1.do("fleet", "remove", "gw2", "--yes")

    code, _, err = push()
    assert code != 0
    assert "no other gateway is known here" in err
    assert push("gw2")[:2] == (0, "gw2: 1 of 1 entries and cards taken\n")

    assert "removed" in gw2.do("fleet", "status")


INDEX = Index(gateway="gw2").as_line()
SLOW_GATEWAY = """
import sys, pathlib, time
print(sys.argv[1], flush=True)
sys.stdin.read()
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.05)
print(sys.argv[1], flush=True)
"""


def test_a_push_says_what_it_waits_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SLOW_AFTER_S", 0.1)
    heard = tmp_path / "heard"
    words = [sys.executable, "-c", SLOW_GATEWAY, INDEX, str(heard)]
    card = Card(id=GatewayId("gw2"), rev=1, changed_at=1, changed_by="anna")

    def tell(text: str) -> None:
        heard.write_text(text)

    done = exchange.converse(words, card, {}, PushWay(tell=tell))

    assert done.sent == 0
    assert heard.read_text() == (
        "gw2: it has not taken the entries yet; if that lasts, see there:"
        " systemctl status reversi-fleet-apply.path"
    )


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_batch_that_nothing_takes_out_of_the_inbox_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(exchange, "LOOKED_AFTER_S", 0.0)
    why = f"reversi-fleet-apply.path is {state}; there, run: sudo reversi-checker init"

    with pytest.raises(exchange.NotTaken, match=f"the entries lie in the inbox, and {why}"):
        exchange.wait_until_taken(tmp_path, lambda: state)


@pytest.mark.parametrize("state", ["active", "activating", None])
def test_a_batch_that_may_still_be_taken_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    monkeypatch.setattr(exchange, "LOOKED_AFTER_S", 0.0)
    batch = tmp_path / "batch"
    batch.touch()

    def looked() -> str | None:
        batch.unlink()
        return state

    exchange.wait_until_taken(batch, looked)

    monkeypatch.setattr(exchange, "APPLIED_WITHIN_S", 0.2)
    with pytest.raises(exchange.NotTaken, match="nothing takes them out; there, see: systemctl"):
        exchange.wait_until_taken(tmp_path, lambda: state)


def test_a_push_says_what_was_left_out_and_what_is_newer_there(
    fleet: Fleet, gw1: Member, gw2: Member, push: Push
) -> None:
    gw1.add("office", 20010)
    gw2.add("barn", 20010)

    code, out, _ = push()

    assert code == 1
    assert "gw2: office was left out there: port 20010 belongs to node barn" in out
    assert "gw2: newer there than here, so push from there: barn" in out
    assert "1 of 2" in out
    assert "has everything" in push()[1]
    assert parse_entry(gw1.entry("office").read_bytes()).head.rev == 1


def test_a_gateway_with_another_host_key_gets_nothing(
    gw1: Member, gw2: Member, push: Push, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_key(other, comment="other")
    gw1.do("fleet", "card", "gw2", "--host-key", str(other.with_suffix(".pub")))
    gw1.add("office")

    code, _, err = push()

    assert code == 3
    assert "gw2: 127.0.0.1:" in err
    assert "ost key verification failed" in err
    assert gw2.nodes == {}


def test_a_gateway_that_answers_under_another_name_gets_nothing(
    gw1: Member, gw2: Member, push: Push
) -> None:
    gw2.layout.config.write_text('[fleet]\nname = "gw3"\n', encoding="utf-8")

    code, _, err = push()

    assert (code, "the gateway there calls itself gw3" in err) == (3, True)


def test_a_gateway_that_is_down_is_named(gw1: Member, gw2: Member) -> None:
    gw1.do("fleet", "card", "gw2", "--address", f"127.0.0.1:{free_port()}")

    code, _, err = gw1.say("fleet", "push", "--ssh", "ssh -F none")

    assert code == 3
    assert "Connection refused" in err
