"""What must be true on a gateway, what is not, and how to fix it."""
