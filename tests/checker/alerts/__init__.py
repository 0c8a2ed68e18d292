"""Tests of checker.alerts."""
