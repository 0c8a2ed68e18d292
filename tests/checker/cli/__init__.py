"""Tests of checker.cli, a file for each verb module.

What other files cover: answers (test_nodes, test_status), key_options (test_node_add,
test_node_edits); below tests/checker: doctor (doctor/test_findings), install and install_steps
(install/test_carry_out), migrate (registry/test_rev_files), publish (haproxy/test_publish).
"""
