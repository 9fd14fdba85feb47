"""Audio that comes in: decoding, downmixing and resampling."""
