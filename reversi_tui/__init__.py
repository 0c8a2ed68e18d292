"""The operator's console: shows every tunnel live, with keys to kill, reset and probe."""
