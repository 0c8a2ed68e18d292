"""Tests of reversi_tui.actions."""
