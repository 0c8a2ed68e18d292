"""Measure a gateway with 30,000 registered nodes: logins, edits, held tunnels, and its console."""
