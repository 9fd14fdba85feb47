"""Jobs of many recordings in the background, and tables of their results."""
