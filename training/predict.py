"""Predictions for whole clips, computed one at a time, as the program does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError
from webui.arrays import FloatArray
from webui.engine.protocol import EmotionModel, Window
from webui.labels import Emotion
from webui.service.evaluate.metrics import average_recall

Recognizer = Callable[[FloatArray], NDArray[np.float64]]  # maps samples (samples,) to utterance logits (labels,)
Degradation = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class ClipLogits:
    """Utterance logits of some clips.

    Attributes:
        clips: the clips.
        labels: the classes.
        logits: mean of the frame logits, shape ``(clips, labels)``.
        truth: index of the right class, shape ``(clips,)``.
    """

    clips: tuple[Clip, ...]
    labels: tuple[Emotion, ...]
    logits: NDArray[np.float64]
    truth: NDArray[np.int64]

    @property
    def corpora(self) -> NDArray[np.str_]:
        """Corpus of each clip, shape ``(clips,)``."""
        return np.array([clip.corpus for clip in self.clips])

    def recalls(self) -> dict[str, float]:
        """Returns unweighted average recalls: of all clips (``pooled``), per corpus, and the ``mean`` over corpora."""
        predictions, corpora = self.logits.argmax(axis=1), self.corpora
        by_corpus = {
            str(name): average_recall(self.truth[corpora == name], predictions[corpora == name])
            for name in np.unique(corpora)
        }
        mean = float(np.mean(list(by_corpus.values())))
        return {"pooled": average_recall(self.truth, predictions), **by_corpus, "mean": mean}

    def select(self, rows: NDArray[np.int64]) -> "ClipLogits":
        """Returns the logits of some of the clips, selected by index."""
        clips = tuple(self.clips[row] for row in rows)
        return ClipLogits(clips, self.labels, self.logits[rows], self.truth[rows])

    def restrict_to(self, labels: Sequence[Emotion]) -> "ClipLogits":
        """Returns the logits of the classes in ``labels`` only. Each clip's label must be among them."""
        columns = [self.labels.index(label) for label in labels]
        return _with_truth(self.clips, tuple(labels), self.logits[:, columns])


def _with_truth(clips: Sequence[Clip], labels: tuple[Emotion, ...], logits: NDArray[np.float64]) -> ClipLogits:
    truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
    return ClipLogits(tuple(clips), labels, logits, truth)


def on_normalised(frame_logits: Callable[[Tensor], Tensor]) -> Recognizer:
    """Makes a recognizer from a network in training.

    Args:
        frame_logits: maps normalised samples ``(1, samples)`` to frame logits ``(1, T, labels)``.
    """

    def recognize(waveform: FloatArray) -> NDArray[np.float64]:
        normalised = (waveform - waveform.mean()) / (waveform.std() + 1e-8)
        with torch.inference_mode():
            logits = frame_logits(torch.from_numpy(normalised).unsqueeze(0)).mean(1).squeeze(0)
        return np.asarray(logits.double().numpy(), dtype=np.float64)

    return recognize


def of_model(model: EmotionModel) -> Recognizer:
    """Makes a recognizer from a loaded model."""

    def recognize(waveform: FloatArray) -> NDArray[np.float64]:
        wide = waveform.astype(np.float64)
        window = Window(waveform, float(wide.mean()), float(wide.var()))
        return np.asarray(model.predict([window])[0].logits.astype(np.float64).mean(axis=0))

    return recognize


def predict_clips(
    recognize: Recognizer, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Returns the predictions of ``recognize`` for the whole, unchanged ``clips``."""
    logits = np.stack([recognize(cache.waveform(int(row))) for row in cache.rows_of(clips)])
    return _with_truth(clips, labels, logits)


@dataclass(frozen=True, slots=True)
class HeldOutEnsemble:
    """The members of a model, used so that no member predicts for a speaker it was trained on.

    Attributes:
        training_speakers: for each member, the speakers it was trained on.
        combine: makes a recognizer that averages the members with the given numbers.
    """

    training_speakers: tuple[frozenset[str], ...]
    combine: Callable[[tuple[int, ...]], Recognizer]
    _recognizers: dict[tuple[int, ...], Recognizer] = field(default_factory=dict, compare=False)

    def members_for(self, speaker: str) -> tuple[int, ...]:
        """Returns the numbers of the members that were not trained on ``speaker``."""
        return tuple(number for number, own in enumerate(self.training_speakers) if speaker not in own)

    def covered(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Returns those of ``clips`` whose speaker is held out from at least one member.

        Raises:
            TrainingDataError: There is no such clip.
        """
        covered = tuple(clip for clip in clips if self.members_for(clip.speaker))
        if not covered:
            raise TrainingDataError(
                "Every member was trained on every speaker; a member that was not is needed for a valid figure."
            )
        return covered

    def predict(
        self,
        cache: WaveformCache,
        clips: Sequence[Clip],
        labels: tuple[Emotion, ...],
        degrade: Degradation | None = None,
    ) -> ClipLogits:
        """Returns predictions for ``clips``, each by the members that were not trained on its speaker.

        Args:
            cache: the decoded recordings.
            clips: clips that ``covered`` returned.
            labels: the classes.
            degrade: function that degrades each recording first; None leaves it unchanged.
        """
        logits = []
        for clip, row in zip(clips, cache.rows_of(clips), strict=True):
            waveform = cache.waveform(int(row))
            members = self.members_for(clip.speaker)
            if members not in self._recognizers:
                self._recognizers[members] = self.combine(members)
            logits.append(self._recognizers[members](waveform if degrade is None else degrade(waveform)))
        return _with_truth(clips, labels, np.stack(logits))
