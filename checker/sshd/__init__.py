"""OpenSSH on this machine: its sessions, ending one, its configuration, its log, a private sshd."""
