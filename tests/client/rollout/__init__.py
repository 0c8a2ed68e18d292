"""Tests of client.rollout."""
