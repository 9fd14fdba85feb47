"""HTML and charts made from results; no events."""
