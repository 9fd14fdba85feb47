"""Callbacks of jobs in the database of jobs: the address to call when a job has finished, and how the calls went."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webui.storage.job_store import TO_DO, UNFINISHED, JobStore

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS callbacks (
    job TEXT PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE, url TEXT NOT NULL, published_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL DEFAULT 0,
    error TEXT
) WITHOUT ROWID
"""
BY_STATE: Final = "CREATE INDEX IF NOT EXISTS callbacks_by_state ON callbacks(state, due_s)"
COLUMNS: Final = "job, url, published_at, state, attempts, due_s, error"


class CallbackState(StrEnum):
    """State of a callback: before its last attempt, after an attempt that succeeded, or after all have failed."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Callback:
    """The callback of one job.

    Attributes:
        job: id of the job.
        url: the address that is called.
        published_at: the path under which the server was published when the job was created, for links.
        state: state of the callback.
        attempts: number of calls so far.
        due_s: earliest time of the next call, in seconds since 1970.
        error: JSON of the notice why the last call failed; None if none has failed.
    """

    job: str
    url: str
    published_at: str
    state: CallbackState = CallbackState.WAITING
    attempts: int = 0
    due_s: float = 0.0
    error: str | None = None

    def add(self, database: sqlite3.Connection) -> None:
        """Adds this callback, in the transaction that adds its job."""
        values = (self.job, self.url, self.published_at)
        database.execute("INSERT INTO callbacks (job, url, published_at) VALUES (?, ?, ?)", values)


class CallbackStore:
    """The callbacks of all jobs.

    Args:
        store: the database of jobs.

    Raises:
        OutputError: the database can't be written.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        with store.transaction() as database:
            database.execute(SCHEMA)
            database.execute(BY_STATE)

    def of(self, job: str) -> Callback | None:
        """Returns the callback of a job, or None if it has none."""
        with self._store.reading() as database:
            row = database.execute(f"SELECT {COLUMNS} FROM callbacks WHERE job = ?", (job,)).fetchone()
        return _callback(row) if row is not None else None

    def next_due(self, now_s: float, *, skipped: Collection[str] = ()) -> Callback | None:
        """Returns a waiting callback of a finished job whose next call is due.

        Args:
            now_s: the time, in seconds since 1970.
            skipped: ids of jobs to skip.
        """
        query = (
            f"SELECT {COLUMNS} FROM callbacks JOIN jobs ON jobs.id = callbacks.job"
            f" WHERE state = ? AND due_s <= ? AND NOT {UNFINISHED}"
            f" AND job NOT IN ({', '.join('?' * len(skipped))}) ORDER BY due_s LIMIT 1"
        )
        with self._store.reading() as database:
            row = database.execute(query, (CallbackState.WAITING, now_s, *TO_DO, *skipped)).fetchone()
        return _callback(row) if row is not None else None

    def next_time(self, now_s: float) -> float | None:
        """Returns when the next repeated call is due, in seconds since 1970; None if none is waiting."""
        query = "SELECT MIN(due_s) FROM callbacks WHERE state = ? AND due_s > ?"
        with self._store.reading() as database:
            (found,) = database.execute(query, (CallbackState.WAITING, now_s)).fetchone()
        return float(found) if found is not None else None

    def record(self, callback: Callback) -> None:
        """Stores the state of a callback after a call; does nothing if its job was deleted in the meantime."""
        values = (callback.state, callback.attempts, callback.due_s, callback.error, callback.job)
        with self._store.transaction() as database:
            database.execute("UPDATE callbacks SET state = ?, attempts = ?, due_s = ?, error = ? WHERE job = ?", values)


def _callback(row: tuple[str, str, str, str, int, float, str | None]) -> Callback:
    job, url, published_at, state, attempts, due_s, error = row
    return Callback(job, url, published_at, CallbackState(state), attempts, due_s, error)
