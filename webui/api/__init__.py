"""The REST API, ``/api/v1``: FastAPI routes over the same service as the page."""

from typing import Final

PREFIX: Final = "/api/v1"
