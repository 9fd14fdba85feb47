"""The jobs of the database and their recordings."""

from dataclasses import dataclass
from enum import StrEnum


class ItemState(StrEnum):
    """State of one recording of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """State of a job.

    ``stopping``: cancelled, while the last recordings end. ``failed``: finished, and no recording was recognized.
    ``done``: finished, and at least one was recognized.
    """

    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a job.

    Attributes:
        job: id of the job.
        number: index of the recording in the job, from 0.
        name: the file name known to the user.
        place: path of the file, or its URL.
        state: state of the recording.
        outcome: JSON of the result document, or of the error if the recording failed; None before that.
    """

    job: str
    number: int
    name: str
    place: str
    state: ItemState
    outcome: str | None

    @property
    def id(self) -> str:
        """Id of the recording; it depends only on the job and on the place of the recording in the request."""
        return f"{self.job}.{self.number}"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job and its progress.

    Attributes:
        id: id of the job.
        created: local time of creation, in the format of results.
        options: JSON of the options, as submitted.
        cancelled: whether the job was cancelled.
        counts: number of items in each state.
        created_utc: time of creation in UTC (ISO 8601); None in jobs of earlier versions.
    """

    id: str
    created: str
    options: str
    cancelled: bool
    counts: dict[ItemState, int]
    created_utc: str | None = None

    @property
    def total(self) -> int:
        """Number of recordings in the job."""
        return sum(self.counts.values())

    @property
    def ended(self) -> bool:
        """Whether no item is waiting or running."""
        return not (self.counts[ItemState.WAITING] or self.counts[ItemState.RUNNING])

    @property
    def state(self) -> JobState:
        """State of the job."""
        if not self.ended:
            return JobState.STOPPING if self.cancelled else JobState.RUNNING
        if self.cancelled:
            return JobState.CANCELLED
        failed_all = self.counts[ItemState.FAILED] > 0 and not self.counts[ItemState.DONE]
        return JobState.FAILED if failed_all else JobState.DONE
