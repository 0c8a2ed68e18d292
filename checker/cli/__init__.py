"""`reversi-checker`: parse the command line, call, print."""
