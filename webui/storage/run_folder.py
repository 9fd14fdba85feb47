"""One folder per run, ``outputs_YYYYMMDD_HHMMSS``, that appears complete or not at all.

Files are written to a hidden draft beside the final place, flushed to the disk, and the draft is renamed. A rename onto
a folder that is not empty fails, in every process alike, so two runs of the same second get two names.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.errors import OutputError

DRAFT_PREFIX: Final = ".draft_"
NAME_FORMAT: Final = "outputs_%Y%m%d_%H%M%S"
_TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY, errno.EACCES if os.name == "nt" else errno.ENOTEMPTY}
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE: Final = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class RunDraft:
    """A run folder that nobody sees yet. Write files into ``path``, then ``publish``."""

    def __init__(self, outputs_dir: Path, path: Path, started: datetime) -> None:
        self._outputs_dir = outputs_dir
        self._started = started
        self.path = path

    def publish(self) -> Path:
        """Flushes every file and moves the folder to its final name, which is returned."""
        for file in sorted(self.path.iterdir()):
            _sync(file)
        _sync(self.path)
        base = self._started.strftime(NAME_FORMAT)
        for number in count(1):
            target = self._outputs_dir / (base if number == 1 else f"{base}_{number}")
            try:
                self.path.rename(target)
            except OSError as err:
                if err.errno not in _TAKEN or not target.exists():
                    raise
            else:
                self.path = target
                break
        _sync(self._outputs_dir)
        return self.path


@contextmanager
def draft_run_folder(outputs_dir: Path, *, started: datetime) -> Iterator[RunDraft]:
    """Gives a draft of a run folder; whatever is not published when the block ends is removed.

    Args:
        outputs_dir: the folder of run folders, made if it isn't there.
        started: local time the run started at, which names the folder.

    Raises:
        OutputError: disk full, or not writable. Translates every OSError of the block.
    """
    path: Path | None = None
    try:
        outputs_dir.mkdir(parents=True, exist_ok=True)
        path = outputs_dir / f"{DRAFT_PREFIX}{uuid4().hex}"  # not mkdtemp: its mode 0700 ignores the user's umask
        path.mkdir()
        draft = RunDraft(outputs_dir, path, started)
        yield draft
    except OSError as err:
        raise _translate(err, outputs_dir) from err
    finally:
        if path is not None and path.exists():  # not published: a published draft has another name
            shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows can't open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translate(err: OSError, folder: Path) -> OutputError:
    if err.errno in _FULL:
        return OutputError("storage.disk_full", folder=str(folder), free_mb=_free_mb(folder))
    reason = err.strerror or str(err)
    code = "storage.not_writable" if err.errno in _NOT_WRITABLE else "storage.failed"
    return OutputError(code, folder=str(folder), reason=reason)


def _free_mb(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free / 1e6
    except OSError:
        return 0.0
