"""The record that ``verify`` writes next to the weights: a comparison of the native engine with FunASR."""

from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from webui.errors import OutputError
from webui.files import replace_file
from webui.results import Document, Seconds
from webui.settings import Precision

RECORD_FILE: Final = "verified.json"


class ClipComparison(Document):
    """Results of the native engine and of FunASR for one clip."""

    clip: str
    duration_s: Seconds
    feature_difference: float | None = Field(
        description="Largest absolute difference of the features; null where an engine has none."
    )
    score_difference: float = Field(description="Largest absolute difference of the utterance scores.")
    native_emotion: str
    native_confidence: float
    reference_emotion: str
    reference_confidence: float


class PublishedComparison(Document):
    """The published scores for the model's own example clip, and those of the native engine."""

    published: dict[str, float]
    native: dict[str, float]
    largest_difference: float
    source: str


class VerificationRecord(Document):
    """Whether the native engine's results equal those of FunASR, for one checkpoint on one machine."""

    model: str
    checkpoint_sha256: str = Field(description="SHA-256 of the published file.")
    verified: bool = Field(description="Whether no score differs by more than the tolerance.")
    tolerance: float
    largest_score_difference: float
    device: str
    timestamp: str
    versions: dict[str, str]
    clips: tuple[ClipComparison, ...]
    published: PublishedComparison | None = None
    precision: Precision = Field(
        default=Precision.FP32,
        description="Precision that was verified. Precisions other than fp32 were compared with the native engine in "
        "fp32 on the CPU, not with FunASR.",
    )
    top1_agreement: float | None = Field(default=None, description="Share of clips with the same emotion.")


def record_name(precision: Precision) -> str:
    """Returns the file name of the record for a precision."""
    return RECORD_FILE if precision is Precision.FP32 else f"verified.{precision.value}.json"


def write_record(directory: Path, record: VerificationRecord) -> Path:
    """Writes ``verified.json`` (or ``verified.<precision>.json``) into ``directory``, atomically.

    Raises:
        OutputError: the file can't be written.
    """
    path = directory / record_name(record.precision)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        content = record.model_dump_json(indent=2) + "\n"
        replace_file(path, lambda draft: draft.write_text(content, encoding="utf-8", newline="\n"))
    except OSError as err:
        raise OutputError("checkpoint.not_written", folder=str(directory), reason=str(err)) from err
    return path


def has_record(directory: Path, precision: Precision) -> bool:
    """Returns whether there is a record, for this checkpoint or another one."""
    return (directory / record_name(precision)).is_file()


def read_record(
    directory: Path, *, checkpoint_sha256: str, precision: Precision = Precision.FP32
) -> VerificationRecord | None:
    """Returns the record, or None if there is none, it is unreadable, or it belongs to another checkpoint."""
    try:
        record = VerificationRecord.model_validate_json((directory / record_name(precision)).read_bytes())
    except (OSError, ValidationError):
        return None
    return record if record.checkpoint_sha256 == checkpoint_sha256 else None
