"""What the kernel and systemd report: sockets, processes, clocks, accounts."""
