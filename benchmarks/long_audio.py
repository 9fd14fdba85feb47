"""How much the scores of windows differ from those of the whole recording, and what hours of audio cost.

    python -m benchmarks.long_audio windows [--speech FOLDER] [--models builtin tiny large]
    python -m benchmarks.long_audio context [--speech FOLDER] [--models tiny large]
    python -m benchmarks.long_audio memory  [--speech FOLDER] [--models builtin tiny] [--hours 1 10]

Prints the tables of docs/LONG_AUDIO.md. ``tiny`` and ``large`` are Emotion2Vec with random weights: the same network in
tiny and in the published size. Any other name is a model on this machine, as for ``--model``.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np

from benchmarks.concatenated_speech import SYNTHETIC, concatenate, speech_clips, write_hours
from benchmarks.tables import write_line
from tests.support.checkpoints import LARGE, TINY, make_checkpoint
from webui.arrays import FloatArray
from webui.engine.builtin.family import BUILTIN
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.protocol import EmotionModel
from webui.engine.registry import ModelRegistry
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.machine import peak_resident_mb, resident_mb
from webui.service.recognition.scores import Smoothing, emotion_scores, smooth
from webui.service.recognition.windows import MAX_WINDOW_S, RecordingLogits, predict_recording
from webui.settings import PROJECT_DIR, Device, Settings
from webui.units import BYTES_PER_MB, SPEECH_RATE

KEPT_S: Final = (10.0, 20.0, 30.0, 60.0)  # longest part of a window that is used, between its contexts
RECORDINGS: Final = {"builtin": (4, 120.0), "tiny": (4, 120.0)}  # number per corpus, and length in seconds
FEW: Final = (1, 90.0)  # for a model in the published size
CONTEXTS_S: Final = (5.0, 3.0, 2.0, 1.5, 1.0, 0.5)
SIZES: Final = {"tiny": TINY, "large": LARGE}
NAME_OF_LARGE: Final = "emotion2vec_plus_large"
EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"


def main(arguments: list[str]) -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_audio", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["windows", "context", "memory", "child"])
    parser.add_argument("--speech", type=Path, default=PROJECT_DIR.parent / "shared" / "data" / "speech")
    parser.add_argument("--models", nargs="+", default=["builtin", "tiny"])
    parser.add_argument("--corpora", nargs="+", default=["emodb", "ravdess", "nemo"])
    parser.add_argument("--hours", nargs="+", type=float, default=[1.0, 10.0])
    parser.add_argument("--child", nargs=3, metavar=("MODEL", "FILE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.what == "child":
        _measure_one(options.child[0], Path(options.child[1]), Path(options.child[2]))
        return
    corpora = tuple(options.corpora) if (options.speech / "manifest.csv").is_file() else (SYNTHETIC,)
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "windows":
            compare_windows(options.models, options.speech, corpora, Path(folder))
        elif options.what == "context":
            compare_contexts(options.models, options.speech, corpora, Path(folder))
        else:
            measure_memory(options.models, options.hours, options.speech, corpora[0], Path(folder))


@dataclass(frozen=True, slots=True)
class _Reference:
    """Recordings, and their predictions in a single window each.

    Attributes:
        shape: number and length of the recordings, for the tables.
        recordings: waveforms ``(samples,)``.
        predictions: prediction of each recording.
        cpu_s: CPU time of all predictions.
    """

    shape: str
    recordings: list[FloatArray]
    predictions: list[RecordingLogits]
    cpu_s: float

    def compare(self, model: EmotionModel, window_s: float) -> str:
        """Returns the cells of a row: differences between windows and whole recordings, and their relative cost."""
        parts = [_predict(model, recording, window_s) for recording in self.recordings]
        pairs = list(zip(self.predictions, [part for part, _ in parts], strict=True))
        return f"{_differences(model, pairs)} | {sum(seconds for _, seconds in parts) / self.cpu_s:.2f}"


def _predict_whole(name: str, model: EmotionModel, speech: Path, corpora: tuple[str, ...]) -> _Reference:
    count, seconds = RECORDINGS.get(name, FEW)
    recordings = [
        concatenate(clips, seconds)
        for corpus in corpora
        for clips in [iter(speech_clips(speech, corpus))]
        for _ in range(count)
    ]
    predict_recording(model, recordings[0][: 20 * SPEECH_RATE])  # the first prediction is slower
    predicted = [_predict(model, recording, math.inf) for recording in recordings]
    shape = f"{len(recordings)} x {seconds:.0f} s"
    return _Reference(shape, recordings, [whole for whole, _ in predicted], sum(seconds for _, seconds in predicted))


def compare_windows(models: list[str], speech: Path, corpora: tuple[str, ...], folder: Path) -> None:
    """Prints, for each model and window length, how much the scores differ from those of the whole recording."""
    write_line("| model | recordings | window (kept) | utterance mean, max | same emotion | frames mean, 99 % | cost |")
    write_line("|---|---|---|---|---|---|---|")
    for name in models:
        model = load(name, folder)
        reference = _predict_whole(name, model, speech, corpora)
        for kept_s in KEPT_S:
            window_s = kept_s + 2 * model.context_samples / model.sample_rate
            cells = reference.compare(model, window_s)
            write_line(f"| {name} | {reference.shape} | {window_s:.1f} s ({kept_s:.0f}) | {cells} |")
        audio_s = sum(len(recording) for recording in reference.recordings) / SPEECH_RATE
        write_line(f"| {name} | {reference.shape} | whole | 0 | | | 1 = {reference.cpu_s / audio_s:.3f} CPU s per s |")


class _OtherContext:
    """A model with another context, so that its windows overlap by another amount."""

    def __init__(self, model: EmotionModel, seconds: float) -> None:
        self._model = model
        self.context_samples = round(seconds * model.sample_rate)

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)


def compare_contexts(models: list[str], speech: Path, corpora: tuple[str, ...], folder: Path) -> None:
    """Prints the differences of ``compare_windows`` for each model and context, with windows of ``MAX_WINDOW_S``."""
    write_line("| model | recordings | context | utterance mean, max | same emotion | frames mean, 99 % | cost |")
    write_line("|---|---|---|---|---|---|---|")
    for name in models:
        model = load(name, folder)
        reference = _predict_whole(name, model, speech, corpora)
        for seconds in CONTEXTS_S:
            cells = reference.compare(cast("EmotionModel", _OtherContext(model, seconds)), MAX_WINDOW_S)
            write_line(f"| {name} | {reference.shape} | {seconds:.1f} s | {cells} |")


def load(name: str, folder: Path) -> EmotionModel:
    """Loads the built-in model, or makes and loads Emotion2Vec with random weights in ``folder``."""
    settings = Settings(device=Device.CPU, models_dir=folder / "models")
    if name not in SIZES:
        return ModelRegistry(settings if name == BUILTIN else Settings(device=Device.CPU)).load(name)
    from webui.engine.emotion2vec.torch_model import load_torch_model

    directory = folder / name
    if not directory.exists():
        convert_checkpoint(directory, make_checkpoint(directory, SIZES[name], training=False), directory)
    return load_torch_model(name, directory, directory / "model.safetensors", license="none", device=Device.CPU)


def _predict(model: EmotionModel, recording: np.ndarray, window_s: float) -> tuple[RecordingLogits, float]:
    """Returns the prediction and its CPU time, which depends less on other programs than the elapsed time does."""
    clock = time.process_time()
    longest_s = min(window_s, len(recording) / SPEECH_RATE + 1)
    prediction = predict_recording(model, recording, window_s=longest_s)
    return prediction, time.process_time() - clock


def _differences(model: EmotionModel, pairs: list[tuple[RecordingLogits, RecordingLogits]]) -> str:
    smoothing = Smoothing.from_seconds(1.0, 0.2, frame_rate=model.frame_rate)
    totals, frames, same = [], [], 0
    for whole, part in pairs:
        before, after = (
            emotion_scores(logits.mean(axis=0, dtype=np.float64), model) for logits in (whole.logits, part.logits)
        )
        totals.append(np.abs(before - after).max())
        same += int(before.argmax() == after.argmax())
        curves = [emotion_scores(smooth(logits, smoothing).logits, model) for logits in (whole.logits, part.logits)]
        frames.append(np.abs(curves[0] - curves[1]).max(axis=1))
    frame_differences = np.concatenate(frames)
    return (
        f"{np.mean(totals):.5f}, {np.max(totals):.5f} | {same} of {len(pairs)} | "
        f"{frame_differences.mean():.4f}, {np.quantile(frame_differences, 0.99):.4f}"
    )


def measure_memory(models: list[str], hours: list[float], speech: Path, corpus: str, folder: Path) -> None:
    """Prints time and peak memory of complete runs (raw frames, frame embedding), each in its own process."""
    write_line("| model | audio | decoding | inference | all | CPU time | idle | peak over idle | result on disk |")
    write_line("|---|---|---|---|---|---|---|---|---|")
    for name in models:
        if name in SIZES:
            load(name, folder)
        for length in hours:
            path = folder / "long.wav"
            write_hours(path, length, speech, corpus)
            command = [sys.executable, "-m", "benchmarks.long_audio", "child", "--child", name, str(path), str(folder)]
            done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            write_line(
                f"| {name} | {length:g} h | {figures['decode_s']:.0f} s | {figures['inference_s']:.0f} s "
                f"| {figures['all_s']:.0f} s | {figures['cpu_s']:.0f} s | {figures['idle_mb']:.0f} MB "
                f"| {figures['peak_mb'] - figures['idle_mb']:.0f} MB | {figures['disk_mb']:.0f} MB |"
            )
            path.unlink()


def _measure_one(name: str, path: Path, folder: Path) -> None:
    """Recognizes one file and prints time, memory and disk usage as JSON."""
    with tempfile.TemporaryDirectory(dir=folder) as outputs:
        settings = Settings(outputs_dir=Path(outputs), device=Device.CPU, model=name)
        if name in SIZES:
            own = {"model": NAME_OF_LARGE, "model_dir": folder / name, "models_dir": folder / "models"}
            settings = settings.model_copy(update=own)
        service = RecognitionService(settings)
        service.recognize(EXAMPLE)  # loads the weights, which are read on first use
        idle_mb = resident_mb()
        clock, cpu_clock = time.perf_counter(), time.process_time()
        options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True, raw_frames=True)
        recognition = service.recognize(path, options)
        all_s = time.perf_counter() - clock
        figures = {
            "decode_s": recognition.result.timing.decode_s,
            "inference_s": recognition.result.timing.inference_s,
            "all_s": all_s,
            "cpu_s": time.process_time() - cpu_clock,
            "idle_mb": idle_mb,
            "peak_mb": peak_resident_mb(),
            "disk_mb": sum(file.stat().st_size for file in recognition.files) / BYTES_PER_MB,
        }
    write_line(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
