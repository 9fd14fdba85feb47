"""Comparison of several models on the same machine and the same recordings, under conditions as equal as possible."""
