"""The documents of requests and responses, except the result document."""

from enum import StrEnum
from typing import Any, Final

from pydantic import AwareDatetime, Field

from webui.results import Document, Notice, RecognitionResult, fields_of
from webui.service.recognition.effect import check_effect
from webui.service.recognition.options import RecognizeOptions
from webui.storage.job_callbacks import CallbackState
from webui.storage.job_records import ItemState, JobState


class RecognizeRequest(RecognizeOptions):
    """A request to recognize one recording. An upload has the same fields as form fields, and the file as `audio`."""

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
    audio_base64: str | None = Field(
        default=None,
        description="The bytes of an audio file in base64, with or without line breaks and a data: prefix.",
    )
    file_name: str | None = Field(default=None, max_length=255, description="Name of the audio in the result.")
    inline_embedding: bool = Field(
        default=False, description="Whether the response also contains the embedding; not for granularity `frame`."
    )

    keep: bool | None = Field(
        default=None,
        description="Whether the server keeps the recording and the result, until they are deleted. If false, it only "
        "returns the result. The default is the server's setting SPEECH_EMOTION_KEEP_RESULTS.",
    )

    def options(self) -> RecognizeOptions:
        """Returns the options of the recognition.

        Raises:
            RequestError: options would have no effect.
        """
        check_effect(self)
        values = fields_of(self, RecognizeOptions)
        return RecognizeOptions(**values | {"extract_embedding": self.extract_embedding or self.inline_embedding})


class JobRequest(RecognizeOptions):
    """A request to recognize many recordings. Uploads have the same fields as form fields, and the files as `audio`."""

    extract_embedding: bool = Field(
        default=False,
        description="Whether the embeddings of all recordings are kept, to be fetched as one array: "
        "/api/v1/jobs/{id}/embedding. All are from the model that recognized the first one.",
    )
    audio_paths: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Files on the server, under its SPEECH_EMOTION_AUDIO_ROOTS."
    )
    audio_urls: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Addresses of audio files, if the server's settings allow them."
    )

    callback_url: str | None = Field(
        default=None,
        max_length=4096,
        description="An http or https address that gets the job's document in a signed POST when the job has finished; "
        "only on servers that have SPEECH_EMOTION_AUDIO_URLS and SPEECH_EMOTION_CALLBACK_SECRET set.",
    )

    def options(self) -> RecognizeOptions:
        """Returns the options of every recording.

        Raises:
            RequestError: options would have no effect.
        """
        check_effect(self)
        return RecognizeOptions(**fields_of(self, RecognizeOptions))


_DEPRECATED: Final[dict[str, Any]] = {"deprecated": True}


class Page(Document):
    """A part of a list; `items` are its entries."""

    total: int = Field(description="Number of entries of the whole list.")
    offset: int = Field(description="Number of entries before the first of `items`.")
    limit: int = Field(description="Maximum number of `items`.")


class FailedItem(Document):
    """A recording of a job that could not be recognized."""

    id: str = Field(description="Id of the recording.")
    path: str = Field(description="The path, URL or file name as it was given.")
    code: str
    message: str


class JobRecording(Document):
    """One recording of a job."""

    id: str = Field(description="Id of the recording: the id of the job, a dot, and `number`.")
    number: int = Field(description="Place of the recording in the request, from 0.")
    path: str = Field(description="The path, URL or file name as it was given.")
    state: ItemState = Field(description="waiting, then running, then done, failed or cancelled.")
    error: Notice | None = Field(default=None, description="Why the recording failed.")


class JobRecordingPage(Page):
    """Recordings of a job, in the order of the request."""

    items: tuple[JobRecording, ...]


class CallbackDocument(Document):
    """The call to a job's `callback_url`."""

    host: str = Field(description="Scheme, host and port of the address; the rest may be secret.")
    state: CallbackState = Field(
        description="waiting for the end of the job or for the next attempt, delivered, or failed for good."
    )
    attempts: int = Field(description="Number of calls so far.")
    error: Notice | None = Field(default=None, description="Why the last call failed.")


class JobDocument(Document):
    """The current state of a job."""

    id: str
    created: str = Field(description="Local time, `YYYY-MM-DD HH:MM:SS`.")
    created_utc: AwareDatetime | None = Field(
        default=None, description="The same time in UTC (ISO 8601); absent for jobs of earlier versions."
    )
    state: JobState = Field(
        description="running; stopping (cancelled, while the last recordings end); then, for good: done (at least one "
        "recording was recognized), failed (none was) or cancelled."
    )
    finished: bool = Field(description="Whether the state is done, failed or cancelled.")
    total: int
    waiting: int
    running: int
    done: int
    failed: int
    cancelled: int
    notice: str | None = Field(
        default=None, description="Why the job is paused: the caller has used up the audio allowed per hour."
    )
    callback: CallbackDocument | None = Field(default=None, description="Only with `callback_url`.")
    failures: tuple[FailedItem, ...] = Field(description="Failed recordings, at most 100; the results list them all.")
    links: dict[str, str] = Field(description="URLs of the results, by format, and of the embeddings.")


class JobPage(Page):
    """Jobs, newest first."""

    items: tuple[JobDocument, ...]
    jobs: tuple[JobDocument, ...] = Field(
        description="The same as `items`, for older programs.", json_schema_extra=_DEPRECATED
    )


class RecognizedAudio(RecognitionResult):
    """The content of `result.json`, links to the files, and the embedding if it was requested."""

    id: str | None = Field(
        default=None, description="Id of the result, for /api/v1/results/{id}; absent if it was not kept."
    )
    kept: bool = Field(description="Whether the recording and the result were kept on the server.")
    links: dict[str, str] = Field(description="URL of each file, by its name; empty if the result was not kept.")
    embedding_values: tuple[float, ...] | None = Field(default=None, description="Only with inline_embedding.")


class ListedResult(Document):
    """One result in a list."""

    id: str
    timestamp: str = Field(description="Local time, `YYYY-MM-DD HH:MM:SS`.")
    created_utc: AwareDatetime | None = Field(
        default=None, description="The same time in UTC (ISO 8601); absent for results of earlier versions."
    )
    file_name: str
    emotion: str
    confidence: float
    model: str
    links: dict[str, str]


class ResultPage(Page):
    """Results, newest first."""

    items: tuple[ListedResult, ...]
    results: tuple[ListedResult, ...] = Field(
        description="The same as `items`, for older programs.", json_schema_extra=_DEPRECATED
    )


class ListedModel(Document):
    """One model."""

    name: str
    ready: bool = Field(description="Whether it can be loaded without the network.")
    engine: str
    license: str
    size_bytes: int


class ModelsDocument(Document):
    """The models, and the one that `auto` currently selects."""

    models: tuple[ListedModel, ...]
    answering: str | None = Field(description="The model for requests that name none; null while there is none.")
    verified: bool | None = Field(description="Whether its scores were verified against upstream's on this machine.")
    notice: str | None = Field(description="Why the large model is not in use, if it is not.")


class ServerState(StrEnum):
    """State of the server: `ok` if only its process was checked."""

    OK = "ok"
    READY = "ready"
    LOADING = "loading"
    STOPPING = "stopping"


class Health(Document):
    """The state of the server: whether its process runs, or whether it is ready."""

    status: ServerState
