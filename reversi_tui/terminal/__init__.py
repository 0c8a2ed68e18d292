"""The terminal: keyboard driver, clipboard, lending it to another program, process groups."""
