"""The node's side: keeps one reverse tunnel to the gateway, and builds bundles for devices without
Python.
"""

__version__ = "0.1.0"
