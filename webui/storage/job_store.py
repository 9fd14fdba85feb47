"""Jobs of many recordings, in one SQLite file: what is asked, what is done, and every answer.

An answer and the state of its item are one transaction, so that a process that is killed at any moment leaves an item
either done with its answer or not done. The file survives the process; what was under way waits again when it is
opened anew.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from webui.errors import OutputError

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
# Named, because SQLite would go through the job's items by number, done ones and their answers first.
BY_STATE: Final = "items INDEXED BY items_by_state"
VERSION: Final = 1
BUSY_S: Final = 30.0
ROWS_AT_A_TIME: Final = 500


class ItemState(StrEnum):
    """Where one recording of a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TO_DO: Final = (ItemState.WAITING, ItemState.RUNNING)
UNFINISHED: Final = f"EXISTS (SELECT 1 FROM {BY_STATE} WHERE state IN (?, ?) AND job = jobs.id)"  # of ``jobs``; TO_DO


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a job.

    Attributes:
        job: the job's id.
        number: its place in the job, from 0.
        name: as the user knows it.
        place: the path of the file, or an address.
        state: where it is.
        outcome: JSON: the result document, or of a failed one the error; None before.
    """

    job: str
    number: int
    name: str
    place: str
    state: ItemState
    outcome: str | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands.

    Attributes:
        id: its name.
        created: local time, as results write it.
        options: JSON, as they were given.
        cancelled: whether somebody stopped it.
        counts: how many items are in each state.
    """

    id: str
    created: str
    options: str
    cancelled: bool
    counts: dict[ItemState, int]

    @property
    def total(self) -> int:
        """How many recordings it has."""
        return sum(self.counts.values())

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.counts[ItemState.WAITING] or self.counts[ItemState.RUNNING])


class JobStore:
    """The file. Safe for several threads; one process at a time may have it open.

    Args:
        path: of the file, made if it isn't there.

    Raises:
        OutputError: it can't be opened or written, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._own = FileLock(path.with_name(f".{path.name}.lock"))
            try:
                self._own.acquire(blocking=False)
            except Timeout as err:
                raise OutputError("storage.jobs_in_use", file=path.name) from err
            self._db = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # a process that is killed loses nothing; a power cut may
            self._db.execute("PRAGMA foreign_keys = ON")
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            if found not in {0, VERSION}:
                raise OutputError("storage.jobs_version", file=path.name, found=found, expected=VERSION)
            self._db.executescript(SCHEMA)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute("UPDATE items SET state = ? WHERE state = ?", (ItemState.WAITING, ItemState.RUNNING))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
            self._own.release()

    def add(self, job: str, created: str, options: str, files: Iterable[tuple[str, str]]) -> None:
        """Adds a job of ``files``: pairs of a name and a path or address. All of it or, if that fails, nothing."""
        with self._writing(), self._transaction():
            # A new job begins where the others are: it neither waits for them nor makes them wait.
            (served,) = self._db.execute(
                "SELECT COALESCE(MIN(served), 0) FROM jobs"
                f" WHERE EXISTS (SELECT 1 FROM {BY_STATE} WHERE state = ? AND job = jobs.id)",
                (ItemState.WAITING,),
            ).fetchone()
            self._db.execute(
                "INSERT INTO jobs (id, created, options, served) VALUES (?, ?, ?, ?)", (job, created, options, served)
            )
            rows = ((job, number, name, place) for number, (name, place) in enumerate(files))
            self._db.executemany("INSERT INTO items (job, number, name, place) VALUES (?, ?, ?, ?)", rows)

    def extend(self, job: str, files: Sequence[tuple[str, str]]) -> None:
        """Adds ``files`` to a job, after those it has."""
        with self._writing(), self._transaction():
            (count,) = self._db.execute("SELECT COUNT(*) FROM items WHERE job = ?", (job,)).fetchone()
            rows = ((job, number, name, place) for number, (name, place) in enumerate(files, count))
            self._db.executemany("INSERT INTO items (job, number, name, place) VALUES (?, ?, ?, ?)", rows)

    def claim(self, besides: Sequence[str] = ()) -> Item | None:
        """Returns the next item, which runs from now on; jobs take turns. None: there is nothing to do.

        Args:
            besides: jobs whose turn it isn't.
        """
        with self._writing(), self._transaction():
            row = self._db.execute(
                f"SELECT id FROM jobs WHERE EXISTS (SELECT 1 FROM {BY_STATE} WHERE state = ? AND job = jobs.id)"
                f" AND id NOT IN ({', '.join('?' * len(besides))}) ORDER BY served, rowid LIMIT 1",
                (ItemState.WAITING, *besides),
            ).fetchone()
            if row is None:
                return None
            item = self._read("state = ? AND job = ?", (ItemState.WAITING, row[0]), limit=1, table=BY_STATE)[0]
            self._set(item, ItemState.RUNNING, None)
            self._db.execute("UPDATE jobs SET served = served + 1 WHERE id = ?", (item.job,))
            return item

    def finish(self, item: Item, state: ItemState, outcome: str | None) -> bool:
        """Writes how an item ended; False if its job was deleted meanwhile."""
        with self._writing(), self._transaction():
            return self._set(item, state, outcome)

    def release(self, item: Item) -> None:
        """Lets an item wait again that was not finished."""
        with self._writing(), self._transaction():
            self._set(item, ItemState.WAITING, None)

    def retry_failed(self, job: str) -> None:
        """Lets what failed or was cancelled wait again."""
        with self._writing(), self._transaction():
            states = (job, ItemState.FAILED, ItemState.CANCELLED)
            self._db.execute(
                "UPDATE items SET state = 'waiting', outcome = NULL WHERE job = ? AND state IN (?, ?)", states
            )
            self._db.execute("UPDATE jobs SET cancelled = 0 WHERE id = ?", (job,))

    def cancel(self, job: str) -> None:
        """Lets nothing more of a job begin; what is done stays."""
        with self._writing(), self._transaction():
            self._db.execute("UPDATE jobs SET cancelled = 1 WHERE id = ?", (job,))
            self._db.execute(
                "UPDATE items SET state = ? WHERE job = ? AND state = ?",
                (ItemState.CANCELLED, job, ItemState.WAITING),
            )

    def delete(self, job: str) -> None:
        """Forgets a job and its answers."""
        with self._writing(), self._transaction():
            self._db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def forget_before(self, created: str) -> list[str]:
        """Deletes the jobs that have ended and were made before ``created``; returns their ids."""
        with self._writing(), self._transaction():
            rows = self._db.execute(
                f"DELETE FROM jobs WHERE created < ? AND NOT {UNFINISHED} RETURNING id",
                (created, *TO_DO),
            ).fetchall()
        return [job for (job,) in rows]

    def job(self, job: str) -> JobRecord | None:
        """Returns a job, or None."""
        return next(iter(self._records("WHERE id = ?", (job,))), None)

    def options(self, job: str) -> str | None:
        """Returns a job's options as they were given, or None if there is no such job."""
        with self._lock:
            row = self._db.execute("SELECT options FROM jobs WHERE id = ?", (job,)).fetchone()
        return str(row[0]) if row is not None else None

    def unfinished(self, job: str) -> bool:
        """Returns whether a job has something left to do."""
        with self._lock:
            query = f"SELECT 1 FROM jobs WHERE {UNFINISHED} AND id = ?"
            return self._db.execute(query, (*TO_DO, job)).fetchone() is not None

    def jobs(self, *, offset: int = 0, limit: int = 50) -> tuple[list[JobRecord], int]:
        """Returns jobs, newest first, and how many there are in all."""
        with self._lock:
            (total,) = self._db.execute("SELECT COUNT(*) FROM jobs").fetchone()
            return self._records("ORDER BY rowid DESC LIMIT ? OFFSET ?", (limit, offset)), int(total)

    def under_way(self) -> int:
        """Returns how many jobs have something left to do."""
        with self._lock:
            (count,) = self._db.execute(f"SELECT COUNT(*) FROM jobs WHERE {UNFINISHED}", TO_DO).fetchone()
        return int(count)

    def items(self, job: str) -> Iterator[Item]:
        """Yields a job's items in order, some at a time, as they are when they are read."""
        last = -1
        while rows := self._read("job = ? AND number > ?", (job, last), limit=ROWS_AT_A_TIME):
            yield from rows
            last = rows[-1].number

    def failed(self, job: str, *, limit: int) -> list[Item]:
        """Returns the first items of a job that failed."""
        return self._read("state = ? AND job = ?", (ItemState.FAILED, job), limit=limit, table=BY_STATE)

    def _records(self, which: str, values: Sequence[object]) -> list[JobRecord]:
        with self._lock:
            rows = self._db.execute(f"SELECT id, created, options, cancelled FROM jobs {which}", values).fetchall()
            return [JobRecord(row[0], row[1], row[2], bool(row[3]), self._counts(row[0])) for row in rows]

    def _counts(self, job: str) -> dict[ItemState, int]:
        query = f"SELECT COUNT(*) FROM {BY_STATE} WHERE state = ? AND job = ?"
        return {state: int(self._db.execute(query, (state, job)).fetchone()[0]) for state in ItemState}

    def _read(self, which: str, values: Sequence[object], *, limit: int, table: str = "items") -> list[Item]:
        query = f"SELECT job, number, name, place, state, outcome FROM {table} WHERE {which} ORDER BY number LIMIT ?"
        with self._lock:
            rows = self._db.execute(query, (*values, limit)).fetchall()
        return [Item(job, number, name, place, ItemState(state), out) for job, number, name, place, state, out in rows]

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
