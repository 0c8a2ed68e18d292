"""Public ports through HAProxy: what is published, its configuration, and bringing that to life."""
