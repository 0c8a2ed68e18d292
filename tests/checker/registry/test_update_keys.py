"""The key file follows the registry."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import home_layout
from checker.registry.authorized_keys import KeysLag, gate_command, keys_lag, update_keys
from checker.registry.changes import add
from checker.registry.lock import is_ours, locked
from tests.strategies import node


def test_the_key_file_is_updated_if_we_may_write_it(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    with locked(layout):
        add(layout, node(), gate_command(layout))
    assert is_ours(layout)
    layout.authorized_keys.write_text("")
    assert keys_lag(layout)

    update_keys(layout)

    assert not keys_lag(layout)
    assert str(KeysLag(layout)).endswith("run: sudo reversi-checker init")
