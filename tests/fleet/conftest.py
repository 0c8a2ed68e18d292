"""Fleets of two gateways, and of one."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import home_layout
from checker.model.gateway_id import GatewayId
from checker.signatures import KEY_FILE
from tests.fleet.homes import Fleet, Member, Signer, make_home, signer
from tests.system.conftest import (
    mode_of,
    nothing_left,
    orphans_come_to_us,
    own_gateway,
    reachable,
    sbin,
    session_stack,
    tunnel_account,
    usual,
)

__all__ = [
    "mode_of",
    "nothing_left",
    "orphans_come_to_us",
    "own_gateway",
    "reachable",
    "sbin",
    "session_stack",
    "tunnel_account",
    "usual",
]
IDS = ("gw1", "gw2")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`node add` writes private keys into the present folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gateways that know each other, to copy: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("fleet") / "template"
    anna = signer(folder / "people", "anna")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setenv(KEY_FILE, str(anna.key))
        homes = [make_home(folder, id_, anna) for id_ in IDS]
        for one in homes:
            cards = [str(other / "fleet" / "gateways" / f"{other.name}.toml") for other in homes]
            assert run(["--home", str(one), "fleet", "join", *cards]) == 0
    return folder


@pytest.fixture
def fleet(
    template: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Fleet:
    """Two gateways that know each other; anna may sign, and her key is at hand."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    anna = Signer(name="anna", key=tmp_path / "people" / "anna")
    monkeypatch.setenv(KEY_FILE, str(anna.key))
    gateways = tuple(
        Member(layout=home_layout(tmp_path / id_), id=GatewayId(id_), capsys=capsys) for id_ in IDS
    )
    return Fleet(gateways=gateways, anna=anna, folder=tmp_path)


@pytest.fixture
def gw1(fleet: Fleet) -> Member:
    return fleet.gateways[0]


@pytest.fixture
def gw2(fleet: Fleet) -> Member:
    return fleet.gateways[1]
