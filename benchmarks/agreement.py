"""How much lower precisions differ from fp32 on real speech: in the scores, and in the predicted emotion."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.contenders import whole
from benchmarks.tables import Table
from tests.support.checkpoints import make_clip
from webui.arrays import FloatArray
from webui.audio.decode import DecodeLimits, decode
from webui.engine.protocol import EmotionModel
from webui.engine.registry import LARGE, ModelRegistry
from webui.settings import PROJECT_DIR, Device, Engine, Precision, Settings

SPEECH: Final = PROJECT_DIR.parent / "shared" / "data" / "speech"  # not part of the repository
CLIPS: Final = 40
_LIMITS: Final = DecodeLimits(max_bytes=100_000_000, max_duration_s=60.0)


def measure(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields one row per precision of the ONNX engine, compared with the native engine in fp32."""
    del rounds  # every round would give the same numbers
    name, clips = speech(2 if quick else CLIPS)
    exact = ModelRegistry(Settings(models_dir=models_dir, device=Device.CPU)).load(LARGE)
    references = [_scores(exact, clip) for clip in clips]
    classes = len({int(fp32.argmax()) for fp32 in references})
    rows = []
    for precision in (Precision.FP32, Precision.INT8):
        settings = Settings(models_dir=models_dir, engine=Engine.ONNX, precision=precision)
        model = ModelRegistry(settings).load(LARGE)
        scores = [_scores(model, clip) for clip in clips]
        gaps = [float(np.abs(onnx - fp32).max()) for onnx, fp32 in zip(scores, references, strict=True)]
        same = np.mean([onnx.argmax() == fp32.argmax() for onnx, fp32 in zip(scores, references, strict=True)])
        rows.append((f"onnx {precision.value}", f"{np.median(gaps):.1e}", f"{max(gaps):.1e}", f"{same:.1%}"))
    margin = float(np.median([np.diff(np.sort(fp32))[-1] for fp32 in references]))
    remark = (
        f"{classes} emotions occur; the highest score exceeds the second by {margin:.2f} (median). With random weights"
        " all real clips have similar features, so the classifier of a random checkpoint turns small differences of the"
        " features into large differences of the scores: `bash run.sh verify NAME --precision int8` gives the figures"
        " for trained weights."
    )
    columns = ("engine", "median score difference", "largest", "same emotion")
    yield Table(f"{len(clips)} clips of {name}, compared with native fp32", columns, tuple(rows), (remark,))


def speech(count: int) -> tuple[str, list[FloatArray]]:
    """Returns a description of the clips and ``count`` waveforms ``(samples,)``: real speech if there are corpora."""
    manifest = SPEECH / "manifest.csv"
    if not manifest.is_file():
        return "synthetic sound", [make_clip(number, 2.0) for number in range(count)]
    with manifest.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = random.Random(1).sample(rows, count)
    return "real speech", [decode(SPEECH / row["path"], limits=_LIMITS).waveform for row in chosen]


def _scores(model: EmotionModel, clip: FloatArray) -> FloatArray:
    logits = model.predict([whole(clip)])[0].logits.mean(axis=0, dtype=np.float64)
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), dtype=np.float32)
