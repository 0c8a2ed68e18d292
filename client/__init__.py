"""The node's side: keeps one reverse tunnel to the gateway, and builds bundles for devices without
Python.
"""
