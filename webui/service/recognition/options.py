"""Options of a recognition; the REST API, jobs, the command line and the page all use these classes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, field_validator

from webui.audio.limits import MAX_CHANNELS
from webui.audio.options import MAX_SEPARATE_CHANNELS, ChannelMode, DecodeOptions, Headerless, RawCodec
from webui.errors import RequestError, reason_of
from webui.labels import Emotion
from webui.results import Document, Granularity
from webui.settings import LONGEST_WAV_S, MAX_SMOOTHING_S, Precision

MAX_SEGMENT_S: Final = 15.0
MIN_MAX_SEGMENT_S: Final = 1.0
MAX_MAX_SEGMENT_S: Final = LONGEST_WAV_S  # the longest possible recording: no segment is cut
MERGE_GAP_S: Final = 1.0  # segments further apart are not merged
MAX_TRACK: Final = 1_000
MAX_NAME: Final = 40  # characters of a channel's name
MAX_TITLE: Final = 80  # characters of a result's title

TrackNumber = Annotated[int, Field(ge=1, le=MAX_TRACK)]
SmoothingSeconds = Annotated[float, Field(gt=0, le=MAX_SMOOTHING_S)]
ChannelIndex = Annotated[int, Field(ge=0, lt=MAX_CHANNELS)]
ChannelName = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
SegmentSeconds = Annotated[float, Field(ge=MIN_MAX_SEGMENT_S, le=MAX_MAX_SEGMENT_S)]


class TrackChoice(StrEnum):
    """How the audio track is chosen if no number is given."""

    AUTO = "auto"


AUTO_TRACK: Final = TrackChoice.AUTO


class AnalysisOptions(Document):
    """Options of a recognition that writes no files, as for an item of a job.

    Attributes:
        granularity: one result for the recording, a curve over time, or one result per speech segment.
        model: name of a model or ``auto``; None uses the setting.
        precision: number format of an Emotion2Vec model's weights; None uses the setting.
        window_s: length of audio that a row of frame scores averages over, in seconds; None uses the setting.
        hop_s: distance between two rows of frame scores, in seconds; None uses the setting.
        raw_frames: whether frame scores have a row for every model frame, without smoothing.
        labels: emotions that can be recognized; None: all nine. The others are left out of the softmax.
        max_segment_s: maximum length of a segment in seconds; longer speech is cut, at a pause if there is one.
        merge_segments: whether adjacent segments of the same emotion are merged.
        track: number of the audio track, from 1; ``auto``: the best one that can be decoded and isn't silent.
        headerless: codec, sample rate and channels of files without a header, such as ``alaw,8000,1``.
        channels: ``mix`` averages the channels; ``separate`` also gives a result for every channel; a number is the
            index of the only channel that is used, from 0.
        channel_names: names of the channels with ``separate``, in order; they are used for recordings that have at
            least as many channels. None: the channels have no names.
    """

    granularity: Granularity = Granularity.UTTERANCE
    model: str | None = Field(
        default=None,
        description="`auto` or a name that /api/v1/models lists; the request fails if that model can't be used.",
    )
    precision: Precision | None = Field(
        default=None, description="Number format of an Emotion2Vec model; by default the server's setting."
    )
    window_s: SmoothingSeconds | None = Field(default=None, description="Frame scores: seconds per row.")
    hop_s: SmoothingSeconds | None = Field(default=None, description="Frame scores: seconds between rows.")
    raw_frames: bool = Field(default=False, description="Frame scores: a row per model frame, not smoothed.")
    labels: tuple[Emotion, ...] | None = Field(
        default=None,
        min_length=1,
        description="The emotions that can be recognized; the others are left out of the softmax. All nine by default. "
        "In a form: the field repeated, names with commas between them, or a JSON array.",
        examples=[["angry", "happy", "neutral", "sad"]],
    )
    max_segment_s: SegmentSeconds = Field(
        default=MAX_SEGMENT_S, description="Segments: a longer stretch of speech is cut, at a pause if it has one."
    )
    merge_segments: bool = Field(default=False, description="Segments: join neighbours of the same emotion.")
    track: TrackChoice | TrackNumber = Field(
        default=AUTO_TRACK,
        description="Number of the audio track, from 1. `auto` takes the default one of those that can be decoded; if "
        "it is silent, the next one that isn't.",
    )
    headerless: str | None = Field(
        default=None,
        max_length=40,
        description="Format of samples without a header: codec, sample rate in Hz and number of channels. Codecs: "
        f"{', '.join(RawCodec)}. Files with a known header are read according to that header.",
        examples=["alaw,8000,1"],
    )

    channels: ChannelMode | ChannelIndex = Field(
        default=ChannelMode.MIX,
        description="`mix` averages the channels. `separate` also gives a result for every channel, in `channels` of "
        f"the result, for at most {MAX_SEPARATE_CHANNELS} channels. A number is the index of the only channel that is "
        "used, from 0.",
        examples=["separate"],
    )
    channel_names: tuple[ChannelName, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SEPARATE_CHANNELS,
        description="Separate channels: their names, in order, for recordings that have at least as many channels. "
        "In a form: names with commas between them.",
        examples=[["customer", "agent"]],
    )

    @field_validator("labels", "channel_names", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return _split(value)
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return [name for part in value for name in _split(part)]
        return value

    @field_validator("channel_names")
    @classmethod
    def _check_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and (len(set(names)) < len(names) or not all(map(str.isprintable, names))):
            raise ValueError("the names must differ and be printable")
        return names

    @field_validator("headerless")
    @classmethod
    def _check_headerless(cls, written: str | None) -> str | None:
        return None if written is None else str(Headerless.parse(written))

    @property
    def decode_options(self) -> DecodeOptions:
        """The options of decoding."""
        return DecodeOptions(
            channels=self.channels,
            track=self.track if isinstance(self.track, int) else None,
            headerless=Headerless.parse(self.headerless) if self.headerless is not None else None,
        )

    @classmethod
    def of(cls, **values: Any) -> Self:  # noqa: ANN401 - one value per field
        """Creates options from values that a user entered.

        Raises:
            RequestError: a value is out of range, or a label is unknown.
        """
        try:
            return cls(**values)
        except ValidationError as err:
            raise _request_error(err) from err


class RecognizeOptions(AnalysisOptions):
    """Options of a recognition that writes a run folder.

    Attributes:
        extract_embedding: whether ``embedding.npy`` is written: ``(dim,)``, or ``(frames, dim)`` with frame scores.
        title: a name for the result, which the downloads of the page carry; None: the name of the recording is used.
    """

    extract_embedding: bool = Field(default=False, description="Whether `embedding.npy` is written.")
    title: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TITLE,
        description="A name for the result. It is a key of the result, and the page's downloads are named after it.",
        examples=["Class 3, second reading"],
    )

    @field_validator("title")
    @classmethod
    def _check_title(cls, title: str | None) -> str | None:
        if title is not None and not (title.isprintable() and title.strip()):
            raise ValueError("the title must be printable")
        return title


def parse_labels(names: str | Sequence[str]) -> tuple[Emotion, ...]:
    """Parses one or several lists such as ``angry,happy``; returns the emotions in the order of ``Emotion``.

    Raises:
        RequestError: a name is unknown, or there is none.
    """
    names = names if isinstance(names, str) else ",".join(names)
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in emotion_names()]
    if unknown or not wanted:
        found = ", ".join(unknown) or f"'{names}'"
        raise RequestError("request.unknown_labels", found=found, expected=", ".join(emotion_names()))
    return tuple(emotion for emotion in Emotion if emotion.value in wanted)


def emotion_names() -> list[str]:
    """Returns the names of the nine emotions, in the order of ``Emotion``."""
    return [emotion.value for emotion in Emotion]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.replace("\uff0c", ",").split(",")]


def _request_error(error: ValidationError) -> RequestError:
    """Converts the first validation error to an error with a message for users."""
    fault = error.errors(include_url=False)[0]
    field, found = str(fault["loc"][0]) if fault["loc"] else "", fault["input"]
    if field == "labels":
        shown = ", ".join(map(str, found)) if isinstance(found, list | tuple) else str(found)
        return RequestError("request.unknown_labels", found=shown or "''", expected=", ".join(emotion_names()))
    if field == "track":
        return RequestError("request.bad_track", found=found, expected_max=MAX_TRACK)
    if field == "headerless":
        return RequestError("request.bad_headerless", found=found, expected=", ".join(RawCodec))
    if field == "channels":
        return RequestError("request.bad_channels", found=found, expected=", ".join(ChannelMode))
    if field == "channel_names":
        shown = ", ".join(map(str, found)) if isinstance(found, list | tuple) else str(found)
        return RequestError(
            "request.bad_channel_names", found=shown, expected_max=MAX_SEPARATE_CHANNELS, characters=MAX_NAME
        )
    if field == "title":
        return RequestError("request.bad_title", found=found, expected_max=MAX_TITLE)
    if field in {"window_s", "hop_s"}:
        return RequestError("request.smoothing_range", found=found, expected=MAX_SMOOTHING_S)
    if field == "max_segment_s":
        return RequestError(
            "request.bad_segment_s", found=found, expected_min=MIN_MAX_SEGMENT_S, expected_max=MAX_MAX_SEGMENT_S
        )
    return RequestError("api.bad_request", reason=reason_of([fault]))
