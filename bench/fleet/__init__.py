"""The figures of several gateways on one bus."""
