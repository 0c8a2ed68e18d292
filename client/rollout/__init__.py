"""`reversi-client rollout`: bring bundles to devices through their tunnels. Runs on the gateway."""
