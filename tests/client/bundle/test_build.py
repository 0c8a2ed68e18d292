"""`reversi-client build`: which node, key and gateway it takes, and where it writes the file."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from checker.cli.main import run as run_checker
from client.bundle.build import CannotBuild, build, build_all, find_key, find_source
from client.bundle.gateways import parse_gateway
from client.bundle.options import BuildOptions
from client.bundle.settings import Settings
from tests.client.bundle.places import Place
from tests.client.bundle.samples import forms_of, made_key
from tests.strategies import node


def test_the_bundle_has_the_nodes_data_and_is_private(place: Place) -> None:
    assert place.build("office") == 0

    assert stat.S_IMODE((place.out / "office.sh").stat().st_mode) == 0o600
    text = place.text()
    assert "\nNODE=office\n" in text
    assert "\nGATEWAYS='gw.example.org:22 10.1.2.3:2222'\n" in text
    assert "\nFORWARDS='20010:127.0.0.1:22 20011:192.168.1.20:443'\n" in text
    assert (place.home / "ssh_host_ed25519_key.pub").read_text().split()[1] in text
    assert "BEGIN OPENSSH PRIVATE KEY" in text


def test_a_bundle_goes_to_standard_output_for_a_pipe_to_the_device(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.build("office") == 0
    capsys.readouterr()

    assert place.build("office", "--output", "-") == 0

    said = capsys.readouterr()
    assert said.out == place.text()
    assert "wrote" not in said.err
    assert not Path("-").exists()


def test_a_public_forward_listens_on_all_addresses(place: Place) -> None:
    assert (
        run_checker(
            [
                "--home",
                str(place.home),
                "node",
                "set",
                "office",
                "--forward",
                "20011",
                "--public",
                "yes",
            ]
        )
        == 0
    )

    assert place.build("office") == 0

    assert "\nFORWARDS='20010:127.0.0.1:22 *:20011:192.168.1.20:443'\n" in place.text()


def test_building_again_gives_the_same_file(place: Place) -> None:
    place.build("office")
    first = place.text()

    place.build("office")

    assert place.text() == first


def test_each_type_of_host_key_that_the_gateway_has_is_pinned(place: Place, tmp_path: Path) -> None:
    rsa = made_key(tmp_path, "rsa", "-b", "2048")
    public = rsa.with_name(rsa.name + ".pub").read_text()
    (place.home / "ssh_host_rsa_key.pub").write_text(public)

    place.build("office")

    assert public.split()[1] in place.text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("gw.example.org", "gw.example.org:22", id="name"),
        pytest.param("gw.example.org:443", "gw.example.org:443", id="name-port"),
        pytest.param("[fd00::1]", "[fd00::1]:22", id="six"),
        pytest.param("[fd00::1]:443", "[fd00::1]:443", id="six-port"),
    ],
)
def test_a_gateways_default_port_is_22(text: str, expected: str) -> None:
    assert parse_gateway(text) == expected


def test_typed_gateways_and_settings_win(place: Place) -> None:
    typed = [
        "--gateway",
        "a.example.org",
        "--gateway",
        "b.example.org:443",
        "--beat",
        "20",
        "--retry",
        "60",
        "--first-wait",
        "30",
    ]
    place.build("office", *typed)

    text = place.text()
    assert "\nGATEWAYS='a.example.org:22 b.example.org:443'\n" in text
    assert "\nBEAT=20\n" in text
    assert "\nRETRY=60\n" in text
    assert "\nFIRST_WAIT=30\n" in text


def test_a_key_of_another_node_is_refused(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.keys / "office.toml.key").write_bytes(made_key(tmp_path).read_bytes())

    assert place.build("office") == 2
    assert "is not the private key of node office" in capsys.readouterr().err
    assert not (place.out / "office.sh").exists()


def secret(private: str) -> str:
    """Return a line of an OpenSSH key that no other key has."""
    return private.splitlines()[3]


def rekey(place: Place, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.chdir(place.keys)
    assert run_checker(["--home", str(place.home), "node", "rekey", "office", *options]) == 0


@pytest.mark.parametrize(
    "options",
    [pytest.param(("--now",), id="at once"), pytest.param((), id="while the old one is valid")],
)
@pytest.mark.parametrize(
    "names", [("office.key", "office-2.key"), ("office-2.key", "office.key")], ids=" ".join
)
def test_the_new_key_is_embedded_whatever_its_file_is_called(
    place: Place, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], names: tuple[str, str]
) -> None:
    old = (place.keys / "office.toml.key").rename(place.keys / "office.key").read_bytes()
    rekey(place, monkeypatch, *options)
    new = (place.keys / "office-2.key").read_bytes()
    (place.keys / names[0]).write_bytes(old)
    (place.keys / names[1]).write_bytes(new)

    assert place.build("office") == 0

    assert secret(new.decode()) in place.text()


def test_the_present_key_is_embedded_if_the_new_one_is_not_here(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    public = made_key(tmp_path)
    rekey(place, monkeypatch, "--public-key", f"{public}.pub")

    assert place.build("office") == 0

    assert secret((place.keys / "office.toml.key").read_text()) in place.text()


def test_a_key_that_the_gateway_keeps_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    rekey(place, monkeypatch, "--now", "--keep-key")
    handed_over = place.keys / "office.key"
    private = handed_over.read_text()
    handed_over.unlink()

    assert place.build("office") == 0

    assert secret(private) in place.text()


def test_all_files_with_other_keys_are_named(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = made_key(tmp_path).read_bytes()
    for name in ("office.toml.key", "office-2.key"):
        (place.keys / name).write_bytes(other)

    assert place.build("office") == 2
    said = capsys.readouterr().err
    assert "office.toml.key" in said
    assert "office-2.key" in said
    assert "is the private key of node office" in said
    assert "--key device" in said


def test_a_missing_key_is_named_with_a_way_out(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.keys / "office.toml.key").unlink()

    assert place.build("office") == 2
    said = capsys.readouterr().err
    assert "office.toml.key" in said
    assert "--key device" in said


def test_a_place_for_keys_that_cannot_be_looked_at_is_named(place: Place) -> None:
    with pytest.raises(CannotBuild, match="x cannot be read: File name too long"):
        find_key(node(), Path("x" * 300), place.home / "office.key")


def test_an_unknown_node_is_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.build("roof") == 2
    assert "there is no node 'roof'" in capsys.readouterr().err


def test_a_bundle_without_a_key_has_the_command_that_registers_it(place: Place) -> None:
    assert place.build("office", "--key", "device") == 0

    text = place.text()
    assert "PRIVATE KEY" not in text
    assert f"reversi-checker --home {place.home} node rekey office --public-key -" in text


def test_a_bundle_can_be_built_before_its_node_is_registered(place: Place) -> None:
    assert (
        place.build("roof", "--key", "device", "--forward", "20020=127.0.0.1:22,banner:SSH-2.0")
        == 0
    )

    text = place.text("roof")
    assert "\nFORWARDS=20020:127.0.0.1:22\n" in text
    assert "node add roof --forward 20020=127.0.0.1:22,banner:SSH-2.0 --public-key -" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param((), "name one NODE, or use --all", id="nothing"),
        pytest.param(("office", "--all"), "name one NODE, or use --all", id="both"),
        pytest.param(
            ("office", "--forward", "20020=127.0.0.1:22"),
            "--forward is for --key device",
            id="forward",
        ),
        pytest.param(
            ("--all", "--output", "x"), "--output and --forward are for one NODE", id="output"
        ),
        pytest.param(("office", "--filter", "x"), "--filter is for --all", id="filter"),
        pytest.param(("office", "--beat", "0"), "must be at least 1 second", id="beat"),
        pytest.param(("office", "--retry", "soon"), "is not a whole number of seconds", id="retry"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    place: Place, words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        place.build(*words)

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_forward_is_refused_for_a_registered_node(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.build("office", "--key", "device", "--forward", "20020=127.0.0.1:22") == 2
    assert "leave out --forward" in capsys.readouterr().err


def test_a_forward_of_an_unregistered_node_needs_its_port(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.build("roof", "--key", "device", "--forward", "127.0.0.1:22") == 2
    assert "PORT=HOST:PORT" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_all_shows_a_bar_and_names_the_nodes_left_out(place: Place) -> None:
    place.add("roof", "20012=127.0.0.1:22")
    place.add("cellar", "20013=127.0.0.1:22")
    (place.keys / "roof.toml.key").unlink()
    wanted = BuildOptions(
        node=None,
        home=str(place.home),
        output=None,
        output_dir=place.out,
        gateways=None,
        makes_key=False,
        private_key=place.keys,
        forwards=[],
        settings=Settings(),
        scans=False,
    )
    said = Terminal()

    failures = build_all(find_source(wanted), wanted, said)

    assert failures == 1
    assert sorted(path.name for path in place.out.iterdir()) == ["cellar.sh", "office.sh"]
    assert "3/3 roof" in said.getvalue()
    assert "roof: no private key at" in said.getvalue()
    assert "2 of 3 bundles" in said.getvalue()


def test_all_exits_with_2_if_a_bundle_is_missing(place: Place) -> None:
    place.add("roof", "20012=127.0.0.1:22")
    assert place.build("--all") == 0
    (place.keys / "roof.toml.key").unlink()
    assert place.build("--all") == 2


def test_all_with_a_filter_builds_for_what_matches_and_names_what_is_left_out(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("roof", "cellar", "barn", "attic")):
        place.add(name, f"{20012 + number}=127.0.0.1:22")
    tag = ["node", "set", "roof", "cellar", "barn", "--tag", "site-a", "--yes"]
    assert run_checker(["--home", str(place.home), *tag]) == 0
    (place.keys / "roof.toml.key").unlink()
    (place.home / "nodes" / "attic.toml").write_text("nonsense")
    capsys.readouterr()

    assert place.build("--all", "--filter", "tag:site-a") == 2

    said = capsys.readouterr().err
    assert sorted(path.name for path in place.out.iterdir()) == ["barn.sh", "cellar.sh"]
    assert "roof: no private key at" in said
    assert "attic" not in said
    assert "2 of 3 bundles are in" in said
    assert place.build("--all", "--filter", "node:cellar") == 0
    assert place.build("--all", "--filter", "node:nobody") == 2


def test_a_key_file_without_a_key_is_named(place: Place) -> None:
    (place.keys / "office.toml.key").write_text("nothing")
    wanted = BuildOptions(
        node="office",
        home=str(place.home),
        output=None,
        output_dir=place.out,
        gateways=None,
        makes_key=False,
        private_key=place.keys,
        forwards=[],
        settings=Settings(),
        scans=False,
    )

    with pytest.raises(CannotBuild, match=r"office\.toml\.key: not a private key"):
        build(wanted)


def test_the_client_does_not_load_the_builder() -> None:
    program = (
        "import sys, client.cli; print(*sorted(m for m in sys.modules if"
        " m.startswith(('client.bundle', 'client.rollout', 'checker', 'cryptography'))))"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert set(said.stdout.split()) <= {
        "checker",
        "checker.arguments",
        "checker.journal",
        "checker.nearest",
        "checker.wire",
        "client.bundle",
        "client.bundle.options",
        "client.bundle.settings",
        "client.rollout",
        "client.rollout.options",
    }


def test_the_nodes_key_is_embedded(place: Place) -> None:
    place.build("office")

    assert forms_of(place.keys / "office.toml.key").openssh in place.text()
