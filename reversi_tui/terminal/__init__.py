"""The terminal: driver, key queue, clipboard, lending it to programs, process groups."""
