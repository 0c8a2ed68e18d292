"""What was seen: state.db, the spool, and the beats of live connections."""
