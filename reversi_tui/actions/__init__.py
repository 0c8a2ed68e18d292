"""What a key does to tunnels and nodes: the plan, the question, the outcome."""
