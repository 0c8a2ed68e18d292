"""Alerts: find outages in the rows, and tell the admin about them, each of them once."""
