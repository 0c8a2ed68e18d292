"""Tests of checker.linux."""
