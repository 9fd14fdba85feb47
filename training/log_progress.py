"""Progress of long steps in the log."""

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 10.0

T = TypeVar("T")


def log_progress(items: Iterable[T], total: int, step: str, *, interval_s: float = INTERVAL_S) -> Iterator[T]:
    """Yields ``items``; logs the start, at most one line per ``interval_s`` seconds, and the end.

    Args:
        items: results of the step, one after the other.
        total: number of items.
        step: description of the step, such as "decoding recordings".
        interval_s: seconds between two lines.
    """
    started = logged = time.monotonic()
    logger.info("%s: %d", step, total)
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - logged >= interval_s and done < total:
            logged = time.monotonic()
            logger.info("%s: %d of %d", step, done, total)
    logger.info("%s: done in %.0f s", step, time.monotonic() - started)
