"""The small model that is part of the program, and models that its training code makes."""
