"""Tests: the builder of bundles."""
