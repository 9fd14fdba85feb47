"""Deletes results by age and by total size: finished run folders, recognised by their names, and files of ended jobs.

A folder that is still being written has another name, and files that are open stay readable. A folder is renamed
before its files are deleted, so that an incomplete result is never found.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.storage.run_ids import DELETED_PREFIX, FOLDER
from webui.units import BYTES_PER_GB, DAY_S

SWEEP_S: Final = 600.0  # time between two sweeps
MIN_AGE_S: Final = 60.0  # a younger result may not have been read yet, and a younger deletion may still be running

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Run:
    """A finished run folder or another file, with its time of creation and its size."""

    made_s: float
    path: Path
    size_bytes: int


def sweep(outputs_dir: Path, *, keep_days: float, keep_gb: float, now_s: float, more_files: Iterable[Path] = ()) -> int:
    """Deletes results older than ``keep_days``, then the oldest ones until the rest fits in ``keep_gb``.

    Args:
        outputs_dir: the folder of run folders.
        keep_days: maximum age in days; 0 means no limit.
        keep_gb: maximum total size in gigabytes; 0 means no limit.
        now_s: current time in seconds since 1970.
        more_files: other files that count as results, such as the embeddings of ended jobs.

    Returns:
        The number of deleted results.
    """
    runs = sorted([*_runs(outputs_dir), *_files(more_files)], key=lambda run: (run.made_s, run.path.name))
    total = sum(run.size_bytes for run in runs)
    deleted = 0
    for run in runs:
        age_s = now_s - run.made_s
        too_old = keep_days > 0 and age_s > keep_days * DAY_S
        too_much = keep_gb > 0 and total > keep_gb * BYTES_PER_GB
        if age_s < MIN_AGE_S or not (too_old or too_much):
            continue
        if _delete(run.path):
            total -= run.size_bytes
            deleted += 1
    _finish_deletions(outputs_dir, now_s)
    return deleted


class Cleaner:
    """Sweeps periodically while the server is running, if an age or size limit is set.

    Args:
        outputs_dir: the folder of run folders.
        keep_days: maximum age in days; 0 means no limit.
        keep_gb: maximum total size in gigabytes; 0 means no limit.
        more_files: returns other files that count as results, such as the embeddings of ended jobs.
        clock: returns the current time in seconds since 1970.
    """

    def __init__(
        self,
        outputs_dir: Path,
        *,
        keep_days: float,
        keep_gb: float,
        more_files: Callable[[], Iterable[Path]] = tuple,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._more_files = more_files
        self._outputs_dir = outputs_dir
        self._keep_days = keep_days
        self._keep_gb = keep_gb
        self._clock = clock
        self._ended = threading.Event()

    def start(self) -> None:
        """Starts sweeping in a background thread."""
        if self._keep_days > 0 or self._keep_gb > 0:
            threading.Thread(target=self._run, name="retention", daemon=True).start()

    def stop(self) -> None:
        """Stops sweeping after the current sweep."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            deleted = sweep(
                self._outputs_dir,
                keep_days=self._keep_days,
                keep_gb=self._keep_gb,
                now_s=self._clock(),
                more_files=self._more_files(),
            )
            if deleted:
                log.info("Deleted %d results by age or size", deleted)
            self._ended.wait(SWEEP_S)


def _runs(outputs_dir: Path) -> Iterator[_Run]:
    with suppress(OSError):
        for path in outputs_dir.iterdir():
            if not FOLDER.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
                continue
            with suppress(OSError):  # deleted in the meantime
                size = sum(file.stat().st_size for file in path.iterdir())
                yield _Run(path.stat().st_mtime, path, size)


def _files(paths: Iterable[Path]) -> Iterator[_Run]:
    for path in paths:
        with suppress(OSError):  # deleted in the meantime
            status = path.stat()
            yield _Run(status.st_mtime, path, status.st_size)


def _delete(path: Path) -> bool:
    if path.is_file():
        with suppress(OSError):
            path.unlink()
            return True
        return False
    renamed = path.with_name(f"{DELETED_PREFIX}{uuid4().hex}")
    try:
        path.rename(renamed)
    except OSError:  # already deleted, or not permitted
        return False
    shutil.rmtree(renamed, ignore_errors=True)
    return True


def _finish_deletions(outputs_dir: Path, now_s: float) -> None:
    """Removes folders that a killed process was deleting."""
    with suppress(OSError):
        for path in outputs_dir.glob(f"{DELETED_PREFIX}*"):
            with suppress(OSError):
                if now_s - path.stat().st_mtime > MIN_AGE_S:
                    shutil.rmtree(path, ignore_errors=True)
