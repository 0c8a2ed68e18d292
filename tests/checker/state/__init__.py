"""Tests of checker.state."""
