"""How much one caller may ask for at a time, so that one does not take the whole line."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from webui.errors import TooOftenError
from webui.service.serving.admission import RETRY_AFTER_S


class CallerLimit:
    """Counts the requests of each caller.

    Args:
        limit: of one caller at a time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()

    @contextmanager
    def counted(self, caller: str) -> Iterator[None]:
        """Counts a request until the block ends.

        Raises:
            TooOftenError: the caller has as many as it may.
        """
        with self._lock:
            found = self._inside[caller]
            if found >= self._limit:
                raise TooOftenError("request.too_many", found=found, expected=self._limit, retry_s=RETRY_AFTER_S)
            self._inside[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[caller] -= 1
                if not self._inside[caller]:
                    del self._inside[caller]
