"""Probe, judge, claim, hold, kill: what happens to tunnels."""
