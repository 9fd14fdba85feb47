"""Idempotency keys of jobs in the database of jobs: a repeated request gets the job that the first one created."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from webui.storage.job_store import JobStore
from webui.units import DAY_S

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS idempotency_keys (
    caller TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, created_s REAL NOT NULL,
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, PRIMARY KEY (caller, key)
) WITHOUT ROWID
"""
BY_JOB: Final = "CREATE INDEX IF NOT EXISTS idempotency_keys_by_job ON idempotency_keys(job)"
KEPT_S: Final = 1.0 * DAY_S
MAX_KEYS: Final = 1000  # of one caller; the oldest are deleted first


@dataclass(frozen=True, slots=True)
class JobKey:
    """The key of a request that created a job.

    Attributes:
        caller: name of the caller; different callers may use the same key.
        key: the key.
        fingerprint: digest of the request.
        created_s: time of the request, in seconds since 1970.
        job: id of the job.
    """

    caller: str
    key: str
    fingerprint: str
    created_s: float
    job: str

    def add(self, database: sqlite3.Connection) -> None:
        """Adds this key, in the transaction that adds its job, and deletes keys that are too old or too many."""
        database.execute("DELETE FROM idempotency_keys WHERE created_s < ?", (self.created_s - KEPT_S,))
        database.execute(
            "DELETE FROM idempotency_keys WHERE caller = ? AND key IN (SELECT key FROM idempotency_keys"
            " WHERE caller = ? ORDER BY created_s DESC LIMIT -1 OFFSET ?)",
            (self.caller, self.caller, MAX_KEYS - 1),
        )
        values = (self.caller, self.key, self.fingerprint, self.created_s, self.job)
        database.execute("INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?)", values)


class JobKeys:
    """The keys of all jobs.

    Args:
        store: the database of jobs.

    Raises:
        OutputError: the database can't be written.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        with store.transaction() as database:
            database.execute(SCHEMA)
            database.execute(BY_JOB)

    def find(self, caller: str, key: str, now_s: float) -> JobKey | None:
        """Returns a caller's key if it was used within the last day, or None."""
        query = (
            "SELECT caller, key, fingerprint, created_s, job FROM idempotency_keys"
            " WHERE caller = ? AND key = ? AND created_s >= ?"
        )
        with self._store.reading() as database:
            row = database.execute(query, (caller, key, now_s - KEPT_S)).fetchone()
        return JobKey(*row) if row is not None else None
