"""Tests of checker.config."""
