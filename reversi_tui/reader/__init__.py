"""Reads the state file and the registry in the background, and reports changes."""
