"""Tests: shell."""
