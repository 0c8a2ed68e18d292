"""Tests of reversi_tui.rows."""
