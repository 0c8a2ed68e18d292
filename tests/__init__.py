"""The test suite: pure decisions without programs, and the product against real ones."""
