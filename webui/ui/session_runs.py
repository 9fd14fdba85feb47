"""The run of each browser session, and whether it shall stop."""

from threading import Lock


class SessionRun:
    """One run: it can be stopped until it writes its files."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stopped = False
        self._writing = False

    def stop(self) -> bool:
        """Stops the run at its next report; returns False if it is too late for that."""
        with self._lock:
            self._stopped = not self._writing
            return self._stopped

    def goes_on(self, *, writing: bool) -> bool:
        """Returns whether the run may go on; from the first time that it may write, it can't be stopped any more."""
        with self._lock:
            self._writing = writing and not self._stopped
            return not self._stopped


class SessionRuns:
    """The run of each session that is under way."""

    def __init__(self) -> None:
        self._runs: dict[str, SessionRun] = {}
        self._lock = Lock()

    def begin(self, session: str | None) -> SessionRun:
        """Returns a new run of a session."""
        run = SessionRun()
        with self._lock:
            self._runs[session or ""] = run
        return run

    def end(self, session: str | None, run: SessionRun) -> None:
        """Forgets a run, unless the session has begun another one."""
        with self._lock:
            if self._runs.get(session or "") is run:
                del self._runs[session or ""]

    def stop(self, session: str | None) -> bool:
        """Stops the run of a session; returns False if it is too late for that."""
        with self._lock:
            run = self._runs.get(session or "")
        return run is None or run.stop()
