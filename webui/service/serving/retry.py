"""The ``Retry-After`` value of responses with status 429 and 503."""

from typing import Final

RETRY_AFTER_S: Final = 5
