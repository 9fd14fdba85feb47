"""Jobs of many recordings in one SQLite file: their options, the state of every recording, and the results.

A result and the state of its item are written in one transaction, so that an item is either done with its result or
not done, at whatever moment the process is killed. When the file is opened again, items that were running wait again.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from webui.errors import OutputError
from webui.storage.job_records import Item, ItemState, JobRecord

__all__ = ["Item", "ItemState", "JobRecord", "JobStore"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, options TEXT NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0,
    served INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS items (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, number INTEGER NOT NULL, name TEXT NOT NULL,
    place TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', outcome TEXT,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_state ON items(state, job, number);
"""
# The index is named because SQLite would otherwise scan a job's items by number, through all finished results.
BY_STATE: Final = "items INDEXED BY items_by_state"
ADDED_COLUMNS: Final = {"created_utc": "TEXT"}  # of `jobs`; the first version lacks them, so its rows have NULL
VERSION: Final = 1
BUSY_S: Final = 30.0
ROWS_AT_A_TIME: Final = 500
TO_DO: Final = (ItemState.WAITING, ItemState.RUNNING)
WithJob = Callable[[sqlite3.Connection], None]  # writes other rows in the transaction that adds a job
UNFINISHED: Final = f"EXISTS (SELECT 1 FROM {BY_STATE} WHERE state IN (?, ?) AND job = jobs.id)"  # parameters: TO_DO


class JobStore:
    """The database of jobs. It is thread-safe; only one process at a time can have it open.

    Args:
        path: path of the file, which is created if it does not exist.

    Raises:
        OutputError: the file can't be opened or written, or another process has it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._process_lock = FileLock(path.with_name(f".{path.name}.lock"))
            try:
                self._process_lock.acquire(blocking=False)
            except Timeout as err:
                raise OutputError("storage.jobs_in_use", file=path.name) from err
            self._db = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # only a power cut can lose transactions
            self._db.execute("PRAGMA foreign_keys = ON")
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            if found not in {0, VERSION}:
                raise OutputError("storage.jobs_version", file=path.name, found=found, expected=VERSION)
            self._db.executescript(SCHEMA)
            self._add_columns()
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute("UPDATE items SET state = ? WHERE state = ?", (ItemState.WAITING, ItemState.RUNNING))

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._path

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
            self._process_lock.release()

    def _add_columns(self) -> None:
        """Adds the columns that a file of an earlier version does not have."""
        present = {row[1] for row in self._db.execute("PRAGMA table_info(jobs)")}
        for name, kind in ADDED_COLUMNS.items():
            if name not in present:
                self._db.execute(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yields the database during one transaction, for the tables that other modules keep in it.

        Raises:
            OutputError: the file can't be read or written.
        """
        with self._writing(), self._transaction():
            yield self._db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yields the database to read such tables, without a lock on the file.

        Raises:
            OutputError: the file can't be read.
        """
        with self._writing(), self._lock:
            yield self._db

    def add(
        self,
        job: str,
        created: str,
        options: str,
        files: Iterable[tuple[str, str]],
        *,
        created_utc: str | None = None,
        with_job: WithJob = lambda _database: None,
    ) -> None:
        """Adds a job; adds nothing if an error occurs.

        Args:
            job: id of the job.
            created: local time of creation, in the format of results.
            options: JSON of the options.
            files: pairs of a name and a path or URL.
            created_utc: the time of creation in UTC (ISO 8601).
            with_job: called in the same transaction, to write other rows that belong to the job.
        """
        with self._writing(), self._transaction():
            # A new job starts level with the least served waiting job: it neither waits for the others nor delays them.
            (served,) = self._db.execute(
                "SELECT COALESCE(MIN(served), 0) FROM jobs"
                f" WHERE EXISTS (SELECT 1 FROM {BY_STATE} WHERE state = ? AND job = jobs.id)",
                (ItemState.WAITING,),
            ).fetchone()
            self._db.execute(
                "INSERT INTO jobs (id, created, options, served, created_utc) VALUES (?, ?, ?, ?, ?)",
                (job, created, options, served, created_utc),
            )
            rows = ((job, number, name, _stored(place)) for number, (name, place) in enumerate(files))
            self._db.executemany("INSERT INTO items (job, number, name, place) VALUES (?, ?, ?, ?)", rows)
            with_job(self._db)

    def extend(self, job: str, files: Sequence[tuple[str, str]]) -> None:
        """Appends ``files`` to a job."""
        with self._writing(), self._transaction():
            (count,) = self._db.execute("SELECT COUNT(*) FROM items WHERE job = ?", (job,)).fetchone()
            rows = ((job, number, name, _stored(place)) for number, (name, place) in enumerate(files, count))
            self._db.executemany("INSERT INTO items (job, number, name, place) VALUES (?, ?, ?, ?)", rows)

    def claim(self, skipped: Sequence[str] = ()) -> Item | None:
        """Returns the next waiting item and marks it as running, or returns None if there is none. Jobs take turns.

        Args:
            skipped: ids of jobs to skip.
        """
        with self._writing(), self._transaction():
            row = self._db.execute(
                f"SELECT id FROM jobs WHERE EXISTS (SELECT 1 FROM {BY_STATE} WHERE state = ? AND job = jobs.id)"
                f" AND id NOT IN ({', '.join('?' * len(skipped))}) ORDER BY served, rowid LIMIT 1",
                (ItemState.WAITING, *skipped),
            ).fetchone()
            if row is None:
                return None
            item = self._read("state = ? AND job = ?", (ItemState.WAITING, row[0]), limit=1, table=BY_STATE)[0]
            self._set(item, ItemState.RUNNING, None)
            self._db.execute("UPDATE jobs SET served = served + 1 WHERE id = ?", (item.job,))
            return item

    def finish(self, item: Item, state: ItemState, outcome: str | None) -> bool:
        """Stores the state and outcome of an item; returns False if its job was deleted in the meantime."""
        with self._writing(), self._transaction():
            return self._set(item, state, outcome)

    def release(self, item: Item) -> None:
        """Sets an unfinished item back to waiting."""
        with self._writing(), self._transaction():
            self._set(item, ItemState.WAITING, None)

    def retry_failed(self, job: str) -> None:
        """Sets the failed and cancelled items of a job back to waiting."""
        with self._writing(), self._transaction():
            states = (job, ItemState.FAILED, ItemState.CANCELLED)
            self._db.execute(
                "UPDATE items SET state = 'waiting', outcome = NULL WHERE job = ? AND state IN (?, ?)", states
            )
            self._db.execute("UPDATE jobs SET cancelled = 0 WHERE id = ?", (job,))

    def cancel(self, job: str) -> None:
        """Cancels a job and its waiting items; finished items keep their results, and finished jobs their state."""
        with self._writing(), self._transaction():
            self._db.execute(f"UPDATE jobs SET cancelled = 1 WHERE id = ? AND {UNFINISHED}", (job, *TO_DO))
            self._db.execute(
                "UPDATE items SET state = ? WHERE job = ? AND state = ?",
                (ItemState.CANCELLED, job, ItemState.WAITING),
            )

    def delete(self, job: str) -> None:
        """Deletes a job and its results."""
        with self._writing(), self._transaction():
            self._db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def delete_ended_before(self, created: str) -> list[str]:
        """Deletes the finished jobs that were created before ``created`` and returns their ids."""
        with self._writing(), self._transaction():
            rows = self._db.execute(
                f"DELETE FROM jobs WHERE created < ? AND NOT {UNFINISHED} RETURNING id",
                (created, *TO_DO),
            ).fetchall()
        return [job for (job,) in rows]

    def job(self, job: str) -> JobRecord | None:
        """Returns a job, or None if there is no such job."""
        return next(iter(self._records("WHERE id = ?", (job,))), None)

    def options(self, job: str) -> str | None:
        """Returns the JSON of a job's options as submitted, or None if there is no such job."""
        with self._lock:
            row = self._db.execute("SELECT options FROM jobs WHERE id = ?", (job,)).fetchone()
        return str(row[0]) if row is not None else None

    def unfinished(self, job: str) -> bool:
        """Returns whether a job has waiting or running items."""
        with self._lock:
            query = f"SELECT 1 FROM jobs WHERE {UNFINISHED} AND id = ?"
            return self._db.execute(query, (*TO_DO, job)).fetchone() is not None

    def jobs(self, *, offset: int = 0, limit: int = 50) -> tuple[list[JobRecord], int]:
        """Returns a page of jobs, newest first, and the total number of jobs."""
        with self._lock:
            (total,) = self._db.execute("SELECT COUNT(*) FROM jobs").fetchone()
            return self._records("ORDER BY rowid DESC LIMIT ? OFFSET ?", (limit, offset)), int(total)

    def under_way(self) -> int:
        """Returns the number of jobs with waiting or running items."""
        with self._lock:
            (count,) = self._db.execute(f"SELECT COUNT(*) FROM jobs WHERE {UNFINISHED}", TO_DO).fetchone()
        return int(count)

    def items(self, job: str) -> Iterator[Item]:
        """Yields a job's items in order; they are read in batches, so later items may have changed meanwhile."""
        last = -1
        while rows := self._read("job = ? AND number > ?", (job, last), limit=ROWS_AT_A_TIME):
            yield from rows
            last = rows[-1].number

    def page(self, job: str, *, offset: int, limit: int) -> list[Item]:
        """Returns a page of a job's items, in order."""
        return self._read("job = ? AND number >= ?", (job, offset), limit=limit)

    def failed(self, job: str, *, limit: int) -> list[Item]:
        """Returns the first ``limit`` failed items of a job."""
        return self._read("state = ? AND job = ?", (ItemState.FAILED, job), limit=limit, table=BY_STATE)

    def _records(self, clause: str, values: Sequence[object]) -> list[JobRecord]:
        with self._lock:
            columns = "id, created, options, cancelled, created_utc"
            rows = self._db.execute(f"SELECT {columns} FROM jobs {clause}", values).fetchall()
            return [JobRecord(row[0], row[1], row[2], bool(row[3]), self._counts(row[0]), row[4]) for row in rows]

    def _counts(self, job: str) -> dict[ItemState, int]:
        query = f"SELECT COUNT(*) FROM {BY_STATE} WHERE state = ? AND job = ?"
        return {state: int(self._db.execute(query, (state, job)).fetchone()[0]) for state in ItemState}

    def _read(self, condition: str, values: Sequence[object], *, limit: int, table: str = "items") -> list[Item]:
        columns = "job, number, name, place, state, outcome"
        query = f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY number LIMIT ?"
        with self._lock:
            rows = self._db.execute(query, (*values, limit)).fetchall()
        return [
            Item(job, number, name, os.fsdecode(place), ItemState(state), out)
            for job, number, name, place, state, out in rows
        ]

    def _set(self, item: Item, state: ItemState, outcome: str | None) -> bool:
        values = (state, outcome, item.job, item.number)
        changed = self._db.execute("UPDATE items SET state = ?, outcome = ? WHERE job = ? AND number = ?", values)
        return changed.rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as err:
            raise OutputError("storage.jobs_not_written", file=self._path.name, reason=str(err)) from err


def _stored(place: str) -> str | bytes:
    """Returns a path in a form that SQLite can store: as bytes if it is not UTF-8."""
    try:
        place.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(place)
    return place
