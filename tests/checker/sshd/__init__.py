"""Tests of checker.sshd.

checker.sshd.lockdown is tested in tests/checker/install/test_plan.py, and checker.sshd.openings in
test_match_lines.py.
"""
