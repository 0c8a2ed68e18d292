"""`reversi-client install` and `uninstall`: the client as a service of systemd or launchd."""
