"""Facts read from the bytes of a file, without decoding it: formats, damage, tables of MP4 and RIFF."""
