"""Attacks on the server, one module per kind; ``benchmarks.attack`` runs them all."""
