"""Background jobs of many recordings, and tables of their results."""
