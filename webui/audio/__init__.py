"""Audio input: decoding, downmixing, resampling and voice activity detection."""
