"""Tests of reversi_tui.settings."""
