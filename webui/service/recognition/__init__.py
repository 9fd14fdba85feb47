"""Recognition of one recording: options, windows, scores, segments, the result and its files."""
