"""Measure the return of many nodes at once, and a wave of logins beside healthy tunnels."""
