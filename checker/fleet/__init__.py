"""Several gateways with one registry: cards, signed entries, what to take, and how they travel."""
