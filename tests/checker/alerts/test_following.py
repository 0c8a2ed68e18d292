"""Edits of alerts.toml while the process runs."""

from __future__ import annotations

import pytest

from checker.alerts.following import Following
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from tests.checker.alerts.gateways import write


def test_a_bad_edit_keeps_the_last_good_settings_and_says_so(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout, command=["/bin/true"], storm=7, group_z=3)
    one = Following(layout.alerts)
    assert "unknown key 'group_z' is ignored; did you mean 'group_s'?" in caplog.text

    write(layout, command=["/bin/true"], storm=0)
    one.poll()
    one.poll()
    assert one.settings.storm == 7
    assert caplog.text.count("the settings from before are still in force") == 1

    write(layout, command=["/bin/true"], storm=8)
    one.poll()
    assert one.settings.storm == 8


def test_settings_that_vanish_stay_in_force(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout, command=["/bin/true"])
    one = Following(layout.alerts)

    layout.alerts.unlink()
    one.poll()
    one.poll()

    assert [way.name for way in one.ways] == ["command true"]
    assert caplog.text.count("is gone; the settings from before") == 1


def test_a_bad_file_at_the_start_is_an_error(layout: Layout) -> None:
    write(layout, storm="many")

    with pytest.raises(ConfigError, match=r"alerts\.toml: storm must be a whole number"):
        Following(layout.alerts)
