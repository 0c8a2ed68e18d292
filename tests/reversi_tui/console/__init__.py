"""Tests of the console as a whole, most of them through its keys and its screen.

They cover the widgets and the screens, which have no test files of their own: test_header the
status lines, test_acting and test_questions the action runner, test_editing_nodes the node editor
and the form, test_seeing and test_finding the table view, test_sheets the sheets and dialogs,
test_lent terminal.lending, test_terminal and test_terminals terminal.environment and
terminal.driver.
"""
