"""Tests of checker.linux.

checker.linux.systemd is tested in tests/checker/install/test_carry_out.py.
"""
