"""The request bodies in the OpenAPI description: each can be sent as a form with uploads or as JSON.

The routes read the body themselves, so FastAPI cannot derive the schemas from their parameters.
"""

from typing import Any, Final

from webui.api.documents import JobRequest, RecognizeRequest
from webui.api.request_data import AUDIO_FIELD
from webui.api.sources import SOURCES

_FILE: Final = {"type": "string", "format": "binary"}


def recognize_request_body() -> dict[str, Any]:
    """Returns the body of a request to recognize one recording."""
    schema = inlined(RecognizeRequest.model_json_schema())
    fields = {name: field for name, field in schema["properties"].items() if name not in SOURCES}
    audio = {**_FILE, "description": "Audio in any format."}
    example = {"audio_path": "/uploads/user_123/audio.mp3", "granularity": "utterance", "extract_embedding": True}
    return _request_body(schema, audio, fields, example)


def job_request_body() -> dict[str, Any]:
    """Returns the body of a request to recognize many recordings."""
    schema = inlined(JobRequest.model_json_schema())
    fields = {name: field for name, field in schema["properties"].items() if not name.startswith("audio_")}
    audio = {"type": "array", "items": _FILE, "description": "Audio files, any number."}
    example = {"audio_paths": ["/uploads/a.mp3", "/uploads/b.wav"], "granularity": "utterance"}
    return _request_body(schema, audio, fields, example)


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a JSON schema with each reference replaced by its definition: OpenAPI keeps definitions elsewhere."""
    defs = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(part, dict):
            if "$ref" in part:
                others = {name: value for name, value in part.items() if name != "$ref"}
                return {**resolve(defs[part["$ref"].rsplit("/", 1)[-1]]), **others}
            return {name: resolve(value) for name, value in part.items()}
        return [resolve(item) for item in part] if isinstance(part, list) else part

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _request_body(
    schema: dict[str, Any], audio: dict[str, Any], fields: dict[str, Any], example: dict[str, Any]
) -> dict[str, Any]:
    upload = {"type": "object", "required": [AUDIO_FIELD], "properties": {AUDIO_FIELD: audio, **fields}}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": upload},
            "application/json": {"schema": schema, "example": example},
        },
    }
