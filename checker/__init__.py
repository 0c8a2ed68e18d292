"""The gateway: probe tunnels, find and kill hung sshd processes, tell nodes how long to wait."""

__version__ = "0.2.0.dev0"
DISTRIBUTION = "reversi-ssh"
"""The commands in bin/ know our packages by this line."""
