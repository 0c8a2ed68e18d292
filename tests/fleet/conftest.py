"""Fleets of two gateways, and of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.signatures import KEY_FILE
from tests.fleet.homes import Fleet, Member, member, signer


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`node add` writes private keys into the present folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fleet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Fleet:
    """Two gateways that know each other; anna may sign, and her key is at hand."""
    anna = signer(tmp_path / "people", "anna")
    monkeypatch.setenv(KEY_FILE, str(anna.key))
    gateways = tuple(member(tmp_path, id_, capsys, anna) for id_ in ("gw1", "gw2"))
    cards = [tmp_path / f"{one.id}.card" for one in gateways]
    for one, path in zip(gateways, cards, strict=True):
        path.write_text(one.do("fleet", "card"), encoding="utf-8")
    for one in gateways:
        one.do("fleet", "join", *map(str, cards))
    return Fleet(gateways=gateways, anna=anna, folder=tmp_path)


@pytest.fixture
def gw1(fleet: Fleet) -> Member:
    return fleet.gateways[0]


@pytest.fixture
def gw2(fleet: Fleet) -> Member:
    return fleet.gateways[1]
