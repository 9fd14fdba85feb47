"""Limits the disk space of uploads to the page, for each caller and in total.

The size of a single file is limited elsewhere.
"""

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from webui.errors import BusyError, TooOftenError
from webui.units import BYTES_PER_MB, MINUTE_S, as_megabytes


class Charge:
    """The bytes charged for one upload: its announced length, or what has arrived if that is more.

    Args:
        quota: the quota that the bytes are charged to.
        caller: name of the caller who uploads.
        until_s: when the files are deleted, by the quota's clock.
    """

    def __init__(self, quota: "UploadQuota", caller: str, until_s: float) -> None:
        self.caller = caller
        self.until_s = until_s
        self.size = 0
        self.arrived = 0
        self.complete = False
        self._quota = quota

    async def counted(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Passes on a body's chunks.

        Raises:
            TooOftenError: the caller's limit is exceeded.
            BusyError: the limit for all callers is exceeded.
        """
        async for chunk in body:
            self.arrived += len(chunk)
            if self.arrived > self.size:
                self._quota.resize(self, self.arrived)
            yield chunk


class UploadQuota:
    """The charges of all uploads that are on the disk or in progress. Not thread-safe.

    Args:
        caller_mb: limit for one caller.
        total_mb: limit for all callers.
        kept_s: seconds after which an upload is deleted.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self, *, caller_mb: float, total_mb: float, kept_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._caller_mb = caller_mb
        self._total_mb = total_mb
        self._kept_s = kept_s
        self._clock = clock
        self._charges: list[Charge] = []
        self._total = 0
        self._sizes: Counter[str] = Counter()

    @contextmanager
    def charged(self, caller: str, announced: int) -> Iterator[Charge]:
        """Charges an upload while the block runs, and afterwards, if it succeeds, as long as its files are kept.

        Args:
            caller: name of the caller who uploads.
            announced: length of the body by its Content-Length header, 0 if there is none.

        Raises:
            TooOftenError: the caller's limit would be exceeded.
            BusyError: the limit for all callers would be exceeded.
        """
        self._expire()
        charge = Charge(self, caller, self._clock() + self._kept_s)
        self.resize(charge, announced)
        self._charges.append(charge)
        try:
            yield charge
        except BaseException:
            self._charges.remove(charge)
            self._set_size(charge, 0)
            raise
        self._set_size(charge, charge.arrived)
        charge.until_s = self._clock() + self._kept_s
        charge.complete = True

    def resize(self, charge: Charge, size: int) -> None:
        """Changes the charge of an upload to ``size`` bytes; if that raises, the charge is unchanged."""
        growth = size - charge.size
        if self._sizes[charge.caller] + growth > self._caller_mb * BYTES_PER_MB:
            own = [other for other in self._charges if other.caller == charge.caller]
            raise TooOftenError("request.uploads_of_visitor", **self._refusal(own, charge, size, self._caller_mb))
        if self._total + growth > self._total_mb * BYTES_PER_MB:
            raise BusyError("request.uploads_of_all", **self._refusal(self._charges, charge, size, self._total_mb))
        self._set_size(charge, size)

    def _set_size(self, charge: Charge, size: int) -> None:
        self._total += size - charge.size
        self._sizes[charge.caller] += size - charge.size
        charge.size = size
        if not self._sizes[charge.caller]:
            del self._sizes[charge.caller]

    def _expire(self) -> None:
        now = self._clock()
        for charge in [charge for charge in self._charges if charge.complete and charge.until_s <= now]:
            self._charges.remove(charge)
            self._set_size(charge, 0)

    def _refusal(self, charges: list[Charge], refused: Charge, size: int, limit_mb: float) -> dict[str, float | int]:
        """Returns the values of the error: the bytes charged already, and the wait until enough of them are deleted."""
        others = sorted((other for other in charges if other is not refused), key=lambda other: other.until_s)
        found = sum(other.size for other in others)
        excess = found + size - limit_mb * BYTES_PER_MB
        wait_s = self._kept_s
        for other in others:
            excess -= other.size
            if excess <= 0:
                wait_s = other.until_s - self._clock()
                break
        return {
            "found_mb": as_megabytes(found),
            "size_mb": as_megabytes(size),
            "expected_mb": as_megabytes(limit_mb * BYTES_PER_MB),
            "wait_min": int(wait_s // MINUTE_S) + 1,
            "retry_s": int(wait_s) + 1,
        }
