"""What `init` reads of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.install.survey import choices, survey
from checker.model import PortRanges
from tests.checker.install.machines import PYTHON


def test_settings_without_a_tunnel_user_are_refused(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text("strikes = 3\n")

    with pytest.raises(ConfigError, match="tunnel_user is missing"):
        choices(tmp_path, ())


def test_the_settings_of_the_admin_take_precedence(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text(
        'tunnel_user = "tunnels"\nports = "50000-50009"\n'
    )

    found = survey(root=tmp_path, python=PYTHON, gateways=("ignored:22",), force=False)

    assert (found.choices.tunnel_user, found.choices.operators, found.choices.ports) == (
        "tunnels",
        "",
        PortRanges((range(50000, 50010),)),
    )
    assert found.choices.gateways == ()
