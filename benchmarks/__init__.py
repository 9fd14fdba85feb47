"""Measures speed, memory and numerical accuracy of this program. Imports webui; webui never imports this."""
