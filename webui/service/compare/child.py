"""Runs one model in its own process, so that its memory and start-up time can be measured.

``python -m webui.service.compare.child`` reads and writes lines of JSON: the first line on stdin names the model, each
further line is a request. The process ends when its stdin is closed. Output of libraries goes to stderr.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from webui.errors import first_line
from webui.service.machine import peak_resident_mb, resident_mb
from webui.units import BYTES_PER_MB

STARTED: Final = time.perf_counter()


def main() -> None:
    """Loads the model, describes it, and replies to requests until stdin is closed."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print to stdout

    def reply(document: dict[str, Any]) -> None:
        out.write(json.dumps(document) + "\n")
        out.flush()

    first = json.loads(sys.stdin.readline())
    try:
        worker = _Worker(first["name"], first["settings"])
        reply(worker.about())
    except Exception as err:  # noqa: BLE001 - a model that can't be loaded is reported in the tables
        reply({"error": first_line(err)})
        return
    for line in sys.stdin:
        try:
            reply(worker.handle(json.loads(line)))
        except Exception as err:  # noqa: BLE001 - a clip that can't be processed is reported as well
            reply({"error": first_line(err)})


class _Worker:
    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        from webui.engine.registry import ModelRegistry
        from webui.settings import Settings

        registry = ModelRegistry(Settings(**settings))
        started = time.perf_counter()
        self._model = registry.load(name)
        self._load_s = time.perf_counter() - started
        self._start_s = time.perf_counter() - STARTED
        (self._listing,) = [listing for listing in registry.listings() if listing.name == name]

    def about(self) -> dict[str, Any]:
        """Returns a description of the model, with the time and memory that loading it took."""
        model = self._model
        return {
            "info": model.info.model_dump(mode="json"),
            "emotions": [emotion.value if emotion is not None else None for emotion in model.labels.emotions],
            "embedding_dim": model.embedding_dim,
            "sample_rate": model.sample_rate,
            "frame_rate": model.frame_rate,
            "size_mb": self._listing.size_bytes / BYTES_PER_MB,
            "load_s": self._load_s,
            "start_s": self._start_s,
            "loaded_mb": resident_mb(),
        }

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the reply to one request."""
        if request["do"] == "time":
            return self._time(float(request["seconds"]))
        if request["do"] == "answer":
            return self._recognize(Path(request["samples"]))
        return {"peak_mb": peak_resident_mb(), "gpu_peak_mb": _gpu_peak_mb(self._model.info.device)}

    def _time(self, seconds: float) -> dict[str, Any]:
        import numpy as np

        from webui.service.recognition.windows import predict_recording

        samples = round(seconds * self._model.sample_rate)
        noise = np.random.default_rng(0).normal(scale=0.1, size=samples).astype(np.float32)
        started = time.perf_counter()
        predict_recording(self._model, noise)
        return {"seconds": time.perf_counter() - started}

    def _recognize(self, path: Path) -> dict[str, Any]:
        import numpy as np

        from webui.service.recognition.embedding import FeatureMean
        from webui.service.recognition.scores import emotion_scores
        from webui.service.recognition.windows import predict_recording

        waveform = np.fromfile(path, dtype=np.float32)  # written by ``DecodedClip``
        mean = FeatureMean(self._model.embedding_dim)
        started = time.perf_counter()
        recording = predict_recording(self._model, waveform, on_features=mean.add)
        elapsed_s = time.perf_counter() - started
        scores = emotion_scores(recording.logits.mean(axis=0, dtype=np.float64), self._model)
        return {
            "scores": scores.tolist(),
            "embedding": mean.mean().tolist(),
            "seconds": elapsed_s,
            "audio_s": len(waveform) / self._model.sample_rate,
        }


def _gpu_peak_mb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated() / BYTES_PER_MB


if __name__ == "__main__":
    main()
