"""The operator's settings: console.toml, command-line flags, and the remembered view."""
