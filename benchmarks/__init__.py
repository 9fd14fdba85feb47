"""Measurements of the program's own speed, memory and exactness. Imports webui; webui never imports this."""
