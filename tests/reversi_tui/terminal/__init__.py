"""Tests of reversi_tui.terminal."""
