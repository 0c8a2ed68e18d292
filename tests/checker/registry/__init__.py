"""Tests of checker.registry."""
