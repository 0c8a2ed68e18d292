"""`./run bench --only links`: measure transfers, slow links and hangs for each kind of client."""
