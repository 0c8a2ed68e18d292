"""Tests of checker.haproxy."""
