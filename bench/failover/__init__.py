"""Measure how fast many nodes of one gateway come up at another: silent death, and orderly stop."""
