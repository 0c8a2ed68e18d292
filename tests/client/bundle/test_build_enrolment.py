"""`reversi-client build --enrol`: one bundle for all devices of an enrolment."""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import home_layout
from checker.model import Enrolment
from checker.registry.accepting import accept
from checker.registry.authorized_keys import gate_command
from checker.registry.enrolling import make_enrolment
from checker.registry.enrolments import (
    enrolment_key_path,
    read_enrolment,
    remove_enrolment,
    write_enrolment,
)
from checker.registry.pin_files import read_pins
from checker.sshd.host_key_files import host_keys
from checker.sshd.host_keys import as_pin
from client.bundle.compose import ENROL, render, shipped
from client.cli import main
from tests.client.bundle.places import Place
from tests.client.bundle.samples import OFFICE, forms_of, made_key
from tests.enrolled import applicant, enrolment


@pytest.fixture
def yard(place: Place, tmp_path: Path) -> Enrolment:
    """An enrolment of the gateway."""
    layout = home_layout(place.home)
    key = made_key(tmp_path)
    made = replace(enrolment(id="yard"), public_key=forms_of(key).public, expires=0, uses=0)
    make_enrolment(layout, made, key.read_bytes(), gate_command(layout))
    return made


def build(place: Place, *words: str) -> int:
    """Build without a scan: nothing answers at the gateway's addresses."""
    where = ("--no-scan", "--home", str(place.home), "--output-dir", str(place.out))
    return main(["build", *words, *where])


def test_the_bundle_has_the_enrolments_key_and_is_private(
    place: Place, yard: Enrolment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(place, "--enrol", "yard", "--retry", "60") == 0

    file = place.out / "reversi-yard.sh"
    assert capsys.readouterr().err.endswith(
        f"wrote {file}; on each device: sh reversi-yard.sh install\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert text.splitlines()[1].startswith(
        "# reversi: ask to become a node, by enrolment yard; for help: sh reversi-yard.sh help."
    )
    for line in (
        "NODE=enrol_yard",
        "KEY=enrol",
        "FORWARDS=''",
        "GATEWAYS='gw.example.org:22 10.1.2.3:2222'",
        "RETRY=60",
        f"NODE_ADD='reversi-checker --home {place.home} node rekey + --public-key -'",
    ):
        assert f"\n{line}\n" in text
    key = enrolment_key_path(home_layout(place.home), "yard").read_text()
    assert key.strip() in text
    assert build(place, "--enrol", "yard", "--output", str(place.out / "x.sh")) == 0
    assert "FORWARDS=''" in (place.out / "x.sh").read_text()


def test_a_nodes_bundle_has_no_part_of_it() -> None:
    text = render(OFFICE)

    assert not [part for part in ENROL if shipped(part) in text]
    assert "enrol_" not in text
    assert not re.search(r"\benrol:", text)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        pytest.param("yrad", "there is no enrolment 'yrad'; did you mean 'yard'?", id="near"),
        pytest.param("x", "there is no enrolment 'x'; see: reversi-checker enrol list", id="other"),
        pytest.param("../yard", "'../yard' cannot name an enrolment; use 1 to 32", id="no id"),
    ],
)
@pytest.mark.usefixtures("yard")
def test_an_unknown_enrolment_is_named(
    place: Place, capsys: pytest.CaptureFixture[str], asked: str, sentence: str
) -> None:
    assert build(place, "--enrol", asked) == 2

    assert sentence in capsys.readouterr().err
    assert list(place.out.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"expires": int(time.time()) - 5}, "it has expired", id="expired"),
        pytest.param(
            {"uses": 2, "accepted": ("SHA256:x", "SHA256:y")},
            "all of its 2 uses are taken",
            id="used up",
        ),
    ],
)
def test_an_enrolment_that_is_over_is_refused(
    place: Place,
    yard: Enrolment,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    why: str,
) -> None:
    write_enrolment(home_layout(place.home), replace(yard, **changes))

    assert build(place, "--enrol", "yard") == 2

    assert f"enrolment yard takes no device any more: {why}; make another" in (
        capsys.readouterr().err
    )


@pytest.mark.usefixtures("yard")
def test_a_key_that_is_gone_or_another_is_named(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = enrolment_key_path(home_layout(place.home), "yard")
    (tmp_path / "other").mkdir()
    file.write_bytes(made_key(tmp_path / "other").read_bytes())
    assert build(place, "--enrol", "yard") == 2
    assert f"{file} is not the private key of enrolment yard" in capsys.readouterr().err

    file.unlink()
    assert build(place, "--enrol", "yard") == 2

    assert f"{file} cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("yard")
def test_a_key_that_only_root_may_read_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = enrolment_key_path(home_layout(place.home), "yard")
    denied = os.access
    monkeypatch.setattr(os, "access", lambda path, *a, **k: path != file and denied(path, *a, **k))

    assert build(place, "--enrol", "yard") == 2

    assert f"{file} can be read by root only: build with sudo" in capsys.readouterr().err


@pytest.mark.parametrize(
    "other",
    [("office",), ("--all",), ("--key", "device"), ("--forward", "1=x:1"), ("--private-key", "x")],
    ids=lambda words: words[0],
)
@pytest.mark.usefixtures("yard")
def test_options_for_a_nodes_bundle_are_refused(
    place: Place, capsys: pytest.CaptureFixture[str], other: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        build(place, "--enrol", "yard", *other)

    assert "is for the bundle of a node; leave it out with --enrol" in capsys.readouterr().err


def test_a_node_is_noted_with_the_host_keys_that_its_bundle_pins(
    place: Place, yard: Enrolment
) -> None:
    layout = home_layout(place.home)
    build(place, "--enrol", "yard")
    one = applicant(enrolment=yard.id)

    accept(layout, [one], gate_command(layout))

    [pins] = read_pins(layout, one.name)
    assert pins.node_key == ""
    assert pins.host_keys == tuple(map(as_pin, host_keys(layout).keys))
    remove_enrolment(layout, yard.id)
    assert list(layout.enrolments.iterdir()) == []


def test_the_enrolment_can_still_be_read(place: Place, yard: Enrolment) -> None:
    assert read_enrolment(home_layout(place.home), "yard") == yard
