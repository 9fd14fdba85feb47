"""Results of a job that are not in its documents: the embeddings, and the frame scores of long recordings.

They are kept in one SQLite file per job next to the database of jobs: its size can be counted, and deleting a job frees
its space. An entry is on the disk before its recording is marked as done, so nothing is missing if the process is
killed. Entries of a recording that is processed again are replaced.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray
from webui.errors import OutputError

SUFFIX: Final = ".extras"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS embeddings (
    number INTEGER NOT NULL, part INTEGER NOT NULL, channel TEXT, model TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (number, part)
);
CREATE TABLE IF NOT EXISTS frames (
    number INTEGER NOT NULL, part INTEGER NOT NULL, place INTEGER NOT NULL, columns INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (number, part, place)
);
"""
BUSY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class StoredEmbedding:
    """The embedding of a recording, or of one of its separate channels.

    Attributes:
        number: index of the recording in the job.
        part: index of the channel; -1 for the whole recording.
        channel: name or index of the channel as text; None for the whole recording.
        model: name of the model.
        vector: the embedding, shape ``(dim,)``, float32.
    """

    number: int
    part: int
    channel: str | None
    model: str
    vector: FloatArray


class JobExtras:
    """The file of one job. It is created with its first entry, and every call opens and closes it.

    Args:
        path: path of the file.

    Raises:
        OutputError: the file can't be read or written; every method can raise it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, store: Path, job: str) -> Self:
        """Returns the extras of a job.

        Args:
            store: path of the database of jobs.
            job: id of the job.
        """
        return cls(store.with_name(f"{store.name}.{job}{SUFFIX}"))

    def add_embedding(self, entry: StoredEmbedding) -> None:
        """Stores an embedding; it replaces an earlier one of the same part."""
        self.add_embeddings([entry])

    def add_embeddings(self, entries: Iterable[StoredEmbedding]) -> None:
        """Stores embeddings: all of them, or none if an error occurs."""
        with self._open() as db, db:
            values = (
                (entry.number, entry.part, entry.channel, entry.model, entry.vector.astype("<f4").tobytes())
                for entry in entries
            )
            db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?)", values)

    def add_frames(self, number: int, part: int, place: int, columns: NDArray[np.float64]) -> None:
        """Stores a group of rows of frame scores.

        Args:
            number: index of the recording in the job.
            part: index of the channel; -1 for the whole recording.
            place: index of the group, from 0.
            columns: the rows, shape ``(columns, rows)``.
        """
        with self._open() as db, db:
            values = (number, part, place, len(columns), columns.astype("<f8").tobytes())
            db.execute("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)", values)

    def clear(self, number: int) -> None:
        """Deletes the entries of a recording."""
        if self.path.exists():
            with self._open() as db, db:
                db.execute("DELETE FROM embeddings WHERE number = ?", (number,))
                db.execute("DELETE FROM frames WHERE number = ?", (number,))

    def model(self) -> str | None:
        """Returns the name of the model that the embeddings are from; None if there are none."""
        if not self.path.exists():
            return None
        with self._open() as db:
            row = db.execute("SELECT model FROM embeddings LIMIT 1").fetchone()
        return str(row[0]) if row is not None else None

    def embeddings(self, number: int) -> list[StoredEmbedding]:
        """Returns the embeddings of a recording, in the order of its channels."""
        if not self.path.exists():
            return []
        with self._open() as db:
            rows = db.execute(
                "SELECT part, channel, model, vector FROM embeddings WHERE number = ? ORDER BY part", (number,)
            ).fetchall()
        return [
            StoredEmbedding(number, part, channel, model, np.frombuffer(vector, dtype="<f4"))
            for part, channel, model, vector in rows
        ]

    def frames(self, number: int, part: int) -> Iterator[NDArray[np.float64]]:
        """Yields the groups of frame scores of a part, each of the shape ``(columns, rows)``."""
        place = 0
        while self.path.exists():
            with self._open() as db:
                row = db.execute(
                    "SELECT columns, data FROM frames WHERE number = ? AND part = ? AND place = ?",
                    (number, part, place),
                ).fetchone()
            if row is None:
                return
            yield np.frombuffer(row[1], dtype="<f8").reshape(row[0], -1)
            place += 1

    def delete(self) -> None:
        """Deletes the file."""
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            path.unlink(missing_ok=True)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as db:
                db.executescript(SCHEMA)
                yield db
        except sqlite3.Error as err:
            raise OutputError("storage.jobs_not_written", file=self.path.name, reason=str(err)) from err


def extras_in(store: Path) -> dict[str, Path]:
    """Returns the files of the jobs of a database, by the ids of the jobs."""
    start = f"{store.name}."
    return {
        path.name[len(start) : -len(SUFFIX)]: path for path in sorted(store.parent.glob(f"{escape(start)}*{SUFFIX}"))
    }
