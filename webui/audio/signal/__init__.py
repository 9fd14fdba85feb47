"""Signal processing: downmixing, resampling, level and statistics."""
