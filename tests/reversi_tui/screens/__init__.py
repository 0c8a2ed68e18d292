"""Tests of reversi_tui.screens."""
