"""Tests: the client, without a socket."""
