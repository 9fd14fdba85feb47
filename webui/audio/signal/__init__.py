"""Signal processing: mixing channels down, resampling, levels, statistics."""
