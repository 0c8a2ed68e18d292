"""Tests of checker.sshd."""
