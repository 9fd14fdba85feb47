"""Models: the protocol that each of them implements, and one folder per family of models."""
