"""Tests of reversi_tui, package by package."""
