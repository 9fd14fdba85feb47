"""When to try again, as answers with status 429 and 503 say it."""

from typing import Final

RETRY_AFTER_S: Final = 5
