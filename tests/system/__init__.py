"""Tests against real programs: sshd, shells, systemd, HAProxy."""
