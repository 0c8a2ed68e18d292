"""The names of the themes: who only reads the settings needs no styles."""

from __future__ import annotations

THEMES = ("terminal", "dark", "light", "mono")
