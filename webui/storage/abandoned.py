"""Removes drafts of run folders whose process was killed; the draft of a long recording can take gigabytes.

A run holds a lock on its draft, which the operating system releases when the process ends for any reason. The next run
removes drafts without a lock. Where there are no such locks (Windows, some network file systems), nothing is removed.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

GRACE_S: Final = 60.0  # a younger draft may not be locked yet


@contextmanager
def draft_lock(draft: Path) -> Iterator[None]:
    """Holds the lock on ``draft`` while the block runs."""
    descriptor = _lock(draft)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Removes the drafts in ``folder``, whose names begin with ``prefix``, that are not locked."""
    if fcntl is None:
        return
    with suppress(OSError):
        drafts = [path for path in folder.iterdir() if path.name.startswith(prefix)]
        for draft in drafts:
            _remove_if_abandoned(draft)


def _remove_if_abandoned(draft: Path) -> None:
    with suppress(OSError):  # removed in the meantime, or owned by another user
        if time.time() - draft.stat().st_mtime < GRACE_S:
            return
        descriptor = _lock(draft)
        if descriptor is not None:
            shutil.rmtree(draft, ignore_errors=True)
            os.close(descriptor)


def _lock(draft: Path) -> int | None:
    """Returns an open descriptor that holds the lock, or None if the lock can't be taken."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(draft, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
