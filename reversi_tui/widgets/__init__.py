"""The parts of the main screen; each repaints only what reads differently."""
