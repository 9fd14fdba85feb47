"""The result document, which ``result.json``, the REST API, the CLI's ``--json`` and the page share.

Users of the first WebUI rely on the first five keys of ``RecognitionResult`` (emotion, confidence, scores, granularity,
timestamp): their names, order and formats must not change, and keys may only be added.
"""

import math
import numbers
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from webui.labels import ALIASES, Emotion
from webui.texts import TEXTS, Language, text

TIMESTAMP_FORMAT: Final = "%Y-%m-%d %H:%M:%S"  # local time, the format of the first WebUI
SCORE_DIGITS: Final = 6

BUILTIN_USED: Final = "request.builtin_answered"
OFFLINE: Final = "download.unreachable"  # its short form also says that the built-in model was used
# Warnings of a result, the most important first. Any other code is a reason why the built-in model was used.
WARNING_ORDER: Final = (
    "audio.no_speech",
    "request.no_speech",
    "request.no_segments",
    "request.frames_left_out",
    BUILTIN_USED,
    "audio.incomplete",
    "audio.damaged_parts",
    "audio.gap",
    "audio.trailing_bytes",
    "audio.channels_cancel",
    "audio.channels_differ",
    "audio.clipped",
    "audio.narrow_band",
    "audio.silent_track",
    "audio.several_tracks",
    "audio.dual_mono",
    "engine.fell_back",
    "request.precision_ignored",
    "windows.cut",
    "audio.above_full_scale",
)

Score = Annotated[float, Field(ge=0, le=1), PlainSerializer(lambda value: round(value, SCORE_DIGITS), when_used="json")]
Seconds = Annotated[float, Field(ge=0), PlainSerializer(lambda value: round(value, 3), when_used="json")]


class Granularity(StrEnum):
    """Level of detail of a result: the whole recording, a curve over time, or each speech segment."""

    UTTERANCE = "utterance"
    FRAME = "frame"
    SEGMENT = "segment"


def _without_example(schema: dict[str, Any]) -> None:
    """Removes the Python example of a docstring from the description in the JSON schema."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\nExample:\n")[0]


class Document(BaseModel):
    """Base of all JSON documents: immutable, without unknown keys."""

    # JSON has no infinity and no NaN, so they are rejected in requests as well as in results.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        allow_inf_nan=False,
        json_schema_extra=_without_example,
    )


def fields_of(document: BaseModel, kind: type[BaseModel]) -> dict[str, Any]:
    """Returns the fields of a document that its base class ``kind`` also has, without copying their values."""
    return {name: getattr(document, name) for name in kind.model_fields}


def plain_value(value: object) -> float | int | str:
    """Returns a placeholder's value as JSON allows it: a number that is not finite becomes its name."""
    if isinstance(value, int | str):
        return value
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else str(float(value))
    return str(value)


class Notice(Document):
    """A warning or a log line: a key of ``webui.texts`` with its values, so that it can be shown in both languages."""

    code: str = Field(description="Stable key for programs, for example `audio.narrow_band`.")
    values: Mapping[str, float | int | str] = Field(default_factory=dict, description="Values in the message.")

    @model_validator(mode="before")
    @classmethod
    def _without_message(cls, fields: object) -> object:
        return (
            {name: value for name, value in fields.items() if name != "message"} if isinstance(fields, dict) else fields
        )

    @model_serializer(mode="wrap")
    def _with_message(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = handler(self)
        return {"code": fields["code"], "message": self.message(), "values": fields["values"]}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: Mapping[str, object], handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns one schema for reading and writing: that of the fields, with the message that is added to them."""
        described = handler({name: part for name, part in schema.items() if name != "serialization"})
        fields = handler.resolve_ref_schema(described)
        message = {"title": "Message", "type": "string", "description": "The text in English."}
        code, values = fields["properties"]["code"], fields["properties"]["values"]
        fields["properties"] = {"code": code, "message": message, "values": values}
        fields["required"] = ["code", "message", "values"]
        return described

    @classmethod
    def of_error(cls, code: str, values: Mapping[str, object]) -> Self:
        """Returns an error's message as a notice, for a result that was produced in spite of the error."""
        return cls(code=code, values={name: plain_value(value) for name, value in values.items()})

    @property
    def is_log(self) -> bool:
        """Whether it is a line of the log and not a warning."""
        return self.code.startswith("log.")

    @property
    def is_reason(self) -> bool:
        """Whether it is a warning that only explains why the built-in model was used."""
        return not self.is_log and self.code not in WARNING_ORDER

    def message(self, language: Language = Language.EN) -> str:
        """Returns the full message in ``language``."""
        return text(self.code, language, **self.values)

    def short(self, language: Language = Language.EN) -> str | None:
        """Returns the message as one short line in ``language``; None if the code has no short form."""
        key = f"notice.{self._key}"
        return text(key, language, **self.values) if key in TEXTS else None

    def detail(self, language: Language = Language.EN) -> str | None:
        """Returns technical details, such as the messages of libraries; None if there are none."""
        key = f"detail.{self._key}"
        return text(key, language, **self.values) if key in TEXTS else None

    @property
    def _key(self) -> str:
        return self.code.replace(".", "_")


def by_importance(warnings: Iterable[Notice]) -> tuple[Notice, ...]:
    """Returns the warnings of a result in the order of ``WARNING_ORDER``, reasons directly after ``BUILTIN_USED``."""

    def rank(warning: Notice) -> tuple[int, bool]:
        return WARNING_ORDER.index(BUILTIN_USED if warning.is_reason else warning.code), warning.is_reason

    return tuple(sorted(warnings, key=rank))


def headlines(warnings: Iterable[Notice]) -> tuple[Notice, ...]:
    """Returns the warnings that a user sees first, the most important first.

    Reasons for the use of the built-in model are left out. Without a network, that fact and its reason are one line.
    """
    ordered = by_importance(warnings)
    offline = any(warning.code == OFFLINE for warning in ordered)
    left_out = BUILTIN_USED if offline else None
    return tuple(
        warning
        for warning in ordered
        if warning.code != left_out and (not warning.is_reason or warning.code == OFFLINE)
    )


class ModelInfo(Document):
    """The model that was used, and how it ran."""

    name: str = Field(description="Name of the model, as `--model` takes it.")
    engine: str = Field(description="Implementation that ran the model, as `models` lists it.")
    precision: str = Field(description="Number format of the weights: fp32, int8, ...")
    device: str = Field(description="Device that the model ran on: cpu, cuda:0, mps.")
    labels: tuple[str, ...] = Field(description="The model's own classes, in the order of its logits.")
    license: str = Field(description="Licence of the weights.")

    @property
    def emotions(self) -> frozenset[Emotion]:
        """The emotions among the model's classes."""
        return frozenset(ALIASES[name] for label in self.labels if (name := label.strip().lower()) in ALIASES)


class SourceInfo(Document):
    """The recording as it was submitted, before decoding to 16 kHz mono."""

    file_name: str = Field(description="Name of the file as the user supplied it, without folders.")
    size_bytes: int = Field(ge=0)
    duration_s: Seconds = Field(description="Length of the decoded audio.")
    sample_rate_hz: int = Field(gt=0)
    channels: int = Field(gt=0)
    channel: int | None = Field(
        default=None, ge=0, description="Index of the only channel that was used, from 0; absent: the mean of all."
    )
    format: str = Field(description="Container and codec, for example `wav/pcm_s16le` or `mp3/mp3`.")


class FrameScores(Document):
    """Scores over time. Row i covers `start_s[i]` to `end_s[i]`. If `file` is given, the columns are in that file.

    The mean of the rows' logits, weighted by the rows' length, equals the utterance's logits (logarithms of the scores
    serve as logits). The mean of the rows' scores does not equal the utterance's scores.

    Example:
        >>> import tempfile
        >>> from webui.service import RecognitionService, RecognizeOptions
        >>> from webui.settings import PROJECT_DIR, Settings
        >>> options = RecognizeOptions(granularity=Granularity.FRAME, window_s=1.0, hop_s=0.5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     service = RecognitionService(Settings(model="builtin", outputs_dir=folder))
        ...     clip = PROJECT_DIR / "examples" / "example_synthetic.wav"
        ...     frames = service.recognize(clip, options).result.frames
        >>> frames.rows, frames.hop_s, frames.start_s[:3]
        (8, 0.5, (0.0, 0.5, 1.0))
        >>> len(frames.scores[Emotion.HAPPY]) == frames.rows
        True
    """

    frame_rate_hz: float = Field(gt=0, description="Model frames per second, before smoothing.")
    window_s: Seconds = Field(description="Length of audio averaged per row; one model frame if raw.")
    hop_s: Seconds = Field(description="Distance between the starts of two rows.")
    rows: int = Field(ge=1)
    file: str | None = Field(default=None, description="Parquet file next to result.json with the columns.")
    start_s: tuple[Seconds, ...] | None = None
    end_s: tuple[Seconds, ...] | None = None
    scores: Mapping[Emotion, tuple[Score, ...]] | None = None


class Segment(Document):
    """A segment of speech and its emotion; the scores are the softmax of the mean of its frames' logits.

    Example:
        >>> scores = dict.fromkeys(Emotion, 0.0) | {Emotion.HAPPY: 0.9, Emotion.NEUTRAL: 0.1}
        >>> segment = Segment(start_s=0.52, end_s=2.1, emotion=Emotion.HAPPY, confidence=0.9, scores=scores)
        >>> segment.model_dump(mode="json", include={"start_s", "end_s", "emotion", "confidence"})
        {'start_s': 0.52, 'end_s': 2.1, 'emotion': 'happy', 'confidence': 0.9}
    """

    start_s: Seconds
    end_s: Seconds
    emotion: Emotion
    confidence: Score
    scores: Mapping[Emotion, Score]


class EmbeddingInfo(Document):
    """File and shape of the embedding."""

    file: str = Field(description="NumPy file (float32) next to result.json.")
    shape: tuple[int, ...] = Field(description="(dim,) for the utterance, (frames, dim) for frames.")


class ChannelResult(Document):
    """The result for one channel of the recording, equal to that of a mono file with this channel only.

    Example:
        >>> scores = dict.fromkeys(Emotion, 0.0) | {Emotion.ANGRY: 0.8, Emotion.NEUTRAL: 0.2}
        >>> channel = ChannelResult(index=1, name="agent", emotion=Emotion.ANGRY, confidence=0.8, scores=scores)
        >>> channel.label, channel.model_copy(update={"name": None}).label
        ('agent', '2')
    """

    index: int = Field(ge=0, description="Index of the channel in the file, from 0.")
    name: str | None = Field(default=None, description="Its name, if names were given for all channels.")
    emotion: Emotion
    confidence: Score
    scores: Mapping[Emotion, Score]
    frames: FrameScores | None = Field(default=None, description="Only with granularity `frame`.")
    segments: tuple[Segment, ...] | None = Field(default=None, description="Only with granularity `segment`.")
    audio_file: str | None = Field(
        default=None, description="The decoded channel next to result.json: 16 kHz, mono. Absent if no files are kept."
    )
    embedding: EmbeddingInfo | None = Field(default=None, description="Only if it was requested.")
    warnings: tuple[Notice, ...] = Field(default=(), description="Those that concern this channel.")

    @property
    def label(self) -> str:
        """Name of the channel for texts, or its place if it has none: 1 for the first."""
        return self.name if self.name is not None else str(self.index + 1)


class Timing(Document):
    """Processing times, in wall-clock seconds."""

    decode_s: Seconds
    inference_s: Seconds


class RecognitionResult(Document):
    """The result for one recording.

    Example:
        >>> import tempfile
        >>> from webui.service import RecognitionService
        >>> from webui.settings import PROJECT_DIR, Settings
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     service = RecognitionService(Settings(model="builtin", outputs_dir=folder))
        ...     result = service.recognize(PROJECT_DIR / "examples" / "example_synthetic.wav").result
        >>> result.source.format, result.source.duration_s
        ('wav/pcm_s16le', 3.65)
        >>> RecognitionResult.model_validate_json(result.to_json()).emotion is result.emotion
        True
    """

    emotion: Emotion = Field(description="The emotion with the highest score.")
    confidence: Score = Field(description="Score of that emotion.")
    scores: Mapping[Emotion, Score] = Field(
        description="Scores of all nine; 0.0 for an emotion that the model does not have."
    )
    granularity: Granularity
    timestamp: str = Field(
        description="Local time, `YYYY-MM-DD HH:MM:SS`.", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"
    )
    created_utc: AwareDatetime | None = Field(
        default=None, description="The same time in UTC (ISO 8601); absent in results of earlier versions."
    )
    model: ModelInfo
    source: SourceInfo
    timing: Timing
    frames: FrameScores | None = Field(default=None, description="Only with granularity `frame`.")
    segments: tuple[Segment, ...] | None = Field(
        default=None, description="Only with granularity `segment`; empty if no speech was detected."
    )
    title: str | None = Field(default=None, description="The name that was given to this result, if any.")
    labels: tuple[Emotion, ...] | None = Field(
        default=None, description="The emotions that the scores were restricted to, if any were requested."
    )
    embedding: EmbeddingInfo | None = Field(default=None, description="Only if it was requested.")
    channels: tuple[ChannelResult, ...] | None = Field(
        default=None,
        description="Only with channels `separate`: each channel separately. All other keys are about their mix.",
    )
    warnings: tuple[Notice, ...] = Field(default=(), description="The most important first.")

    @property
    def called(self) -> str:
        """The name under which people know the result: its title, or the recording's name without its suffix."""
        return self.title if self.title is not None else PurePath(self.source.file_name).stem

    @property
    def possible(self) -> frozenset[Emotion]:
        """The emotions that this result could have had: the model has them, and the request did not exclude them."""
        return self.model.emotions if self.labels is None else self.model.emotions & set(self.labels)

    def to_json(self) -> str:
        """Returns the document as written to ``result.json``: indented, absent parts omitted."""
        return self.model_dump_json(indent=2, exclude_none=True)


def format_timestamp(moment: datetime) -> str:
    """Returns ``moment`` in the format of ``timestamp``."""
    return moment.strftime(TIMESTAMP_FORMAT)


def utc_second(moment: datetime) -> datetime:
    """Returns ``moment`` in UTC, without the fraction of a second, as ``created_utc`` has it."""
    return moment.astimezone(UTC).replace(microsecond=0)
