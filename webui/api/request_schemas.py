"""The request bodies in the OpenAPI description: each can be sent as a form with uploads or as JSON.

The routes read the body themselves, so FastAPI cannot derive the schemas from their parameters. The schemas have names
(`RecognizeUpload`, `RecognizeRequest`, ...), which become the names of classes in generated clients.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from webui.api.documents import JobRequest, RecognizeRequest
from webui.api.request_data import AUDIO_FIELD
from webui.api.sources import SOURCES

REFERENCE: Final = "#/components/schemas/{model}"
RECOGNIZE_UPLOAD: Final = "RecognizeUpload"
JOB_UPLOAD: Final = "JobUpload"
_FILE: Final = {"type": "string", "format": "binary"}


def _request_body(upload: str, document: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"$ref": REFERENCE.format(model=upload)}},
            "application/json": {"schema": {"$ref": REFERENCE.format(model=document)}, "example": example},
        },
    }


RECOGNIZE_BODY: Final = _request_body(
    RECOGNIZE_UPLOAD,
    RecognizeRequest.__name__,
    {"audio_path": "/uploads/user_123/audio.mp3", "granularity": "utterance", "extract_embedding": True},
)
JOB_BODY: Final = _request_body(
    JOB_UPLOAD,
    JobRequest.__name__,
    {"audio_paths": ["/uploads/a.mp3", "/uploads/b.wav"], "granularity": "utterance"},
)


def request_schemas() -> dict[str, dict[str, Any]]:
    """Returns the schemas of the request bodies and of what they refer to, by name."""
    documents = [(RecognizeRequest, "validation"), (JobRequest, "validation")]
    _, generated = models_json_schema(documents, ref_template=REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, dict[str, Any]] = generated["$defs"]
    one = {**_FILE, "description": "Audio in any format."}
    several = {"type": "array", "items": _FILE, "description": "Audio files, any number."}
    return schemas | {
        RECOGNIZE_UPLOAD: _upload(RECOGNIZE_UPLOAD, schemas[RecognizeRequest.__name__], one, left_out=SOURCES),
        JOB_UPLOAD: _upload(JOB_UPLOAD, schemas[JobRequest.__name__], several, left_out=("audio_paths", "audio_urls")),
    }


def _upload(title: str, document: dict[str, Any], audio: dict[str, Any], *, left_out: Iterable[str]) -> dict[str, Any]:
    """Returns the schema of a form: the fields of a JSON document, and the audio instead of its sources."""
    fields = {name: _form_field(field) for name, field in document["properties"].items() if name not in left_out}
    return {
        "title": title,
        "type": "object",
        "description": document["description"],
        "required": [AUDIO_FIELD],
        "properties": {AUDIO_FIELD: audio, **fields},
        "additionalProperties": False,
    }


def _form_field(field: dict[str, Any]) -> dict[str, Any]:
    """Returns a field without null, which a form does not have: a field without a value is left out."""
    if "anyOf" not in field:
        return field
    kinds = [kind for kind in field["anyOf"] if kind != {"type": "null"}]
    others = {name: value for name, value in field.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**others, **kinds[0]} if len(kinds) == 1 else {**others, "anyOf": kinds}
