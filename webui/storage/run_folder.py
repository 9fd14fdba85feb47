"""One folder per run, ``outputs_YYYYMMDD_HHMMSS``, that appears complete or not at all.

Files are written to a hidden draft beside the final place, flushed to the disk, and the draft is renamed. A rename onto
a folder that is not empty fails, in every process alike, so two runs of the same second get two names. What a killed
process left is removed by the next run.
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

from webui.storage.abandoned import held, remove_abandoned
from webui.storage.embedding_rows import EmbeddingRows
from webui.storage.faults import check_space, writing_to
from webui.storage.spool import Spool
from webui.storage.writers import EMBEDDING_FILE

DRAFT_PREFIX: Final = ".draft_"
NAME_FORMAT: Final = "outputs_%Y%m%d_%H%M%S"
_TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY, errno.EACCES if os.name == "nt" else errno.ENOTEMPTY}

REMEMBERED: Final = 10_000
_given: dict[Path, int] = {}  # the last number after each second's name: a deleted result's name is not given again


def _remember(base: Path, number: int) -> None:
    while len(_given) >= REMEMBERED:
        _given.pop(next(iter(_given)), None)
    _given[base] = max(number, _given.get(base, 0))


class RunDraft:
    """A run folder that nobody sees yet. Write files into ``path``, then ``publish``."""

    def __init__(self, outputs_dir: Path, path: Path, started: datetime) -> None:
        self._outputs_dir = outputs_dir
        self._started = started
        self.path = path

    def writing(self) -> AbstractContextManager[None]:
        """A block in which every OSError is one of writing the results, and becomes an OutputError."""
        return writing_to(self._outputs_dir)

    def spool(self) -> Spool:
        """Returns an empty spool on the same disk; whoever asks for it closes it."""
        return Spool(self.path, place=self._outputs_dir)

    def embedding_rows(self, frames: int, dim: int) -> EmbeddingRows:
        """Returns ``embedding.npy``, open for ``frames`` rows of ``dim`` numbers; checks first that they find room."""
        self.check_space(4 * frames * dim)
        return EmbeddingRows(self.path / EMBEDDING_FILE, (frames, dim), place=self._outputs_dir)

    def check_space(self, needed_bytes: int) -> None:
        """Raises OutputError if the disk has less room than that."""
        check_space(self._outputs_dir, needed_bytes)

    def publish(self) -> Path:
        """Flushes every file and moves the folder to its final name, which is returned."""
        for file in sorted(self.path.iterdir()):
            _sync(file)
        _sync(self.path)
        base = self._started.strftime(NAME_FORMAT)
        for number in count(1 + _given.get(self._outputs_dir / base, 0)):
            target = self._outputs_dir / (base if number == 1 else f"{base}_{number}")
            try:
                self.path.rename(target)
            except OSError as err:
                # The one that was in the way may be deleted by now; Windows says EACCES for other things as well.
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
    """Gives a draft of a run folder; whatever is not published when the block ends is removed.

    Args:
        outputs_dir: the folder of run folders, made if it is not there.
        started: local time at which the run started; it names the folder.

    Raises:
        OutputError: the draft cannot be made: disk full, or not writable. OSErrors of the block pass unchanged; write
            files inside of ``draft.writing()``, which translates them.
    """
    path = outputs_dir / f"{DRAFT_PREFIX}{uuid4().hex}"  # not mkdtemp: its mode 0700 ignores the user's umask
    with writing_to(outputs_dir):
        outputs_dir.mkdir(parents=True, exist_ok=True)
        remove_abandoned(outputs_dir, DRAFT_PREFIX)
        path.mkdir()
    try:
        with held(path):
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
