"""The verbs `fleet ...` and `node sign`: what they say, and to bad input one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.fleet.card_files import UnknownGateway, card_named
from checker.fleet.exchange import PushFailed, parse_index, shell_words
from checker.fleet.making import OtherName, make_fleet
from checker.model.gateway_id import GatewayId
from checker.signatures import KEY_FILE
from tests.fleet.homes import Fleet, Member, member, signer


def refused(one: Member, *words: str) -> str:
    """The one sentence with which a command refuses."""
    code, out, err = one.say(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err.removeprefix("reversi-checker: error: ").rstrip()


def test_status_shows_gateways_and_nodes(gw1: Member) -> None:
    gw1.add("office")

    out = gw1.do("fleet", "status")
    found = json.loads(gw1.do("fleet", "status", "--json"))

    assert "gw1 (here)  active  1" in out
    assert "gw2.example.org:22" in out
    assert "nodes: 1 signed; 0 removed nodes are remembered" in out
    assert [one["id"] for one in found["gateways"]] == ["gw1", "gw2"]
    assert (found["gateway"], found["nodes_signed"], found["nodes_unsigned"]) == ("gw1", 1, [])


def test_init_can_be_repeated_but_not_with_another_id(gw1: Member) -> None:
    before = gw1.layout.config.read_bytes()

    gw1.do("fleet", "init", "gw1")

    assert gw1.layout.config.read_bytes() == before
    assert "this gateway is gw1 already" in refused(gw1, "fleet", "init", "gw2")
    with pytest.raises(OtherName):
        make_fleet(gw1.layout, GatewayId("gw2"), signed=True)


def test_init_keeps_the_settings_and_makes_what_a_fleet_needs(gw1: Member) -> None:
    config = load_config(gw1.layout.config)

    assert config.gateway == ("gw1.example.org:22",)
    assert config.fleet is not None
    assert (config.fleet.name, config.fleet.signed) == ("gw1", True)
    assert gw1.layout.fleet.joinpath("identity").stat().st_mode & 0o077 == 0


def test_init_without_a_signer_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = member(tmp_path, "gw1", capsys)
    (one.layout.fleet / "allowed_signers").unlink()

    out = one.do("fleet", "init", "gw1")

    assert f"now write who may sign into {one.layout.fleet}/allowed_signers" in out
    assert "by hand" in (one.layout.fleet / "allowed_signers").read_text(encoding="utf-8")
    code, out, _ = one.say("fleet", "status")
    assert (code, "nobody" in out) == (1, True)
    assert "nobody signed this card" in one.say("fleet", "card")[2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("fleet", "init", "GW1"), "'GW1' cannot be the ID of a gateway"),
        (("fleet", "card", "gw7"), "there is no card of a gateway 'gw7'"),
        (("fleet", "card", "gw7", "--weight", "2"), "there is no card of gw7 yet"),
        (("fleet", "card", "--weight", "1000"), "--weight 1000 is out of bounds"),
        (("fleet", "card", "--address", "gw1"), "add the port"),
        (("fleet", "card", "--host-key", "missing.pub"), "missing.pub: there is no such file"),
        (("fleet", "join", "missing.card"), "missing.card: there is no such file"),
        (("fleet", "sign", "missing.toml"), "missing.toml: there is no such file"),
        (("fleet", "sign", "x", "--as", "anna"), "--as needs --key FILE"),
        (("fleet", "push", "gw1"), "gw1 is this gateway"),
        (("fleet", "push", "gw22"), "did you mean 'gw2'"),
        (("fleet", "push", "--ssh", "'"), "is not a command"),
        (("fleet", "import", "missing"), "is not an export of a fleet"),
        (("fleet", "remove", "gw1", "--yes"), "gw1 is this gateway; remove it on another one"),
        (("node", "sign"), "name the nodes to sign, or say --all"),
        (("node", "sign", "office", "--all"), "name the nodes to sign, or say --all"),
        (("node", "sign", "office"), "there is no node 'office'"),
        (
            ("node", "sign", "--all", "--paths", "3"),
            "--paths 3 is out of bounds; a node keeps 1 or 2 tunnels",
        ),
        (("node", "sign", "--all", "--gateways", "gw1,gw2,gw1"), "--gateways names gw1 twice"),
        (("node", "sign", "--all", "--gateways", "gw1,,"), "cannot be the ID of a gateway"),
        (
            ("node", "add", "x", "--forward", "127.0.0.1:22", "--gateway", "gw9=g:22"),
            "there is no card of a gateway 'gw9'",
        ),
        (
            ("node", "add", "x", "--forward", "127.0.0.1:22", "--keep-key"),
            "keeps no device's private key",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_gets_one_sentence(
    gw1: Member,
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert sentence in refused(gw1, *words)


def test_init_makes_the_home_that_somebody_names(
    gw1: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_FILE)
    home = home_layout(tmp_path / "none" / "yet")
    laptop = Member(layout=home, id=GatewayId("laptop"), capsys=gw1.capsys)

    laptop.do("fleet", "init", "laptop", "--dry-run")
    assert not home.config.parent.exists()
    said = laptop.do("fleet", "init", "laptop")

    assert f"reversi-checker --home {home.home} fleet card --sign" in said
    assert load_config(home.config).fleet is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fleet = 7", "fleet must be a table"),
        ("[fleet]", "name is missing"),
        ('[fleet]\nname = "a b"', "cannot be the ID"),
        ('[fleet]\nname = "gw1"\nsinged = true', "did you mean 'signed'"),
        ('[fleet]\nname = "gw1"\nsigned = 1', "signed must be true or false"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "reversi.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=why):
        load_config(path)


def test_a_gateway_that_is_in_no_fleet_says_how_to_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    one = Member(layout=layout, id=GatewayId("gw1"), capsys=capsys)

    for verb in ("status", "card", "push"):
        assert "begin with: reversi-checker fleet init ID" in refused(one, "fleet", verb)
    assert "begin with" in refused(one, "fleet", "export", str(tmp_path / "export"))
    assert not (tmp_path / "export").exists()


def test_a_dry_run_changes_nothing(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    gw1.add("office")
    folder = fleet.folder / "export"
    gw1.do("fleet", "export", str(folder))
    before = {path: path.read_bytes() for path in fleet.folder.rglob("*.toml")}

    out = gw2.do("fleet", "import", str(folder), "--dry-run")
    gw1.do("fleet", "remove", "gw2", "--dry-run")
    gw1.do("fleet", "card", "gw2", "--weight", "3", "--dry-run")
    gw1.do("node", "sign", "--all", "--again", "--dry-run")

    assert "would office: revision 1: take" in out
    assert {path: path.read_bytes() for path in fleet.folder.rglob("*.toml")} == before


def test_a_card_can_be_changed_and_is_signed_again(fleet: Fleet, gw1: Member) -> None:
    key = gw1.layout.host_key.with_name(f"{gw1.layout.host_key.name}.pub")
    words = ("--state", "reserved", "--address", "gw9.example.org:22", "--host-key", str(key))

    out = gw1.do("fleet", "card", "gw9", *words, "--weight", "2")

    assert 'state = "reserved"' in out
    assert "BEGIN SSH SIGNATURE" in out
    assert card_named(gw1.layout, "gw9").card.weight == 2
    gw1.do("fleet", "remove", "gw9", "--yes")
    with pytest.raises(UnknownGateway):
        card_named(gw1.layout, "gw9")


def test_a_lab_fleet_believes_every_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_FILE, raising=False)
    more = '[fleet]\nname = "{}"\nsigned = false\n'
    one, two = (member(tmp_path, id_, capsys, more=more.format(id_)) for id_ in ("gw1", "gw2"))
    node = one.add("office")
    lab = Fleet(gateways=(one, two), anna=None, folder=tmp_path)  # type: ignore[arg-type]

    assert lab.carry(one, two)[0] == 0

    assert two.node("office") == node
    assert two.say("fleet", "status")[0] == 0

    # a lab that begins to sign
    anna = signer(tmp_path / "people", "anna")
    (one.layout.fleet / "allowed_signers").write_text(anna.line, encoding="utf-8")
    text = one.layout.config.read_text(encoding="utf-8").replace("signed = false", "")
    one.layout.config.write_text(text, encoding="utf-8")
    assert one.say("fleet", "status")[0] == 1
    assert "office: revision 2 signed by anna" in one.do(
        "node", "sign", "--all", "--key", str(anna.key)
    )
    one.do("fleet", "card", "--sign", "--key", str(anna.key))
    assert one.say("fleet", "status")[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        b"Welcome!\n",
        b"[]\n",
        b"{}\n",
        b'{"reversi-fleet": 2}\n',
        b'{"reversi-fleet":1,"nodes":7}\n',
        b'{"reversi-fleet":1,"gateway":"gw2","nodes":{"a":[Infinity,""]},"gateways":{},"left_out":{}}',
        b'{"reversi-fleet":1,"gateway":"gw2","nodes":{"a":[-1,""]},"gateways":{},"left_out":{}}',
        b'{"reversi-fleet":1,"gateway":"gw2","nodes":{"a":7},"gateways":{},"left_out":{}}',
        b'{"reversi-fleet":1,"gateway":"gw2","nodes":' + b"[" * 9999,
    ],
)
def test_what_is_not_an_index_is_refused(line: bytes) -> None:
    with pytest.raises(PushFailed, match="does not answer as a gateway of a fleet"):
        parse_index(line)


def test_what_a_stolen_gateway_answers_to_a_push_cannot_command_a_terminal(
    fleet: Fleet, gw1: Member
) -> None:
    gw1.add("office")
    clear = "\x1b[2J\u202e"
    table = {
        "reversi-fleet": 1,
        "gateway": "gw2",
        "nodes": {clear: [9, clear], "x" * 1000: [9, ""]},
        "gateways": {},
        "left_out": {"office": [9, f"{clear} port 1"]},
    }
    answer = fleet.folder / "answer"
    answer.write_text(f"{json.dumps(table)}\n" * 2, encoding="ascii")
    rogue = fleet.folder / "rogue"
    rogue.write_text(f"#!/bin/sh\ncat {answer}; cat > {answer}.heard\n", encoding="ascii")
    rogue.chmod(0o755)

    code, out, err = gw1.say("fleet", "push", "--ssh", str(rogue))

    assert (code, err) == (1, "")
    assert "gw2: office was left out there: \\x1b[2J\\u202e port 1" in out
    assert "newer there than here" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < 500


def test_the_command_for_ssh_is_split_as_a_shell_does() -> None:
    assert shell_words("ssh -i '/a b/key'") == ("ssh", "-i", "/a b/key")
    with pytest.raises(PushFailed):
        shell_words(" ")


def test_a_gateway_of_its_own_imports_nothing_of_a_fleet(tmp_path: Path) -> None:
    program = """
import sys
from checker.cli.main import run
home = ("--home", sys.argv[1])
assert run([*home, "node", "add", "office", "--forward", "127.0.0.1:22,banner:SSH-2.0"]) == 0
assert run([*home, "node", "disable", "office"]) == 0
assert run([*home, "node", "list"]) == 0
import checker.daemon.serve
wanted = ("fleet", "signatures", "sealing", "entries", "entry_files", "gateway_id")
print("found:", [one for one in sys.modules if one.startswith("checker.") and
      any(part in wanted for part in one.split("."))])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert "found: ['checker.cli.fleet']" not in done.stdout
    assert "found: []" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "home" / "fleet").exists()
