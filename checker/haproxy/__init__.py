"""Public ports through HAProxy: its configuration, and putting that into force."""
