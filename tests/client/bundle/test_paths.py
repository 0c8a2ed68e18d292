"""The two bundles of a node that keeps two tunnels: which to build, and over which gateways."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from checker.model import InvalidValue, NodeName
from client.bundle.compose import render
from client.bundle.gateways import Given, pinning
from client.bundle.paths import gateways_of, paths_to_build, pins_for
from client.cli import main
from client.paths import ONLY
from tests.client.bundle.places import Place
from tests.client.bundle.samples import changed, made_key

OFFICE = NodeName("office")
ADDRESSES = ("gw1=a:22", "gw2=b:22", "gw1=c:22", "gw3=d:22", "gw4=e:22")


def header(text: str) -> dict[str, str]:
    """Return the assignments of a bundle's header."""
    words = shlex.split(text.partition("\nset -u")[0], comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_each_path_has_every_other_gateway_with_all_its_addresses() -> None:
    assert gateways_of(ADDRESSES, 1) == ("gw1=a:22", "gw1=c:22", "gw3=d:22")
    assert gateways_of(ADDRESSES, 2) == ("gw2=b:22", "gw4=e:22")
    assert gateways_of(ADDRESSES, ONLY) == ADDRESSES


@pytest.mark.parametrize("gateways", [("a:22", "b:22"), ("gw1=a:22", "gw1=b:22")])
def test_addresses_of_one_gateway_are_not_enough_for_two_paths(gateways: tuple[str, ...]) -> None:
    with pytest.raises(InvalidValue, match="two paths need two gateways"):
        gateways_of(gateways, 2)


def test_a_path_pins_only_its_own_gateways() -> None:
    pins = pinning(
        ("a:22", "gw2=b:22"), ("ssh-rsa ONE",), (Given(id="gw2", keys=("ssh-rsa TWO",)),)
    )

    assert pins_for(("a:22",), pins.lines) == ("ssh-rsa ONE",)
    assert pins_for(("gw2=b:22",), pins.lines) == ("gw2 ssh-rsa TWO",)


@pytest.mark.parametrize(
    ("signed", "path", "all_", "expected"),
    [
        (None, ONLY, False, (ONLY,)),
        (None, 2, False, (2,)),
        (1, ONLY, True, (ONLY,)),
        (2, 1, False, (1,)),
        (2, ONLY, True, (1, 2)),
        (2, ONLY, False, "--path 1 and with --path 2"),
        (1, 2, False, "node sign office --paths 2"),
    ],
)
def test_what_is_built(
    signed: int | None, path: int, all_: bool, expected: tuple[int, ...] | str
) -> None:
    if isinstance(expected, str):
        with pytest.raises(InvalidValue, match=expected):
            paths_to_build(OFFICE, signed, path, all_=all_)
    else:
        assert paths_to_build(OFFICE, signed, path, all_=all_) == expected


def test_a_bundle_without_a_path_says_nothing_of_paths() -> None:
    assert "PATH_NUMBER" not in header(render(changed()))


def test_the_bundles_of_two_paths_differ_in_their_name_and_their_gateways(
    place: Place, tmp_path: Path
) -> None:
    other = made_key(tmp_path, "ecdsa").with_suffix(".pub")
    words = ("--gateway", "gw1=one:22", "--gateway", "gw2=two:22", "--host-key", f"gw2={other}")

    assert place.build("office", "--path", "1", *words) == 0
    assert place.build("office", "--path", "2", *words) == 0

    one, two = (header(place.text(name)) for name in ("office", "office_2"))
    assert (one["NODE"], two["NODE"]) == ("office", "office_2")
    assert (one["PATH_NUMBER"], two["PATH_NUMBER"]) == ("1", "2")
    assert (one["GATEWAYS"], two["GATEWAYS"]) == ("gw1=one:22", "gw2=two:22")
    assert "gw2 " not in one["HOST_KEYS"]
    assert "gw1 " not in two["HOST_KEYS"]
    changing = {"NODE", "PATH_NUMBER", "GATEWAYS", "HOST_KEYS"}
    assert {name: one[name] for name in one.keys() - changing} == {
        name: two[name] for name in two.keys() - changing
    }


def test_one_gateway_is_refused_with_what_to_do(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.build("office", "--path", "2") == 2

    assert "--gateway gw1=HOST --gateway gw2=HOST" in capsys.readouterr().err
    assert not (place.out / "office_2.sh").exists()


@pytest.mark.parametrize("words", [("--all",), ("--enrol", "yard")])
def test_a_path_is_for_one_node(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["build", *words, "--path", "1"])

    assert "--path is for" in capsys.readouterr().err
