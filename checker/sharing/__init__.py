"""The shared key, and moving from the original: devices that name themselves, and their way to a
key of their own.
"""
