"""`python -m checker`: the same as `reversi-checker`."""

from __future__ import annotations

from checker.cli.main import main

if __name__ == "__main__":
    main()
