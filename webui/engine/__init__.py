"""Models: one protocol, and its implementations."""
