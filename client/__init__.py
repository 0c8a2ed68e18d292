"""The node's side: keep one reverse tunnel to the gateway, and build bundles for other devices."""
