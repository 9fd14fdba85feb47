"""What a network says of whole clips, one by one, as the program would run it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import WaveformCache
from training.data import Clip, TrainingDataError
from training.metrics import mean_corpus_recall
from webui.engine.protocol import EmotionModel, Window
from webui.labels import Emotion
from webui.service.evaluate.metrics import average_recall

Recognizer = Callable[[NDArray[np.float32]], NDArray[np.float64]]  # (samples,) to utterance logits (labels,)
Spoil = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ClipLogits:
    """Utterance logits of some clips.

    Attributes:
        clips: which ones.
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
        """Corpus of every clip."""
        return np.array([clip.corpus for clip in self.clips])

    def recalls(self) -> dict[str, float]:
        """Returns the unweighted average recall pooled, per corpus, and the mean over corpora."""
        guess = self.logits.argmax(axis=1)
        found = {"pooled": average_recall(self.truth, guess)}
        for name in np.unique(self.corpora):
            inside = self.corpora == name
            found[str(name)] = average_recall(self.truth[inside], guess[inside])
        found["mean"] = mean_corpus_recall(self.truth, guess, self.corpora)
        return found


def on_normalised(frame_logits: Callable[[Tensor], Tensor]) -> Recognizer:
    """Makes a recognizer of a network in training: normalised samples ``(1, samples)`` to ``(1, T, labels)``."""

    def recognize(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
        normalised = (waveform - waveform.mean()) / (waveform.std() + 1e-8)
        with torch.inference_mode():
            logits = frame_logits(torch.from_numpy(normalised).unsqueeze(0)).mean(1).squeeze(0)
        return np.asarray(logits.double().numpy(), dtype=np.float64)

    return recognize


def of_model(model: EmotionModel) -> Recognizer:
    """Makes a recognizer of a model that is loaded as the program loads it."""

    def recognize(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
        wide = waveform.astype(np.float64)
        window = Window(waveform, float(wide.mean()), float(wide.var()))
        return np.asarray(model.predict([window])[0].logits.astype(np.float64).mean(axis=0))

    return recognize


def predict_clips(
    recognize: Recognizer, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...]
) -> ClipLogits:
    """Runs ``recognize`` on every clip of ``clips``, whole and unaugmented."""
    logits = np.stack([recognize(cache.waveform(int(row))) for row in cache.rows_of(clips)])
    truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
    return ClipLogits(tuple(clips), labels, logits, truth)


@dataclass(frozen=True, slots=True)
class Jury:
    """The members of a model, of whom a speaker is judged by those that never heard him or her.

    Attributes:
        heard: speakers that each member was trained on.
        seat: makes a recognizer of some of the members, by their numbers.
    """

    heard: tuple[frozenset[str], ...]
    seat: Callable[[tuple[int, ...]], Recognizer]
    _seated: dict[tuple[int, ...], Recognizer] = field(default_factory=dict, compare=False)

    def strangers(self, speaker: str) -> tuple[int, ...]:
        """Returns the members that never heard ``speaker``."""
        return tuple(number for number, heard in enumerate(self.heard) if speaker not in heard)

    def judged(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Returns those of ``clips`` whose speaker some member never heard.

        Raises:
            TrainingDataError: there is none.
        """
        found = tuple(clip for clip in clips if self.strangers(clip.speaker))
        if not found:
            raise TrainingDataError("Every member heard every speaker; one that did not is needed to judge them.")
        return found

    def predict(
        self, cache: WaveformCache, clips: Sequence[Clip], labels: tuple[Emotion, ...], spoil: Spoil | None = None
    ) -> ClipLogits:
        """Returns what strangers to their speakers say of ``clips``, after ``spoil`` has been done to them."""
        logits = []
        for clip, row in zip(clips, cache.rows_of(clips), strict=True):
            waveform = cache.waveform(int(row))
            chosen = self.strangers(clip.speaker)
            if chosen not in self._seated:
                self._seated[chosen] = self.seat(chosen)
            logits.append(self._seated[chosen](waveform if spoil is None else spoil(waveform)))
        truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
        return ClipLogits(tuple(clips), labels, np.stack(logits), truth)
