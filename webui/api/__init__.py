"""The REST API, ``/api/v1``: FastAPI routes over the same service as the page."""

from typing import Final

from webui.http.result_links import API_PREFIX

PREFIX: Final = API_PREFIX
