"""Decoders behind one interface: blocks of samples from PyAV or libsndfile."""
