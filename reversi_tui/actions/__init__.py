"""What a key does to tunnels and nodes: plans, questions, outcomes."""
