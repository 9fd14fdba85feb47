"""Several models on one machine and one set of recordings, as fairly as they can be put side by side."""
