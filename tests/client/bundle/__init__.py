"""Tests of client.bundle."""
