"""Deletes results by age and by what they take in all. Only finished run folders of our own names are looked at.

What is being written has another name until it is complete, and what is being read stays readable to whoever has it
open. A folder is renamed before it is emptied, so that nobody finds half of one.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.storage.run_ids import DELETED_PREFIX, FOLDER
from webui.units import BYTES_PER_GB, DAY_S

EACH_S: Final = 600.0
YOUNG_S: Final = 60.0  # its caller has hardly seen it; and a deletion that is younger may be under way

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Run:
    """A finished run folder: when it was made, and what it takes."""

    made_s: float
    path: Path
    size_bytes: int


def sweep(outputs_dir: Path, *, keep_days: float, keep_gb: float, now_s: float) -> int:
    """Deletes what is older than ``keep_days``, then the oldest until the rest takes ``keep_gb``; 0 keeps everything.

    Args:
        outputs_dir: the folder of run folders.
        keep_days: age in days.
        keep_gb: size of all in gigabytes.
        now_s: seconds since 1970.

    Returns:
        How many results were deleted.
    """
    runs = sorted(_runs(outputs_dir), key=lambda run: (run.made_s, run.path.name))
    total = sum(run.size_bytes for run in runs)
    deleted = 0
    for run in runs:
        age_s = now_s - run.made_s
        too_old = keep_days > 0 and age_s > keep_days * DAY_S
        too_much = keep_gb > 0 and total > keep_gb * BYTES_PER_GB
        if age_s < YOUNG_S or not (too_old or too_much):
            continue
        if _delete(run.path):
            total -= run.size_bytes
            deleted += 1
    _finish_deletions(outputs_dir, now_s)
    return deleted


class Cleaner:
    """Sweeps from time to time while the server runs, if the settings ask for it.

    Args:
        outputs_dir: the folder of run folders.
        keep_days: age in days; 0 keeps everything.
        keep_gb: size of all in gigabytes; 0 is no limit.
        clock: seconds since 1970.
    """

    def __init__(
        self, outputs_dir: Path, *, keep_days: float, keep_gb: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._outputs_dir = outputs_dir
        self._keep_days = keep_days
        self._keep_gb = keep_gb
        self._clock = clock
        self._ended = threading.Event()

    def start(self) -> None:
        """Begins, in a thread of its own."""
        if self._keep_days > 0 or self._keep_gb > 0:
            threading.Thread(target=self._run, name="retention", daemon=True).start()

    def stop(self) -> None:
        """Ends after the sweep under way."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            deleted = sweep(self._outputs_dir, keep_days=self._keep_days, keep_gb=self._keep_gb, now_s=self._clock())
            if deleted:
                log.info("Deleted %d results by age or size", deleted)
            self._ended.wait(EACH_S)


def _runs(outputs_dir: Path) -> Iterator[_Run]:
    with suppress(OSError):
        for path in outputs_dir.iterdir():
            if not FOLDER.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
                continue
            with suppress(OSError):  # deleted meanwhile
                size = sum(file.stat().st_size for file in path.iterdir())
                yield _Run(path.stat().st_mtime, path, size)


def _delete(folder: Path) -> bool:
    doomed = folder.with_name(f"{DELETED_PREFIX}{uuid4().hex}")
    try:
        folder.rename(doomed)
    except OSError:  # its owner was faster
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return True


def _finish_deletions(outputs_dir: Path, now_s: float) -> None:
    """Removes what a killed process was deleting."""
    with suppress(OSError):
        for path in outputs_dir.glob(f"{DELETED_PREFIX}*"):
            with suppress(OSError):
                if now_s - path.stat().st_mtime > YOUNG_S:
                    shutil.rmtree(path, ignore_errors=True)
