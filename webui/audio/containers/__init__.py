"""Inspects the bytes of a file without decoding it: format, damage, and the tables of MP4 and RIFF."""
