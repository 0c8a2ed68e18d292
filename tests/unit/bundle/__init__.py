"""Unit tests of the bundle builder."""
