"""Measures several models in turn, so that every round meets the machine in the same state."""

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
    """What was measured of one model.

    Attributes:
        name: the name of the row: the model's, or the model's and the device it ran on.
        model: the model's name.
        timed_only: whether only its times are measured, because another row has its answers.
        about: what it is, and what loading it took; see ``child.py``.
        warm_start_s: seconds from the start of the process until it was loaded, the second time.
        times: seconds of each round, by length in seconds.
        memory: its highest resident memory, and the graphics card's.
        answers: by clip, scores ``(9,)``, embedding and seconds, or the reason why there is none.
        error: why it failed; None if it didn't.
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
    """Returns what was measured of each model, in the order of ``names``; one that fails stops no other.

    Args:
        names: the models' names.
        settings: the settings as plain values, for the processes.
        clips: recordings to answer; none: only speed, memory and the like.
        kept: folder of the times and answers so far; what is in it is not measured again. Only whole rounds count, so
            that every model was timed as often in each of them.
        lengths_s: lengths of the clips whose inference is timed.
        rounds: how often each length is timed.
        also_cpu: whether each model is timed on the CPU too, in rows of their own.
        on_step: called with how many steps of how many are done.
        on_audio: called with the seconds of audio that a model has processed each time; may raise to end it.

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
        answering = [row for row in loaded if not row.timed_only]
        _answer_all(answering, processes, clips, _limits(settings), kept, steps, on_audio)
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
    """Starts a model's process twice: cold, for the time that takes, and warm, which goes on running."""
    own = {**settings, "device": Device.CPU.value} if row.timed_only else settings
    cold = ModelProcess(row.model, own)
    cold.close()
    steps.add()
    processes[row.name] = warm = ModelProcess(row.model, own)
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
            warm_up = number == done  # the first of a process is never typical
            for row in rows:
                reply = processes[row.name].request({"do": "time", "seconds": seconds})
                on_audio(seconds)
                if "error" in reply:
                    row.error = row.error or reply["error"]
                elif not warm_up:
                    row.times.setdefault(seconds, []).append(reply["seconds"])
                    steps.add()
            write_times(kept, {row.name: row.times for row in rows})


def _answer_all(
    rows: Sequence[MeasuredModel],
    processes: Mapping[str, ModelProcess],
    clips: Sequence[LabelledClip],
    limits: DecodeLimits,
    kept: Path,
    steps: _Steps,
    on_audio: OnAudio,
) -> None:
    """Has every model answer clip by clip; a clip is decoded once for all models that take the same sample rate."""
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
                        row.answers[key] = _answer(row, processes[row.name], decoded)
                        on_audio(row.answers[key].get("audio_s", 0.0))
                        logs[row.name].add(key, row.answers[key])
                    steps.add()


def _answer(row: MeasuredModel, process: ModelProcess, clip: DecodedClip) -> dict[str, Any]:
    try:
        samples = clip.at(row.about["sample_rate"])
    except ClipDecodeError as err:
        return {"error": str(err)}
    return process.request({"do": "answer", "samples": str(samples)})
