"""Measures several models in turn, so that other load on the machine affects all of them equally."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from webui.audio.decode import DecodeLimits
from webui.service.compare.decoded_clips import ClipDecodeError, DecodedClip
from webui.service.compare.kept import AnswerLog, read_answers, read_times, write_times
from webui.service.compare.process import ModelProcess
from webui.service.evaluate.manifest import LabelledClip
from webui.settings import Device, Settings

LENGTHS_S: Final = (3.0, 10.0, 30.0)
OnStep = Callable[[int, int], None]
OnAudio = Callable[[float], None]


@dataclass(slots=True)
class MeasuredModel:
    """Measurements of one model.

    Attributes:
        name: name of the row: name of the model, in some rows followed by its device.
        model: name of the model.
        timed_only: whether only its speed is measured, because another row has its predictions.
        about: description of the model, with the time and memory that loading took; see ``child.py``.
        warm_start_s: seconds from the second start of the process until the model was loaded.
        times: seconds per round, by length of audio in seconds.
        memory: peak of the resident memory and of the GPU memory.
        answers: by clip, either scores ``(9,)``, embedding and seconds, or an error.
        error: reason why the model failed; None if it did not.
    """

    name: str
    model: str = ""
    timed_only: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    warm_start_s: float | None = None
    times: dict[float, list[float]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str | None = None


def compare(
    names: Sequence[str],
    settings: dict[str, Any],
    clips: Sequence[LabelledClip],
    *,
    kept: Path,
    lengths_s: Sequence[float] = LENGTHS_S,
    rounds: int = 5,
    also_cpu: bool = False,
    on_step: OnStep = lambda _done, _all: None,
    on_audio: OnAudio = lambda _seconds: None,
) -> list[MeasuredModel]:
    """Measures each model, and returns one row per model in the order of ``names``; if a model fails, the others go on.

    Args:
        names: names of the models.
        settings: settings as plain values, for the processes.
        clips: recordings to predict; if empty, only speed and memory are measured.
        kept: folder of earlier times and predictions, which are not measured again. Only complete rounds are used, so
            that all models have the same number of them.
        lengths_s: lengths of the clips whose inference is timed, in seconds.
        rounds: number of rounds for each length.
        also_cpu: whether each model is also timed on the CPU, in additional rows.
        on_step: called with the number of finished steps and of all steps.
        on_audio: called with the seconds of audio that a model has just processed; may raise to stop.

    Raises:
        OutputError: decoded clips can't be written.
    """
    rows = [MeasuredModel(name, name) for name in names]
    if also_cpu:
        rows += [MeasuredModel(f"{name} ({Device.CPU})", name, timed_only=True) for name in names]
    steps = _Steps(len(rows) * (2 + len(lengths_s) * rounds) + len(names) * len(clips), on_step)
    with ExitStack() as running:
        processes: dict[str, ModelProcess] = {}
        for row in rows:
            _start(row, settings, processes, running, steps)
        loaded = [row for row in rows if row.error is None]
        _time_in_turn(loaded, processes, lengths_s, rounds, steps, kept, on_audio)
        predicting = [row for row in loaded if not row.timed_only]
        _predict_all(predicting, processes, clips, _limits(settings), kept, steps, on_audio)
        for row in loaded:
            row.memory = processes[row.name].request({"do": "memory"})
    return rows


class _Steps:
    def __init__(self, total: int, on_step: OnStep) -> None:
        self._total, self._on_step, self._done = total, on_step, 0

    def add(self, count: int = 1) -> None:
        self._done += count
        self._on_step(min(self._done, self._total), self._total)


def _limits(settings: dict[str, Any]) -> DecodeLimits:
    given = Settings(**settings)
    return DecodeLimits.of(given.max_audio_mb, given.max_audio_s)


def _start(
    row: MeasuredModel,
    settings: dict[str, Any],
    processes: dict[str, ModelProcess],
    running: ExitStack,
    steps: _Steps,
) -> None:
    """Starts the process of a model twice: a cold start, which is only timed, and a warm one that keeps running."""
    row_settings = {**settings, "device": Device.CPU.value} if row.timed_only else settings
    cold = ModelProcess(row.model, row_settings)
    cold.close()
    steps.add()
    processes[row.name] = warm = ModelProcess(row.model, row_settings)
    running.callback(warm.close)
    row.about, row.error = cold.about, warm.about.get("error")
    row.warm_start_s = warm.about.get("start_s")
    steps.add()


def _time_in_turn(
    rows: Sequence[MeasuredModel],
    processes: Mapping[str, ModelProcess],
    lengths_s: Sequence[float],
    rounds: int,
    steps: _Steps,
    kept: Path,
    on_audio: OnAudio,
) -> None:
    known = read_times(kept)
    for seconds in lengths_s:
        before = [known.get(row.name, {}).get(seconds, []) for row in rows]
        done = min(rounds, *(len(times) for times in before)) if before else 0
        for row, times in zip(rows, before, strict=True):
            if done:
                row.times[seconds] = times[:done]
        steps.add(done * len(rows))
        if done == rounds:
            continue
        for number in range(done, rounds + 1):
            warm_up = number == done  # the first run in a process is slower
            for row in rows:
                reply = processes[row.name].request({"do": "time", "seconds": seconds})
                on_audio(seconds)
                if "error" in reply:
                    row.error = row.error or reply["error"]
                elif not warm_up:
                    row.times.setdefault(seconds, []).append(reply["seconds"])
                    steps.add()
            write_times(kept, {row.name: row.times for row in rows})


def _predict_all(
    rows: Sequence[MeasuredModel],
    processes: Mapping[str, ModelProcess],
    clips: Sequence[LabelledClip],
    limits: DecodeLimits,
    kept: Path,
    steps: _Steps,
    on_audio: OnAudio,
) -> None:
    """Runs all models clip by clip; a clip is decoded once for all models with the same sample rate."""
    if not clips:
        return
    with ExitStack() as open_files:
        folder = Path(open_files.enter_context(tempfile.TemporaryDirectory(prefix="speech-emotion-clips-")))
        logs: dict[str, AnswerLog] = {}
        for row in rows:
            path = kept / f"{row.name}.jsonl"
            row.answers = read_answers(path)
            logs[row.name] = open_files.enter_context(closing(AnswerLog(path, row.answers)))
        for clip in clips:
            key = str(clip.path)
            with DecodedClip(clip.path, folder, limits) as decoded:
                for row in rows:
                    if key not in row.answers:
                        row.answers[key] = _predict(row, processes[row.name], decoded)
                        on_audio(row.answers[key].get("audio_s", 0.0))
                        logs[row.name].add(key, row.answers[key])
                    steps.add()


def _predict(row: MeasuredModel, process: ModelProcess, clip: DecodedClip) -> dict[str, Any]:
    try:
        samples = clip.at(row.about["sample_rate"])
    except ClipDecodeError as err:
        return {"error": str(err)}
    return process.request({"do": "answer", "samples": str(samples)})
