"""The builder of device scripts."""
