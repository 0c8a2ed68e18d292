"""Tests: sshd."""
