"""The operator's console: every tunnel, live, with keys to kill, reset and probe."""
