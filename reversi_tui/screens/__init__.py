"""What fills the terminal: the table of tunnels, and the sheets above it."""
