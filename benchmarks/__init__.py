"""Measurements of the program's own speed, memory and exactness. Imports webui; webui never imports this."""

import webui  # noqa: F401 - its environment variables come before the libraries that read them
