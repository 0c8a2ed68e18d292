"""Shim for what 0.1.0 started as `-m checker.alone`."""

from checker.daemon.alone import main

if __name__ == "__main__":
    main()
