"""Shim for units of 0.1.0, which run `-m checker.newkeys` until `init` runs again."""

from checker.tunnels.key_rotation import main

if __name__ == "__main__":
    main()
