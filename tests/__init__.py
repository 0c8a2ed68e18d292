"""The suite: real sshd, real dropbear, a real terminal; pure decisions without any."""
