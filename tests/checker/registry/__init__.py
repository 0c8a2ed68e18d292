"""Tests of checker.registry.

checker.registry.publications is tested in tests/checker/haproxy/test_config_text.py, and
checker.registry.toml_edits in test_node_file.py.
"""
