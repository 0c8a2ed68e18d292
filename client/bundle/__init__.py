"""Build the shell scripts that keep a tunnel on devices without Python."""
