"""What goes over the wire besides the result document."""

from pydantic import Field

from webui.results import Document, RecognitionResult, fields_of
from webui.service.recognition.options import AnalysisOptions, RecognizeOptions


class RecognizeRequest(RecognizeOptions):
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
    inline_embedding: bool = Field(
        default=False, description="Whether the answer holds the embedding itself too; only for utterances."
    )

    def options(self) -> RecognizeOptions:
        """Returns the options of the recognition."""
        values = fields_of(self, RecognizeOptions)
        return RecognizeOptions(**values | {"extract_embedding": self.extract_embedding or self.inline_embedding})


class JobRequest(AnalysisOptions):
    """What can be asked of many recordings. Uploads give the same fields as form fields, and the files as `audio`."""

    audio_paths: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Files on the server, under its SPEECH_EMOTION_AUDIO_ROOTS."
    )
    audio_urls: tuple[str, ...] | None = Field(
        default=None, max_length=10_000, description="Addresses, where the server's setting allows them."
    )

    def options(self) -> AnalysisOptions:
        """Returns the options of every recording."""
        return AnalysisOptions(**fields_of(self, AnalysisOptions))


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
        default=None, description="Why none of it is done at the moment: the caller's audio of this hour is used up."
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
