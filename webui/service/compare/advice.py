"""Advice on which model to choose. Each sentence states the rule that it follows from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui.engine.families import languages_of
from webui.service.compare.figures import Accuracy, known_emotions
from webui.service.compare.run import MeasuredModel
from webui.service.compare.training_data import KnownClips
from webui.texts import Language, text

REAL_TIME: Final = 5.0  # speed, as a multiple of real time, from which a model is suitable for streams
TYPICAL_S: Final = 10.0  # length of audio that the rules about speed refer to


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user's machine and recordings require of a model.

    Attributes:
        memory_mb: maximum memory in MB: GPU memory for a model that runs on a GPU, else main memory.
        latency_s: maximum time for 10 s of audio, in seconds.
        language: language of the speech, for instance ``zh``; None: any.
    """

    memory_mb: float = 4000.0
    latency_s: float = 2.0
    language: str | None = None


class Advice:
    """Applies the rules.

    Args:
        models: measurements of the models.
        accuracy: accuracy of the models, by name; empty without labelled recordings.
        language: language of the sentences.
        limits: limits of the user; None: the default limits.
        known: recordings that a model was trained on, by the name of the model's row. Such a model is left out of the
            rules on accuracy: its figures would be far too good.
    """

    def __init__(
        self,
        models: Sequence[MeasuredModel],
        accuracy: dict[str, Accuracy],
        language: Language,
        limits: Limits | None = None,
        known: Mapping[str, KnownClips] | None = None,
    ) -> None:
        self._loaded = [model for model in models if model.error is None]
        known = known if known is not None else {}
        self._known = {name: clips for name, clips in known.items() if name in accuracy}
        self._accuracy = {name: figures for name, figures in accuracy.items() if name not in self._known}
        self._language = language
        self._limits = limits if limits is not None else Limits()

    def sentences(self) -> list[str]:
        """Returns one sentence per rule; the models that it names follow only from the measurements."""
        return [*self._by_accuracy(), *self._by_speed(), *self._by_memory(), *self._by_classes(), *self._by_limits()]

    def _text(self, key: str, **values: object) -> str:
        return text(key, self._language, **values)

    def _names(self, models: Sequence[str]) -> str:
        return ", ".join(models) or self._text("compare.no_model")

    def _by_accuracy(self) -> Iterator[str]:
        for name, clips in self._known.items():
            yield self._text("compare.rule_trained_on", model=name, names=clips.shown, count=clips.count)
        if self._known and not self._accuracy:
            yield self._text("compare.rule_all_trained")
        measured = {name: figures.shared_recall for name, figures in self._accuracy.items()}
        shared = {name: recall for name, recall in measured.items() if recall is not None}
        if shared:
            best = max(shared.values(), key=lambda recall: recall.value)
            as_good = [name for name, recall in shared.items() if recall.high >= best.low]
            yield self._text("compare.rule_accurate", models=", ".join(as_good))

    def _by_speed(self) -> Iterator[str]:
        timed = {row.name: float(np.median(row.times[TYPICAL_S])) for row in self._loaded if TYPICAL_S in row.times}
        if timed:
            fastest = min(timed, key=timed.__getitem__)
            yield self._text("compare.rule_fast", seconds=TYPICAL_S, model=fastest, median_s=timed[fastest])
            fit = [name for name, median_s in timed.items() if TYPICAL_S / median_s > REAL_TIME]
            yield self._text("compare.rule_real_time", times=REAL_TIME, models=self._names(fit))

    def _by_memory(self) -> Iterator[str]:
        peaks = {row.name: row.memory["peak_mb"] for row in self._loaded if row.memory.get("peak_mb") is not None}
        if peaks:
            smallest = min(peaks, key=peaks.__getitem__)
            yield self._text("compare.rule_memory", model=smallest, peak_mb=peaks[smallest])

    def _by_classes(self) -> Iterator[str]:
        counts = {row.name: len(known_emotions(row)) for row in self._loaded if not row.timed_only}
        if counts:
            most = max(counts.values())
            models = ", ".join(name for name, count in counts.items() if count == most)
            yield self._text("compare.rule_classes", models=models, count=most)

    def _by_limits(self) -> Iterator[str]:
        """Yields the models within the user's limits, and the most accurate of these if accuracy was measured."""
        limits = self._limits
        fit = [row.name for row in self._loaded if self._fits(row)]
        language = limits.language or self._text("compare.any_language")
        yield self._text(
            "compare.rule_fit",
            memory_mb=limits.memory_mb,
            seconds=TYPICAL_S,
            latency_s=limits.latency_s,
            speech=language,
            models=self._names(fit),
        )
        recalls = {name: self._accuracy[name].recall.value for name in fit if name in self._accuracy}
        if recalls:
            best = max(recalls, key=recalls.__getitem__)
            yield self._text("compare.rule_take", model=best, recall=recalls[best])

    def _fits(self, model: MeasuredModel) -> bool:
        peak = model.memory.get("gpu_peak_mb") or model.memory.get("peak_mb")
        if peak is not None and peak > self._limits.memory_mb:
            return False
        if TYPICAL_S in model.times and float(np.median(model.times[TYPICAL_S])) > self._limits.latency_s:
            return False
        return self._limits.language is None or self._limits.language in languages_of(model.model)
