"""HTML and charts of results; no events."""
