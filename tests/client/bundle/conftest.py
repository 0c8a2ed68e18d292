"""Fixtures for tests of bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from tests.client.bundle.places import Place
from tests.host_keys import put_rsa_host_key
from tests.programs import require


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    require("ssh-keygen")
    made = Place(home=tmp_path / "home", keys=tmp_path / "keys", out=tmp_path / "out")
    for folder in (made.home, made.keys, made.out):
        folder.mkdir()
    (made.home / "reversi.toml").write_text(
        'gateway = ["gw.example.org:22", "10.1.2.3:2222"]\ntunnel_user = "root"\n'
    )
    put_rsa_host_key(home_layout(made.home))
    made.add("office", "20010=127.0.0.1:22,banner:SSH-2.0", "20011=192.168.1.20:443,tls")
    capsys.readouterr()
    return made
