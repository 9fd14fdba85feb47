"""The decoders PyAV and libsndfile behind one interface that yields blocks of samples."""
