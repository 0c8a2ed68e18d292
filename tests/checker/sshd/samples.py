"""Words of sshd's log lines, as OpenSSH writes them."""

from __future__ import annotations

KEY = "SHA256:xukPbJmz2xyQq0XGGZcfjkPgSwGTtMI2YFy+oTPXtbk"
PEER = ("192.0.2.7", 41528)
ACCEPTED = f"Accepted publickey for reversi from 192.0.2.7 port 41528 ssh2: ED25519 {KEY}"
TAG = "debug3: packet.c:ssh_packet_send_debug():1875 (pid=29666): sending debug message: "
DENIED = "but the request was denied."
LOCAL = "refused local port forward: originator 127.0.0.1 port 65535, target "
