"""One model in a process of its own, for its memory and the time of its start: ``python -m ...compare.child``.

Speaks JSON, a line at a time: the first line on stdin says which model, every further one asks something. It ends with
its stdin. What the libraries print goes to stderr.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from webui.errors import first_line
from webui.units import BYTES_PER_MB, SPEECH_RATE

STARTED: Final = time.perf_counter()


def main() -> None:
    """Loads, says what is loaded, and answers until nobody asks."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the libraries' remarks

    def say(document: dict[str, Any]) -> None:
        out.write(json.dumps(document) + "\n")
        out.flush()

    asked = json.loads(sys.stdin.readline())
    try:
        worker = _Worker(asked["name"], asked["settings"])
        say(worker.about())
    except Exception as err:  # noqa: BLE001 - a model that can't be had is a row of the tables
        say({"error": first_line(err)})
        return
    for line in sys.stdin:
        try:
            say(worker.answer(json.loads(line)))
        except Exception as err:  # noqa: BLE001 - and so is a clip
            say({"error": first_line(err)})


class _Worker:
    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        from webui.engine.registry import ModelRegistry
        from webui.settings import Settings

        self._settings = Settings(**settings)
        registry = ModelRegistry(self._settings)
        before_mb = _resident_mb("VmRSS")
        started = time.perf_counter()
        self._model = registry.load(name)
        self._load_s = time.perf_counter() - started
        self._start_s = time.perf_counter() - STARTED
        self._before_mb = before_mb
        (self._status,) = [status for status in registry.statuses() if status.name == name]

    def about(self) -> dict[str, Any]:
        """What is loaded, and what that took."""
        model = self._model
        return {
            "info": model.info.model_dump(mode="json"),
            "emotions": [emotion.value if emotion is not None else None for emotion in model.labels.emotions],
            "embedding_dim": model.embedding_dim,
            "frame_rate": model.frame_rate,
            "size_mb": self._status.size_bytes / BYTES_PER_MB,
            "load_s": self._load_s,
            "start_s": self._start_s,
            "loaded_mb": _resident_mb("VmRSS"),
        }

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answers one question."""
        if asked["do"] == "time":
            return self._time(float(asked["seconds"]))
        if asked["do"] == "answer":
            return self._recognize(Path(asked["path"]))
        return {"peak_mb": _resident_mb("VmHWM"), "gpu_peak_mb": _gpu_peak_mb(self._model.info.device)}

    def _time(self, seconds: float) -> dict[str, Any]:
        import numpy as np

        from webui.service.recognition.windows import predict_recording

        noise = np.random.default_rng(0).normal(scale=0.1, size=round(seconds * SPEECH_RATE)).astype(np.float32)
        started = time.perf_counter()
        predict_recording(self._model, noise)
        return {"seconds": time.perf_counter() - started}

    def _recognize(self, path: Path) -> dict[str, Any]:
        import numpy as np

        from webui.audio.decode import decode
        from webui.audio.limits import DecodeLimits
        from webui.service.recognition.embedding import FeatureMean
        from webui.service.recognition.scores import emotion_scores
        from webui.service.recognition.windows import predict_recording

        limits = DecodeLimits(int(self._settings.max_audio_mb * BYTES_PER_MB), self._settings.max_audio_s)
        waveform = decode(path, limits=limits).waveform
        mean = FeatureMean(self._model.embedding_dim)
        started = time.perf_counter()
        joined = predict_recording(self._model, waveform, on_features=mean.add)
        elapsed_s = time.perf_counter() - started
        scores = emotion_scores(joined.logits.mean(axis=0, dtype=np.float64), self._model)
        return {"scores": scores.tolist(), "embedding": mean.mean().tolist(), "seconds": elapsed_s}


def _resident_mb(field: str) -> float | None:
    """Resident memory from the kernel, now (VmRSS) or at its highest (VmHWM); None where it doesn't say."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000


def _gpu_peak_mb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated() / BYTES_PER_MB


if __name__ == "__main__":
    main()
