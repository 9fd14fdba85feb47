"""Attacks on the server, a module per kind; ``benchmarks.attack`` runs them all."""
