"""Predictions for whole clips, one at a time, as the program would make them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError
from training.metrics import mean_corpus_recall
from webui.arrays import FloatArray
from webui.engine.protocol import EmotionModel, Window
from webui.labels import Emotion
from webui.service.evaluate.metrics import average_recall

Recognizer = Callable[[FloatArray], NDArray[np.float64]]  # (samples,) to utterance logits (labels,)
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
        """Corpus of every clip, shape ``(clips,)``."""
        return np.array([clip.corpus for clip in self.clips])

    def recalls(self) -> dict[str, float]:
        """Returns the unweighted average recall pooled, per corpus, and the mean over corpora."""
        guess = self.logits.argmax(axis=1)
        recalls = {"pooled": average_recall(self.truth, guess)}
        for name in np.unique(self.corpora):
            inside = self.corpora == name
            recalls[str(name)] = average_recall(self.truth[inside], guess[inside])
        recalls["mean"] = mean_corpus_recall(self.truth, guess, self.corpora)
        return recalls

    def select(self, rows: NDArray[np.int64]) -> "ClipLogits":
        """Returns some of the clips, by their index."""
        clips = tuple(self.clips[row] for row in rows)
        return ClipLogits(clips, self.labels, self.logits[rows], self.truth[rows])

    def restrict_to(self, labels: Sequence[Emotion]) -> "ClipLogits":
        """Returns the same clips with predictions restricted to ``labels``, which contain the label of every clip."""
        columns = [self.labels.index(label) for label in labels]
        return _with_truth(self.clips, tuple(labels), self.logits[:, columns])


def _with_truth(clips: Sequence[Clip], labels: tuple[Emotion, ...], logits: NDArray[np.float64]) -> ClipLogits:
    truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
    return ClipLogits(tuple(clips), labels, logits, truth)


def on_normalised(frame_logits: Callable[[Tensor], Tensor]) -> Recognizer:
    """Makes a recognizer of a network in training: normalised samples ``(1, samples)`` to ``(1, T, labels)``."""

    def recognize(waveform: FloatArray) -> NDArray[np.float64]:
        normalised = (waveform - waveform.mean()) / (waveform.std() + 1e-8)
        with torch.inference_mode():
            logits = frame_logits(torch.from_numpy(normalised).unsqueeze(0)).mean(1).squeeze(0)
        return np.asarray(logits.double().numpy(), dtype=np.float64)

    return recognize


def of_model(model: EmotionModel) -> Recognizer:
    """Makes a recognizer of a model that was loaded as the program loads it."""

    def recognize(waveform: FloatArray) -> NDArray[np.float64]:
        wide = waveform.astype(np.float64)
        window = Window(waveform, float(wide.mean()), float(wide.var()))
        return np.asarray(model.predict([window])[0].logits.astype(np.float64).mean(axis=0))

    return recognize


def predict_clips(
    recognize: Recognizer, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Runs ``recognize`` on every clip of ``clips``, whole and unaugmented."""
    logits = np.stack([recognize(cache.waveform(int(row))) for row in cache.rows_of(clips)])
    return _with_truth(clips, labels, logits)


@dataclass(frozen=True, slots=True)
class HeldOutEnsemble:
    """The members of a model, of which only those predict for a speaker that were not trained on that speaker.

    Attributes:
        training_speakers: speakers that each member was trained on.
        combine: makes a recognizer that averages some of the members, by their numbers.
    """

    training_speakers: tuple[frozenset[str], ...]
    combine: Callable[[tuple[int, ...]], Recognizer]
    _recognizers: dict[tuple[int, ...], Recognizer] = field(default_factory=dict, compare=False)

    def members_for(self, speaker: str) -> tuple[int, ...]:
        """Returns the members that were not trained on ``speaker``."""
        return tuple(number for number, own in enumerate(self.training_speakers) if speaker not in own)

    def covered(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Returns those of ``clips`` for whose speaker there is such a member.

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
        """Returns the predictions for ``clips``, each by the members not trained on its speaker.

        Args:
            cache: the decoded recordings.
            clips: clips of ``covered``.
            labels: the classes.
            degrade: what to do to each recording first; None leaves it unchanged.
        """
        logits = []
        for clip, row in zip(clips, cache.rows_of(clips), strict=True):
            waveform = cache.waveform(int(row))
            members = self.members_for(clip.speaker)
            if members not in self._recognizers:
                self._recognizers[members] = self.combine(members)
            logits.append(self._recognizers[members](waveform if degrade is None else degrade(waveform)))
        return _with_truth(clips, labels, np.stack(logits))
