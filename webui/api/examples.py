"""Example responses in the OpenAPI description."""

from typing import Any, Final

from webui.labels import Emotion

_RESULT: Final = "outputs_20260101_120000.AbCdEfGhIjKlMnOpQrStUv"
_JOB: Final = "5f0c6b7c1f0a4b55a5a3a1f7d1f0c9be"
RECOGNIZED: Final[dict[str, Any]] = {
    "emotion": "happy",
    "confidence": 0.853,
    "scores": {
        "angry": 0.012,
        "disgusted": 0.008,
        "fearful": 0.015,
        "happy": 0.853,
        "neutral": 0.045,
        "other": 0.023,
        "sad": 0.018,
        "surprised": 0.021,
        "unknown": 0.005,
    },
    "granularity": "utterance",
    "timestamp": "2026-01-01 12:00:00",
    "created_utc": "2026-01-01T11:00:00Z",
    "model": {
        "name": "emotion2vec_plus_large",
        "engine": "native",
        "precision": "fp32",
        "device": "cpu",
        "labels": [emotion.value for emotion in Emotion],
        "license": "FunASR MODEL_LICENSE v1.1 (see the model's page)",
    },
    "source": {
        "file_name": "call_17.mp3",
        "size_bytes": 17136,
        "duration_s": 3.65,
        "sample_rate_hz": 16000,
        "channels": 1,
        "format": "mp3/mp3",
    },
    "timing": {"decode_s": 0.012, "inference_s": 0.541},
    "embedding": {"file": "embedding.npy", "shape": [1024]},
    "warnings": [],
    "id": _RESULT,
    "kept": True,
    "links": {"result.json": f"/api/v1/results/{_RESULT}/result.json"},
}
JOB: Final[dict[str, Any]] = {
    "id": _JOB,
    "created": "2026-01-01 12:00:00",
    "created_utc": "2026-01-01T11:00:00Z",
    "state": "running",
    "finished": False,
    "total": 3,
    "waiting": 1,
    "running": 1,
    "done": 1,
    "failed": 0,
    "cancelled": 0,
    "failures": [],
    "links": {"csv": f"/api/v1/jobs/{_JOB}/results?format=csv"},
}


def example_response(status: int, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Returns the ``responses`` entry of a route that shows an example of the response with ``status``."""
    return {status: {"content": {"application/json": {"example": example}}}}
