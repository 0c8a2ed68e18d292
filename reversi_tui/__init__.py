"""The operator's console: shows every tunnel live, with keys to kill, reset and probe."""

DISTRIBUTION = "reversi-ssh"
"""The commands in bin/ know our packages by this line."""
