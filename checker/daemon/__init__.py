"""The long-running process: the sweep, the socket, the chores; and the answers without it."""
