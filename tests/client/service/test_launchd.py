"""The property list, as launchd reads it."""

from __future__ import annotations

import plistlib
from dataclasses import replace
from pathlib import Path

import pytest

from client.service.launchd import config_of, property_list
from tests.client.service.samples import OFFICE

LOG = Path("/var/log/reversi-client-office.log")


def test_launchd_starts_the_client_of_this_environment_and_keeps_it() -> None:
    content = plistlib.loads(property_list(OFFICE, LOG).encode())

    assert content["Label"] == "reversi-client-office"
    assert content["ProgramArguments"] == [
        "/opt/reversi/bin/python",
        "-E",
        "-P",
        "/opt/reversi/bin/reversi-client",
        "run",
        "--config",
        "/etc/reversi/office.toml",
    ]
    assert content["RunAtLoad"]
    assert content["KeepAlive"]
    assert content["StandardErrorPath"] == str(LOG)


def test_odd_names_come_back() -> None:
    odd = replace(OFFICE, config=Path("/Users/a & b/<office>.toml"))

    assert config_of(property_list(odd, LOG)) == odd.config


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<plist",
        plistlib.dumps([]).decode(),
        plistlib.dumps({"Label": "reversi-client-office"}).decode(),
        property_list(OFFICE, LOG).replace("--config", "--other"),
        property_list(OFFICE, LOG).replace("reversi-client-office", "reversi-office"),
    ],
)
def test_another_ones_file_is_not_taken_for_ours(text: str) -> None:
    assert config_of(text) is None
