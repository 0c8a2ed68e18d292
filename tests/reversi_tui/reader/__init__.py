"""Tests of reversi_tui.reader."""
