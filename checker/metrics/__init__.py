"""Metrics for Prometheus, read by a process of its own from the registry and the state file."""
