"""Tests of checker.control."""
