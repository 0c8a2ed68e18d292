"""The contents of the files that `init` writes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from checker.config.settings import load_config
from checker.install.unit_files import ranges_out, reversi_toml, unit
from checker.model import parse_ranges


@given(st.frozensets(st.integers(1, 65535), min_size=1, max_size=60))
def test_ports_survive_the_notation_of_the_kernel(ports: frozenset[int]) -> None:
    assert frozenset(parse_ranges(ranges_out(ports).split(","))) == ports


def test_ports_in_a_row_become_a_range() -> None:
    assert ranges_out({1, 2, 3, 7, 9, 10}) == "1-3,7,9-10"


def test_the_settings_that_init_writes_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "reversi.toml"

    path.write_bytes(
        reversi_toml("reversi", "reversi-operators", ("a.example:22", "b.example:2222"))
    )
    assert load_config(path).gateway == ("a.example:22", "b.example:2222")
    path.write_bytes(reversi_toml("reversi", "reversi-operators", ()))
    found = load_config(path)
    assert (found.tunnel_user, found.operators_group, found.gateway) == (
        "reversi",
        "reversi-operators",
        (),
    )


def test_systemd_does_not_read_a_percent_sign_in_a_path_as_a_specifier() -> None:
    assert b"ExecStart=/opt/100%%/python -I -m checker serve $ARGS\n" in unit("/opt/100%/python")
