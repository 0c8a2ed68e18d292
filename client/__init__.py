"""The node's side: keep one reverse tunnel to the gateway, and build bundles for other devices."""

DISTRIBUTION = "reversi-ssh"
"""The commands in bin/ know our packages by this line."""
