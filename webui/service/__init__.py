"""Use cases: what the program does for a person, whatever the surface."""
