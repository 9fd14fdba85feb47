"""What goes over the wire besides the result document."""

from typing import Annotated

from pydantic import Field, field_validator

from webui.labels import Emotion
from webui.results import Document, Granularity, RecognitionResult
from webui.service.options import MAX_SEGMENT_S, MIN_MAX_SEGMENT_S
from webui.settings import Precision


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
    window_s: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Frame scores: seconds per row.")
    hop_s: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Frame scores: seconds between rows.")
    labels: tuple[Emotion, ...] | None = Field(
        default=None,
        min_length=1,
        description="The emotions that share the scores, the others being left out of the softmax; all nine by "
        "default. In a form: names with commas between them.",
        examples=[["angry", "happy", "neutral", "sad"]],
    )
    max_segment_s: Annotated[float, Field(ge=MIN_MAX_SEGMENT_S)] = Field(
        default=MAX_SEGMENT_S, description="Segments: a longer stretch of speech is cut, at a pause if it has one."
    )
    merge_segments: bool = Field(default=False, description="Segments: join neighbours of the same emotion.")
    raw_frames: bool = Field(default=False, description="Frame scores: a row per model frame, not smoothed.")

    @field_validator("labels", mode="before")
    @classmethod
    def _split_labels(cls, value: object) -> object:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


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
