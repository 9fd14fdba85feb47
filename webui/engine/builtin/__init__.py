"""The small model that is part of the program, and models made with the same training code."""
