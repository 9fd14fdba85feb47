"""Limits the seconds of audio decoded per caller and hour; the file size is no measure, as small files can be long."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from webui.arrays import FloatArray
from webui.audio.sample_store import NewStore, SampleStore
from webui.errors import AudioTooLongError, TooOftenError
from webui.units import MINUTE_S, SPEECH_RATE

HOUR_S: Final = 3600.0
GRAIN_S: Final = 10.0  # charges within this time are merged into one entry
TOLERANCE_S: Final = 1.0  # a recording that fits exactly is not refused because of its codec's padding


class _Entry:
    """Seconds charged at about the same time, and the time when they expire."""

    __slots__ = ("seconds", "until_s")

    def __init__(self, seconds: float, until_s: float) -> None:
        self.seconds = seconds
        self.until_s = until_s


class AudioBudget:
    """Counts seconds of audio per caller; safe for several threads. Kept in memory only, so a restart resets it.

    Args:
        limit_s: seconds of audio per caller and hour; 0 means no limit.
        clock: monotonic clock in seconds.
    """

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._lock = threading.Lock()
        self._callers: dict[str, deque[_Entry]] = {}  # oldest first
        self._swept_s = -HOUR_S

    def check(self, caller: str | None) -> None:
        """Refuses a caller whose budget is used up, before any audio is read.

        Raises:
            TooOftenError: the budget is used up.
        """
        if caller is not None and self._limit_s > 0:
            with self._lock:
                entries = self._entries(caller)
                if _sum(entries) >= self._limit_s:
                    raise self._refusal("request.audio_budget_spent", entries, TOLERANCE_S)

    def note(self, caller: str | None, seconds: float) -> None:
        """Charges audio that models processed outside of recognitions, in a comparison for instance.

        Raises:
            TooOftenError: the budget is now used up.
        """
        if caller is not None and self._limit_s > 0:
            with self._lock:
                self._add(self._entries(caller), seconds)
            self.check(caller)

    @contextmanager
    def charged(self, caller: str | None) -> Iterator["Charge"]:
        """Yields the charge for one recording; after the block, the decoded seconds are charged, even if it failed.

        Args:
            caller: name of the caller; None is not charged.
        """
        charge = Charge(self, caller if self._limit_s > 0 else None)
        try:
            yield charge
        finally:
            charge.settle()

    def reserve(self, caller: str, seconds: float, needed_s: float) -> None:
        """Charges ``seconds`` if the budget allows.

        Args:
            caller: name of the caller.
            seconds: seconds to charge now.
            needed_s: length of the whole recording.

        Raises:
            AudioTooLongError: the recording is longer than the budget of a whole hour.
            TooOftenError: not enough is left at the moment.
        """
        if needed_s > self._limit_s + TOLERANCE_S:
            raise AudioTooLongError("audio.over_budget", found_s=round(needed_s), expected_s=round(self._limit_s))
        with self._lock:
            entries = self._entries(caller)
            if _sum(entries) + seconds > self._limit_s + TOLERANCE_S:
                raise self._refusal("request.audio_budget", entries, seconds, needed_s)
            self._add(entries, seconds)

    def spend(self, caller: str, seconds: float, used_s: float) -> None:
        """Charges ``seconds`` that have been decoded already.

        Args:
            caller: name of the caller.
            seconds: seconds to charge now.
            used_s: seconds of the recording decoded so far, including these.

        Raises:
            AudioTooLongError: the recording is longer than the budget of a whole hour.
            TooOftenError: more than the budget that was left has been decoded. As the length of the recording is
                unknown, the error advises to retry when the whole budget is free again.
        """
        with self._lock:
            entries = self._entries(caller)
            self._add(entries, seconds)
            if used_s > self._limit_s + TOLERANCE_S:
                raise AudioTooLongError("audio.over_budget", found_s=round(used_s), expected_s=round(self._limit_s))
            if _sum(entries) > self._limit_s + TOLERANCE_S:
                raise self._refusal("request.audio_budget", entries, self._limit_s, used_s, used_s)

    def refund(self, caller: str, seconds: float) -> None:
        """Returns charged but unused seconds to the budget, from the latest entry backwards."""
        with self._lock:
            for entry in reversed(self._entries(caller)):
                part = min(seconds, entry.seconds)
                entry.seconds -= part
                seconds -= part

    def _entries(self, caller: str) -> deque[_Entry]:
        """Returns the entries of a caller that have not expired."""
        now = self._clock()
        if now - self._swept_s > GRAIN_S:
            self._swept_s = now
            self._callers = {name: found for name, found in self._callers.items() if found and found[-1].until_s > now}
        entries = self._callers.setdefault(caller, deque())
        while entries and entries[0].until_s <= now:
            entries.popleft()
        return entries

    def _add(self, entries: deque[_Entry], seconds: float) -> None:
        until_s = self._clock() + HOUR_S
        if entries and until_s - entries[-1].until_s < GRAIN_S:
            entries[-1].seconds += seconds
        else:
            entries.append(_Entry(seconds, until_s))

    def _refusal(
        self, code: str, entries: deque[_Entry], wanted_s: float, size_s: float = 0.0, counted_s: float = 0.0
    ) -> TooOftenError:
        """Returns the error for a caller without ``wanted_s`` of budget; it states when they will be free.

        Args:
            code: key of the message.
            entries: entries of the caller.
            wanted_s: seconds that would have to be free.
            size_s: length of the recording, as far as it is known.
            counted_s: seconds of this recording that the entries include already.
        """
        excess_s = _sum(entries) + wanted_s - self._limit_s
        wait_s = HOUR_S
        for entry in entries:
            excess_s -= entry.seconds
            if excess_s <= TOLERANCE_S:
                wait_s = entry.until_s - self._clock()
                break
        return TooOftenError(
            code,
            found_s=round(_sum(entries) - counted_s),
            size_s=round(size_s),
            expected_s=round(self._limit_s),
            wait_min=int(wait_s // MINUTE_S) + 1,
            retry_s=int(wait_s) + 1,
        )


class Charge:
    """The charge for one recording: first by the length that its header states, then by the decoded length.

    Args:
        budget: budget of all callers.
        caller: name of the caller; None is not charged.
    """

    def __init__(self, budget: AudioBudget, caller: str | None) -> None:
        self._budget = budget
        self._caller = caller
        self._charged_s = 0.0
        self._used_s = 0.0
        self._longest_s = 0.0
        self._announced_s = 0.0  # length of the mix that the header states
        self._factor = 1

    def metered(self, new_store: NewStore, *, stores: int = 1) -> NewStore:
        """Returns a function that creates stores whose samples are charged; a file that is read twice is charged once.

        Args:
            new_store: creates an empty store.
            stores: number of stores filled in one pass over the file; only the first, at 16 kHz, is charged. The
                stores of separate channels are not metered; ``count_channels`` is called for them.
        """
        created = 0

        def new_metered() -> SampleStore:
            nonlocal created
            created += 1
            if (created - 1) % stores:
                return new_store()
            self._used_s = 0.0
            return _MeteredStore(new_store(), self)

        return new_metered if self._caller is not None else new_store

    def count_channels(self, channels: int) -> None:
        """Charges every second once per channel; called before the first sample is decoded.

        Args:
            channels: number of channels that the model runs on separately.
        """
        self._factor = channels
        self.expect(self._announced_s)

    def expect(self, seconds: float) -> None:
        """Charges seconds that are about to be decoded; see ``AudioBudget.reserve``."""
        self._announced_s = seconds
        needed_s = self._used_s + seconds * self._factor
        if self._caller is not None and needed_s > self._charged_s:
            self._budget.reserve(self._caller, needed_s - self._charged_s, needed_s)
            self._charged_s = needed_s

    def use(self, seconds: float) -> None:
        """Charges seconds that have been decoded, as far as ``expect`` has not; see ``AudioBudget.spend``."""
        if self._caller is None:
            return
        self._used_s += seconds * self._factor
        self._longest_s = max(self._longest_s, self._used_s)
        excess_s = self._used_s - self._charged_s
        if excess_s > 0:
            self._charged_s = self._used_s
            self._budget.spend(self._caller, excess_s, self._used_s)

    def settle(self) -> None:
        """Refunds seconds that were charged but not decoded."""
        if self._caller is not None and self._charged_s > self._longest_s:
            self._budget.refund(self._caller, self._charged_s - self._longest_s)
            self._charged_s = self._longest_s


class _MeteredStore:
    """A sample store that charges the samples appended to it."""

    def __init__(self, store: SampleStore, charge: Charge) -> None:
        self._store = store
        self._charge = charge

    def expect(self, samples: int) -> None:
        self._charge.expect(samples / SPEECH_RATE)
        self._store.expect(samples)

    def append(self, samples: FloatArray) -> None:
        self._charge.use(len(samples) / SPEECH_RATE)
        self._store.append(samples)

    def divide_by(self, peak: float) -> None:
        self._store.divide_by(peak)

    def close(self) -> None:
        self._store.close()

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, part: slice, /) -> FloatArray:
        return self._store[part]


def _sum(entries: deque[_Entry]) -> float:
    return sum(entry.seconds for entry in entries)
