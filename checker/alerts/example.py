"""The alerts.toml that `init --alerts` writes if there is none. Pure."""

from __future__ import annotations

EXAMPLE = """\
# Who gets a message when a node is down, and how: docs/alerts.md. Edits take effect within seconds.
# This file holds passwords: keep it readable only for root and the group reversi-alerts.
# Then send a test message: sudo reversi-checker alert --test

# Where messages go: URLs of Apprise, https://github.com/caronc/apprise/wiki
# send = [
#     "ntfy://ntfy.example.org/my-secret-topic",
#     "mailtos://user:password@example.org?to=admin@example.org",
# ]

# A program that gets each message as JSON on its standard input.
# command = ["/usr/local/bin/page-me"]

# down_after_s = 180    # an outage must last this long
# up_after_s = 120      # and is over after this long without a fault
# group_s = 60          # at most one message in this time
# storm = 20            # of more nodes: the count and the first names
# remind = "08:00"      # repeat once a day what is still down
# filter = "tag:prod"   # watch only these
# heartbeat = "https://hc.example.org/ping/my-uuid"   # called each minute while all is well
"""
