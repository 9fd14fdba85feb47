"""One folder per run, ``outputs_YYYYMMDD_HHMMSS``, which appears complete or not at all.

Files are written to a hidden draft folder next to the final one and flushed to the disk, then the draft is renamed.
Renaming it onto a folder that is not empty fails, so two runs in the same second get different names even if they are
in different processes. The next run removes the drafts of killed processes.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.storage.abandoned import draft_lock, remove_abandoned
from webui.storage.embedding_rows import EmbeddingRows
from webui.storage.faults import check_space, writing_to
from webui.storage.spool import MEMORY_BYTES, Spool
from webui.storage.writers import EMBEDDING_FILE, MAX_CHANNEL_FILES

DRAFT_PREFIX: Final = ".draft_"
NAME_FORMAT: Final = "outputs_%Y%m%d_%H%M%S"
_TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY, errno.EACCES if os.name == "nt" else errno.ENOTEMPTY}

MAX_REMEMBERED: Final = 10_000
_last_numbers: dict[Path, int] = {}  # the last number used for each second: names of deleted results are not reused


def _remember(base: Path, number: int) -> None:
    while len(_last_numbers) >= MAX_REMEMBERED:
        _last_numbers.pop(next(iter(_last_numbers)), None)
    _last_numbers[base] = max(number, _last_numbers.get(base, 0))


class RunDraft:
    """A run folder that is not visible yet. Write files into ``path``, then call ``publish``."""

    def __init__(self, outputs_dir: Path, path: Path, started: datetime) -> None:
        self._outputs_dir = outputs_dir
        self._started = started
        self.path = path

    def writing(self) -> AbstractContextManager[None]:
        """Returns a context that turns an OSError of its block into an OutputError about the outputs folder."""
        return writing_to(self._outputs_dir)

    def spool(self) -> Spool:
        """Returns an empty spool on the same disk; the caller closes it."""
        return Spool(self.path, place=self._outputs_dir)

    def channel_spool(self) -> Spool:
        """Returns an empty spool for one of several channels, which together take as much memory as one spool."""
        return Spool(self.path, place=self._outputs_dir, memory_bytes=MEMORY_BYTES // MAX_CHANNEL_FILES)

    def embedding_rows(self, frames: int, dim: int, *, file_name: str = EMBEDDING_FILE) -> EmbeddingRows:
        """Opens an embedding file for ``frames`` rows of ``dim`` values, after checking the free disk space."""
        self.check_space(4 * frames * dim)
        return EmbeddingRows(self.path / file_name, (frames, dim), place=self._outputs_dir)

    def check_space(self, needed_bytes: int) -> None:
        """Raises OutputError if the disk has less free space."""
        check_space(self._outputs_dir, needed_bytes)

    def publish(self) -> Path:
        """Flushes every file, renames the folder to its final name and returns the new path."""
        for file in sorted(self.path.iterdir()):
            _sync(file)
        _sync(self.path)
        base = self._started.strftime(NAME_FORMAT)
        for number in count(1 + _last_numbers.get(self._outputs_dir / base, 0)):
            target = self._outputs_dir / (base if number == 1 else f"{base}_{number}")
            try:
                self.path.rename(target)
            except OSError as err:
                # The other folder may have been deleted since; on Windows, EACCES also has other causes.
                if err.errno not in _TAKEN or (err.errno == errno.EACCES and not target.exists()):
                    raise
            else:
                self.path = target
                _remember(self._outputs_dir / base, number)
                break
        _sync(self._outputs_dir)
        return self.path


@contextmanager
def open_draft(outputs_dir: Path, *, started: datetime) -> Iterator[RunDraft]:
    """Creates a draft of a run folder; unless it is published in the block, it is removed at the end.

    Args:
        outputs_dir: the folder of run folders, which is created if it does not exist.
        started: local time at which the run started, which becomes the folder's name.

    Raises:
        OutputError: the draft can't be created, because the disk is full or not writable. An OSError of the block is
            not translated; write files within ``draft.writing()``, which does so.
    """
    path = outputs_dir / f"{DRAFT_PREFIX}{uuid4().hex}"  # not mkdtemp: its mode 0700 ignores the user's umask
    with writing_to(outputs_dir):
        outputs_dir.mkdir(parents=True, exist_ok=True)
        remove_abandoned(outputs_dir, DRAFT_PREFIX)
        path.mkdir()
    try:
        with draft_lock(path):
            yield RunDraft(outputs_dir, path, started)
    finally:
        if path.exists():  # not published: a published draft has another name
            shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows can't open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
