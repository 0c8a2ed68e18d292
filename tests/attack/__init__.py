"""Attacks on a gateway: with a stolen key, and from other accounts of the machine."""
