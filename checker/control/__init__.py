"""What an operator does, for the console and the command line alike."""
