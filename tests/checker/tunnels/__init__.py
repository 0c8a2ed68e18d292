"""Tests of checker.tunnels."""
