"""Tests of checker.daemon."""
