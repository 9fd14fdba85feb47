"""Runs a model on labelled recordings and computes the metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from webui.audio.decode import decode
from webui.audio.limits import DecodeLimits
from webui.audio.options import DEFAULTS, DecodeOptions
from webui.engine.protocol import EmotionModel
from webui.errors import AudioError, RequestError
from webui.files import printable_name
from webui.labels import Emotion
from webui.service.evaluate.manifest import LabelledClip
from webui.service.evaluate.metrics import (
    IntArray,
    Interval,
    Scores,
    accuracy,
    average_f1,
    average_recall,
    bootstrap,
    calibration_error,
    confusion_matrix,
    f1,
)
from webui.service.evaluate.report import ClassFigures, Evaluation, Figure
from webui.service.recognition.scores import emotion_scores
from webui.service.recognition.windows import predict_recording

EMOTIONS: Final = tuple(Emotion)
OnClip = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions of a model for labelled recordings.

    Attributes:
        clips: recordings with a prediction.
        scores: scores of these recordings, shape ``(clips, 9)``, in the order of ``Emotion``.
        failed: name of each recording that could not be decoded, with the reason.
    """

    clips: tuple[LabelledClip, ...]
    scores: Scores
    failed: tuple[str, ...]


def predict_clips(
    model: EmotionModel,
    clips: Sequence[LabelledClip],
    limits: DecodeLimits,
    on_clip: OnClip = lambda _done, _all: None,
    options: DecodeOptions = DEFAULTS,
) -> Answers:
    """Predicts every clip, with the same scores as ``recognize``; recordings that can't be decoded are skipped.

    Args:
        model: the model.
        clips: the recordings.
        limits: maximum size and length of a recording.
        on_clip: called after each recording with the numbers of finished recordings and of all recordings.
        options: which audio track is used, and the format of samples without a header.

    Raises:
        RequestError: no recording could be decoded.
        ModelError: the model failed.
    """
    answered, rows, failed = [], [], []
    for number, clip in enumerate(clips, start=1):
        try:
            waveform = decode(clip.path, limits=limits, sample_rate=model.sample_rate, options=options).waveform
        except AudioError as error:
            failed.append(f"{printable_name(clip.path.name)}: {error}")
        else:
            joined = predict_recording(model, waveform)
            rows.append(emotion_scores(joined.logits.mean(axis=0, dtype=np.float64), model))
            answered.append(clip)
        on_clip(number, len(clips))
    if not answered:
        raise RequestError("evaluate.all_failed", clips=len(clips), first=failed[0])
    return Answers(tuple(answered), np.stack(rows), tuple(failed))


def evaluate_answers(answers: Answers, model: EmotionModel, source: Path, rounds: int = 1000) -> Evaluation:
    """Computes all metrics; intervals come from resampling speakers within their corpus, or clips without speakers."""
    truth = np.array([EMOTIONS.index(clip.emotion) for clip in answers.clips], dtype=np.int64)
    predictions = answers.scores.argmax(axis=1)
    groups = [clip.group for clip in answers.clips]
    speakers = _speakers(answers.clips)
    predicted = {emotion for emotion in model.labels.emotions if emotion is not None}
    shown = [i for i, emotion in enumerate(EMOTIONS) if emotion in predicted or i in truth]

    def interval(figure: Callable[[IntArray, IntArray], float], inside: IntArray) -> Figure:
        def value(drawn: IntArray) -> float:
            return figure(truth[inside[drawn]], predictions[inside[drawn]])

        clusters = [speakers[i] for i in inside] if speakers else None
        return _figure(bootstrap(value, [groups[i] for i in inside], clusters=clusters, rounds=rounds))

    all_clips = np.arange(truth.size)
    matrix = confusion_matrix(truth, predictions, len(EMOTIONS))
    corpora = sorted(set(groups)) if len(set(groups)) > 1 else []
    return Evaluation(
        model=model.info.name,
        engine=model.info.engine,
        source=str(source),
        clips=len(answers.clips),
        failed=answers.failed,
        speakers=len(set(speakers)),
        average_recall=interval(average_recall, all_clips),
        accuracy=interval(accuracy, all_clips),
        average_f1=interval(average_f1, all_clips),
        calibration_error=calibration_error(truth, answers.scores),
        mean_confidence=float(answers.scores.max(axis=1).mean()),
        labels=tuple(EMOTIONS[i] for i in shown),
        classes={EMOTIONS[i].value: _class_figures(truth, predictions, i) for i in shown},
        confusion=tuple(tuple(int(matrix[i, j]) for j in shown) for i in shown),
        groups={g: interval(average_recall, np.flatnonzero(np.array(groups) == g)) for g in corpora},
    )


def _speakers(clips: Sequence[LabelledClip]) -> list[str]:
    """Returns the speaker of each clip; empty if any is unknown, or if there is only one speaker."""
    speakers = [f"{clip.group}/{clip.speaker}" for clip in clips if clip.speaker]
    return speakers if len(speakers) == len(clips) and len(set(speakers)) > 1 else []


def _class_figures(truth: IntArray, predictions: IntArray, label: int) -> ClassFigures:
    labelled, predicted = truth == label, predictions == label
    correct = int((labelled & predicted).sum())
    return ClassFigures(
        clips=int(labelled.sum()),
        recall=correct / max(1, int(labelled.sum())),
        precision=correct / max(1, int(predicted.sum())),
        f1=f1(truth, predictions, label),
    )


def _figure(found: Interval) -> Figure:
    return Figure(value=found.value, low=found.low, high=found.high)
