"""Measures speed, memory and numerical accuracy of this program. Imports webui; webui never imports this."""

import webui  # noqa: F401 - sets environment variables before the libraries that read them are imported
