"""A history check in Jepsen's manner: random edits and acts under random faults, then judged."""
