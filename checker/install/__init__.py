"""`init` and `uninstall`: survey this machine, plan the steps, carry them out, undo them."""
