"""Tests of checker.doctor."""
