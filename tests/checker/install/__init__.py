"""Tests of checker.install."""
