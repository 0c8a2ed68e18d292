"""OpenSSH on this machine: its sessions, configuration and log, and a private sshd."""
