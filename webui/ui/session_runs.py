"""The run in progress of each browser session, and cancellation of it."""

from threading import Lock


class SessionRun:
    """One run; it can be cancelled until it writes its files."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cancelled = False
        self._writing = False

    def stop(self) -> bool:
        """Cancels the run at its next progress report; returns False if it is too late for that."""
        with self._lock:
            self._cancelled = not self._writing
            return self._cancelled

    def may_continue(self, *, writing: bool) -> bool:
        """Returns whether the run has not been cancelled.

        Args:
            writing: whether the run is about to write its files; if it may, it can no longer be cancelled.
        """
        with self._lock:
            self._writing = writing and not self._cancelled
            return not self._cancelled


class SessionRuns:
    """The run in progress of each session."""

    def __init__(self) -> None:
        self._runs: dict[str, SessionRun] = {}
        self._lock = Lock()

    def begin(self, session: str | None) -> SessionRun:
        """Starts and returns a new run of a session."""
        run = SessionRun()
        with self._lock:
            self._runs[session or ""] = run
        return run

    def end(self, session: str | None, run: SessionRun) -> None:
        """Removes a run, unless the session has started another one."""
        with self._lock:
            if self._runs.get(session or "") is run:
                del self._runs[session or ""]

    def stop(self, session: str | None) -> bool:
        """Cancels the run of a session; returns False if it is too late for that."""
        with self._lock:
            run = self._runs.get(session or "")
        return run is None or run.stop()
