"""What ``config.json`` keeps about how the weights were made."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base: immutable, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MemberRecord(Record):
    """One trained member."""

    seed: int
    epochs: int
    speakers: tuple[str, ...]
    counting: bool = False


class CalibrationRecord(Record):
    """What the temperature was fitted on: speakers, each judged by the members that never heard him or her."""

    speakers: tuple[str, ...]
    recalls: dict[str, float]
    error: float


class TrainingRecord(Record):
    """How the weights were made."""

    members: tuple[MemberRecord, ...]
    calibration: CalibrationRecord
    teacher: str | None = None
    started_from: str | None = None

    def heard(self) -> tuple[str, ...]:
        """Returns every speaker that a member was trained on, sorted."""
        return tuple(sorted({speaker for member in self.members for speaker in member.speakers}))
