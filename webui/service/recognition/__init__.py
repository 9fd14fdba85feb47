"""Recognition of one recording: options, windows, scores, segments, and the result with its files."""
