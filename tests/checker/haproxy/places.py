"""Where the files of a published port are."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import Layout


def cfg(layout: Layout) -> Path:
    return layout.config.with_name("haproxy.cfg")
