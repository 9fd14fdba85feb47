"""What goes over the wire besides the result document."""

from typing import Annotated

from pydantic import Field, field_validator

from webui.labels import Emotion
from webui.results import Document, Granularity, RecognitionResult
from webui.service.options import MAX_MAX_SEGMENT_S, MAX_SEGMENT_S, MIN_MAX_SEGMENT_S
from webui.settings import MAX_SMOOTHING_S, Precision

SmoothingSeconds = Annotated[float, Field(gt=0, le=MAX_SMOOTHING_S)]
SegmentSeconds = Annotated[float, Field(ge=MIN_MAX_SEGMENT_S, le=MAX_MAX_SEGMENT_S)]


def split_labels(value: object) -> object:
    """Returns the names of ``angry,happy`` one by one; anything else as it is."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class RecognizeRequest(Document):
    """What can be asked of one recognition. An upload gives the same fields as form fields, and the file as `audio`."""

    audio_path: str | None = Field(
        default=None,
        description="A file on the server, under one of its SPEECH_EMOTION_AUDIO_ROOTS.",
        examples=["/uploads/user_123/audio.mp3"],
    )
    audio_url: str | None = Field(
        default=None,
        max_length=4096,
        description="A public http or https address, fetched by a server that has SPEECH_EMOTION_AUDIO_URLS set.",
    )
    audio_base64: str | None = Field(default=None, description="The bytes of an audio file in standard base64.")
    file_name: str | None = Field(default=None, max_length=255, description="The name that the result gives the audio.")
    granularity: Granularity = Granularity.UTTERANCE
    extract_embedding: bool = Field(default=False, description="Whether `embedding.npy` is made.")
    inline_embedding: bool = Field(
        default=False, description="Whether the answer holds the embedding itself too; only for utterances."
    )
    model: str | None = Field(
        default=None, description="`auto` or a name that /api/v1/models lists; a named model is that model or an error."
    )
    precision: Precision | None = Field(
        default=None, description="Of an Emotion2Vec model; the result names it. By default the server's setting."
    )
    window_s: SmoothingSeconds | None = Field(default=None, description="Frame scores: seconds per row.")
    hop_s: SmoothingSeconds | None = Field(default=None, description="Frame scores: seconds between rows.")
    labels: tuple[Emotion, ...] | None = Field(
        default=None,
        min_length=1,
        description="The emotions that share the scores, the others being left out of the softmax; all nine by "
        "default. In a form: names with commas between them.",
        examples=[["angry", "happy", "neutral", "sad"]],
    )
    max_segment_s: SegmentSeconds = Field(
        default=MAX_SEGMENT_S, description="Segments: a longer stretch of speech is cut, at a pause if it has one."
    )
    merge_segments: bool = Field(default=False, description="Segments: join neighbours of the same emotion.")
    raw_frames: bool = Field(default=False, description="Frame scores: a row per model frame, not smoothed.")

    @field_validator("labels", mode="before")
    @classmethod
    def _split_labels(cls, value: object) -> object:
        return split_labels(value)


class JobRequest(Document):
    """What can be asked of many recordings. Uploads give the same fields as form fields, and the files as `audio`."""

    audio_paths: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Files on the server, under its SPEECH_EMOTION_AUDIO_ROOTS."
    )
    audio_urls: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Addresses, where the server's setting allows them."
    )
    granularity: Granularity = Granularity.UTTERANCE
    model: str | None = Field(default=None, description="`auto` or a name that /api/v1/models lists.")
    precision: Precision | None = Field(default=None, description="Of an Emotion2Vec model.")
    labels: tuple[Emotion, ...] | None = Field(
        default=None, min_length=1, description="The emotions that share the scores; all nine by default."
    )
    max_segment_s: SegmentSeconds = Field(default=MAX_SEGMENT_S)
    merge_segments: bool = False

    @field_validator("labels", mode="before")
    @classmethod
    def _split_labels(cls, value: object) -> object:
        return split_labels(value)


class FailedItem(Document):
    """A recording of a job that has no answer."""

    path: str = Field(description="As it was given.")
    code: str
    message: str


class JobDocument(Document):
    """A job as it stands."""

    id: str
    created: str = Field(description="Local time, `YYYY-MM-DD HH:MM:SS`.")
    state: str = Field(description="running, stopping, cancelled or done")
    total: int
    waiting: int
    running: int
    done: int
    failed: int
    cancelled: int
    notice: str | None = Field(
        description="Why none of it is done at the moment: the caller's audio of this hour is used up, for instance."
    )
    failures: tuple[FailedItem, ...] = Field(description="What failed, at most 100; the results have them all.")
    links: dict[str, str] = Field(description="Addresses of the results, by format.")


class JobPage(Document):
    """Jobs, newest first."""

    jobs: tuple[JobDocument, ...]
    total: int
    offset: int
    limit: int


class RecognizedAudio(RecognitionResult):
    """The document of `result.json`, where its files can be fetched, and the embedding if it was asked for."""

    id: str = Field(description="Of the result, for /api/v1/results/{id}.")
    links: dict[str, str] = Field(description="Address of each file, by its name.")
    embedding_values: tuple[float, ...] | None = Field(default=None, description="Only with inline_embedding.")


class ListedResult(Document):
    """One result in a list."""

    id: str
    timestamp: str = Field(description="Local time, `YYYY-MM-DD HH:MM:SS`.")
    file_name: str
    emotion: str
    confidence: float
    model: str
    links: dict[str, str]


class ResultPage(Document):
    """Results, newest first."""

    results: tuple[ListedResult, ...]
    total: int = Field(description="How many there are in all.")
    offset: int
    limit: int


class ListedModel(Document):
    """One model."""

    name: str
    ready: bool = Field(description="Whether it can be loaded without the network.")
    engine: str
    license: str
    size_bytes: int


class ModelsDocument(Document):
    """The models, and which one answers `auto` now."""

    models: tuple[ListedModel, ...]
    answering: str | None = Field(description="Who answers a request that names no model; null while nobody can.")
    verified: bool | None = Field(description="Whether its numbers were found to be upstream's on this machine.")
    notice: str | None = Field(description="Why the large model doesn't answer, if it doesn't.")


class Health(Document):
    """Whether the server lives, or can answer."""

    status: str
