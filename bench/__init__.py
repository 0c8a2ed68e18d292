"""`./run bench`: measure the figures of DESIGN.md, section 5, on real processes.

Each gateway is a private one (`reversi-checker up`) under a temporary home, with the default policy
unless a figure says otherwise. CPU is user plus system time from /proc, for a process tree and the
children that it has reaped: the difference between after and before. So the server's CPU is that of
the daemon, sshd, its sessions, and the gates and loops that they ran, without the clients'.
"""
