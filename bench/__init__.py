"""The figures of DESIGN.md, section 5, measured on real processes and printed beside their targets:
`./run bench`.

Every gateway is a private one (`reversi-checker up`) under a temporary home, with default policy
but where a figure says otherwise. CPU is user plus system time from /proc, of a process tree with
all that it has reaped: of what is measured before and after, the difference. So the server's CPU is
that of the daemon, sshd, its sessions, and the gates and loops that they ran; the client's is not
in it.
"""
