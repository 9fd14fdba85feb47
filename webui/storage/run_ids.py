"""Public ids of run folders that can't be guessed.

A folder's own name is its time, which is easy to guess. Its public id adds a signature made with a secret that is kept
in the outputs folder, so ids need no table and stay valid after a restart.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.errors import OutputError

SECRET_FILE: Final = ".result_ids.key"
SECRET_BYTES: Final = 32
SIGNATURE_CHARS: Final = 22  # 132 bits in base 64
FOLDER: Final = re.compile(r"outputs_\d{8}_\d{6}(?:_\d+)?")
RUN_ID: Final = re.compile(rf"({FOLDER.pattern})\.([A-Za-z0-9_-]{{{SIGNATURE_CHARS}}})")
DELETED_PREFIX: Final = ".deleted_"


class RunIds:
    """Converts between run folders and their public ids.

    Args:
        outputs_dir: the folder of run folders.
    """

    def __init__(self, outputs_dir: Path) -> None:
        self._outputs_dir = outputs_dir
        self._secret: bytes | None = None

    def id_of(self, folder: Path) -> str:
        """Returns the public id of a run folder.

        Raises:
            OutputError: the secret can't be written to or read from the outputs folder.
        """
        return f"{folder.name}.{self._sign(folder.name)}"

    def find(self, run_id: str) -> Path | None:
        """Returns the run folder of a public id, or None if the id is invalid or the folder was deleted."""
        found = RUN_ID.fullmatch(run_id)
        if found is None or not hmac.compare_digest(found[2], self._sign(found[1])):
            return None
        folder = self._outputs_dir / found[1]
        return folder if folder.is_dir() else None

    def newest_first(self, *, offset: int, limit: int) -> tuple[list[Path], int]:
        """Returns a page of the run folders, newest first, and the total number of run folders."""
        try:
            names = [entry.name for entry in os.scandir(self._outputs_dir) if FOLDER.fullmatch(entry.name)]
        except FileNotFoundError:
            return [], 0
        names.sort(key=_time_and_number, reverse=True)
        return [self._outputs_dir / name for name in names[offset : offset + limit]], len(names)

    def delete(self, folder: Path) -> bool:
        """Deletes a run folder; it is renamed first, so that it can't be found while it is being deleted.

        Returns:
            Whether the folder existed; another request or a sweep may have deleted it first.

        Raises:
            OutputError: the folder can't be deleted.
        """
        renamed = self._outputs_dir / f"{DELETED_PREFIX}{uuid4().hex}"
        try:
            folder.rename(renamed)
        except FileNotFoundError:
            return False
        except OSError as err:
            raise self._not_writable(folder, err) from err
        try:
            shutil.rmtree(renamed)
        except FileNotFoundError:  # a retention sweep took it for an interrupted deletion and is deleting it too
            pass
        except OSError as err:
            raise self._not_writable(folder, err) from err
        return True

    def _not_writable(self, folder: Path, err: OSError) -> OutputError:
        return OutputError("storage.not_writable", folder=str(folder), reason=err.strerror or str(err))

    def _sign(self, name: str) -> str:
        digest = hmac.digest(self._key(), name.encode(), hashlib.sha256)
        return _base64(digest)[:SIGNATURE_CHARS]

    def _key(self) -> bytes:
        if self._secret is None:
            self._secret = _load_or_create_secret(self._outputs_dir)
        return self._secret


def _load_or_create_secret(outputs_dir: Path) -> bytes:
    """Returns the secret of an outputs folder; the first process creates it."""
    path = outputs_dir / SECRET_FILE
    draft = path.with_name(f"{SECRET_FILE}.{uuid4().hex}")
    try:
        outputs_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
            try:
                os.link(draft, path)  # fails if another process has just created it
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_bytes()
    except OSError as err:
        raise OutputError("storage.not_writable", folder=str(outputs_dir), reason=err.strerror or str(err)) from err


def _time_and_number(name: str) -> tuple[str, int]:
    base, number = name[:23], name[24:]
    return base, int(number or 1)


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()
