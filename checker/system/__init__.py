"""Turning a server into a gateway: what init, uninstall and doctor find, decide and do."""
