"""Translates operating system errors that occur while writing into errors of this program."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from webui.errors import OutputError
from webui.units import BYTES_PER_MB

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE: Final = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns an OSError raised in the block into an OutputError about ``folder``."""
    try:
        yield
    except OSError as err:
        raise _translate(err, folder) from err


def check_space(folder: Path, needed_bytes: int) -> None:
    """Checks that the disk has enough free space, before anything is written.

    Args:
        folder: an existing folder on the disk.
        needed_bytes: number of bytes that are going to be written.

    Raises:
        OutputError: less space is free.
    """
    free_mb = _free_mb(folder)
    needed_mb = needed_bytes / BYTES_PER_MB
    if needed_mb > free_mb:
        raise OutputError("storage.too_little_space", folder=str(folder), needed_mb=needed_mb, free_mb=free_mb)


def _translate(err: OSError, folder: Path) -> OutputError:
    if err.errno in _FULL:
        return OutputError("storage.disk_full", folder=str(folder), free_mb=_free_mb(folder))
    reason = err.strerror or str(err)
    code = "storage.not_writable" if err.errno in _NOT_WRITABLE else "storage.failed"
    return OutputError(code, folder=str(folder), reason=reason)


def _free_mb(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free / BYTES_PER_MB
    except OSError:
        return 0.0
