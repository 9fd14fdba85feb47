"""Which model to take: sentences by rules that are printed with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui.engine.families import languages_of
from webui.service.compare.figures import Accuracy, known_emotions
from webui.service.compare.run import MeasuredModel
from webui.texts import Language, text

REAL_TIME: Final = 5.0  # how many times faster than the audio counts as fit for a stream
TYPICAL_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user's machine and recordings require of a model.

    Attributes:
        memory_mb: memory of the device: main memory, or the graphics card's for a model that runs on one.
        latency_s: the longest time for 10 s of audio.
        language: the language of the speech, for instance ``zh``; None: any.
    """

    memory_mb: float = 4000.0
    latency_s: float = 2.0
    language: str | None = None


class Advice:
    """Applies the rules.

    Args:
        models: what was measured.
        accuracy: how accurate each is, by name; none without labelled recordings.
        language: the language of the sentences.
        limits: the user's limits.
    """

    def __init__(
        self,
        models: Sequence[MeasuredModel],
        accuracy: dict[str, Accuracy],
        language: Language,
        limits: Limits | None = None,
    ) -> None:
        self._loaded = [model for model in models if model.error is None]
        self._accuracy = accuracy
        self._language = language
        self._limits = limits if limits is not None else Limits()

    def sentences(self) -> list[str]:
        """Returns a sentence per rule: which model it names follows from the figures alone."""
        return [*self._by_accuracy(), *self._by_speed(), *self._by_memory(), *self._by_classes(), *self._by_limits()]

    def _text(self, key: str, **values: object) -> str:
        return text(f"compare.{key}", self._language, **values)

    def _by_accuracy(self) -> Iterator[str]:
        measured = {name: figures.shared_recall for name, figures in self._accuracy.items()}
        shared = {name: recall for name, recall in measured.items() if recall is not None}
        if shared:
            best = max(shared.values(), key=lambda recall: recall.value)
            as_good = [name for name, recall in shared.items() if recall.high >= best.low]
            yield self._text("rule_accurate", models=", ".join(as_good))

    def _by_speed(self) -> Iterator[str]:
        timed = {row.name: float(np.median(row.times[TYPICAL_S])) for row in self._loaded if TYPICAL_S in row.times}
        if timed:
            fastest = min(timed, key=timed.__getitem__)
            yield self._text("rule_fast", seconds=TYPICAL_S, model=fastest, median_s=timed[fastest])
            fit = [name for name, median_s in timed.items() if TYPICAL_S / median_s > REAL_TIME]
            yield self._text("rule_real_time", times=REAL_TIME, models=", ".join(fit) or self._text("nobody"))

    def _by_memory(self) -> Iterator[str]:
        peaks = {row.name: row.memory["peak_mb"] for row in self._loaded if row.memory.get("peak_mb") is not None}
        if peaks:
            smallest = min(peaks, key=peaks.__getitem__)
            yield self._text("rule_memory", model=smallest, peak_mb=peaks[smallest])

    def _by_classes(self) -> Iterator[str]:
        counts = {row.name: len(known_emotions(row)) for row in self._loaded if not row.timed_only}
        if counts:
            most = max(counts.values())
            models = ", ".join(name for name, count in counts.items() if count == most)
            yield self._text("rule_classes", models=models, count=most)

    def _by_limits(self) -> Iterator[str]:
        """Names the models within the user's limits, and the most accurate of these if that was measured."""
        limits = self._limits
        fit = [row.name for row in self._loaded if self._fits(row)]
        language = limits.language or self._text("any_language")
        yield self._text(
            "rule_fit",
            memory_mb=limits.memory_mb,
            seconds=TYPICAL_S,
            latency_s=limits.latency_s,
            speech=language,
            models=", ".join(fit) or self._text("nobody"),
        )
        recalls = {name: self._accuracy[name].recall.value for name in fit if name in self._accuracy}
        if recalls:
            best = max(recalls, key=recalls.__getitem__)
            yield self._text("rule_take", model=best, recall=recalls[best])

    def _fits(self, model: MeasuredModel) -> bool:
        peak = model.memory.get("gpu_peak_mb") or model.memory.get("peak_mb")
        if peak is not None and peak > self._limits.memory_mb:
            return False
        if TYPICAL_S in model.times and float(np.median(model.times[TYPICAL_S])) > self._limits.latency_s:
            return False
        return self._limits.language is None or self._limits.language in languages_of(model.model)
