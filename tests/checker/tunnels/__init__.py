"""Tests of checker.tunnels.

observe is tested with watch; handover, and in_process, by tests/system; key_rotation by
tests/checker/registry/test_succession.py and tests/checker/install/test_carry_out.py.
"""
