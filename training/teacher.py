"""Knowledge distillation: the small network learns the scores of a large model for unlabelled recordings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import read_waveform
from training.data import Clip, read_unlabelled
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.service.recognition.scores import emotion_scores
from webui.service.recognition.windows import predict_recording


@dataclass(frozen=True, slots=True)
class TeacherScores:
    """Scores of the teacher.

    Attributes:
        labels: emotions that the teacher distinguishes.
        scores: scores of each recording by the recording's path, shape ``(labels,)``.
    """

    labels: tuple[Emotion, ...]
    scores: Mapping[str, NDArray[np.float64]]

    def of(self, clips: Sequence[Clip]) -> Tensor:
        """Returns the scores of ``clips``, shape ``(clips, labels)``."""
        return torch.from_numpy(np.stack([self.scores[clip.path] for clip in clips]))


def label_with_teacher(teacher: EmotionModel, folder: Path) -> tuple[tuple[Clip, ...], TeacherScores]:
    """Returns all recordings below ``folder`` with the emotions that ``teacher`` predicts, and the teacher's scores.

    As the speakers are unknown, each subfolder counts as one speaker, and so does each recording directly in
    ``folder``.
    """
    known = {emotion for emotion in teacher.labels.emotions if emotion is not None}
    labels = tuple(emotion for emotion in Emotion if emotion in known)
    columns = [list(Emotion).index(emotion) for emotion in labels]
    clips, scores = [], {}
    for path in read_unlabelled(folder):
        logits = predict_recording(teacher, read_waveform(path)).logits
        name = path.relative_to(folder).as_posix()
        scores[name] = emotion_scores(logits.mean(axis=0, dtype=np.float64), teacher)[columns]
        speaker = path.parent.relative_to(folder).as_posix() if path.parent != folder else name
        clips.append(Clip("data", name, speaker, labels[int(scores[name].argmax())]))
    return tuple(clips), TeacherScores(labels, scores)
