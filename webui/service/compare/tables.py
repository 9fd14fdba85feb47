"""The six tables of a comparison, the article's own figures beside them, and advice by rules that are printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from webui.engine.registry import BUILTIN
from webui.engine.weights import KNOWN_MODELS
from webui.labels import Emotion
from webui.service.compare.figures import Accuracy, known_emotions
from webui.service.compare.run import Measured
from webui.service.evaluate.metrics import Interval
from webui.texts import Language, text

REAL_TIME: Final = 5.0
PACKAGES: Final = {"onnx": "onnxruntime", "funasr": "funasr, torch", "transformers": "transformers, torch"}
TYPICAL_S: Final = 10.0
# What each was trained to tell emotions in, by its publishers or its card; nothing is known of the others.
LANGUAGES: Final = {
    "emotion2vec_plus_large": ("zh", "en"),
    "emotion2vec_plus_base": ("zh", "en"),
    "emotion2vec_plus_seed": ("zh", "en"),
    "wav2vec2_base_superb": ("en",),
    "hubert_large_superb": ("en",),
    BUILTIN: ("en", "de", "pl"),
}
# What users were shown before: load s, s per clip, GPU GB, RAM GB, accuracy, F1.
ARTICLE: Final = (
    ("Emotion2Vec+ Large", "8.2", "0.9", "3.1", "2.8", "84.2 %", "0.83"),
    ("Wav2Vec2-base", "4.1", "1.6", "2.4", "2.1", "72.5 %", "0.71"),
    ("HuBERT-large", "11.7", "2.3", "5.6", "4.3", "80.3 %", "0.79"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user can give, for the advice.

    Attributes:
        memory_mb: of the device: main memory, or the graphics card's for a model that runs on one.
        latency_s: for 10 s of audio.
        language: of the speech, ``zh`` say; None: any.
    """

    memory_mb: float = 4000.0
    latency_s: float = 2.0
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: of its file.
        title: above it.
        columns: heads of the columns.
        rows: cells, as many per row as there are columns.
        note: below it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class Tables:
    """Makes the tables in one language.

    Args:
        models: what was measured.
        accuracy: how right each was, by name; none without labelled recordings.
        clips: how many recordings there were.
        language: of heads and words.
        agreement: what is said of the annotators.
        limits: what the user can give.
    """

    def __init__(
        self,
        models: Sequence[Measured],
        accuracy: dict[str, Accuracy],
        clips: int,
        language: Language,
        agreement: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._agreement = agreement
        self._limits = limits if limits is not None else Limits()
        self._models = models
        self._alive = [one for one in models if one.error is None]
        self._accuracy = accuracy
        self._clips = clips
        self._language = language

    def all(self) -> list[Table]:
        """Returns the six (accuracy has a second one, per class), and the article's."""
        return [
            self._speed(),
            self._memory(),
            self._right(),
            *self._per_class(),
            self._embedding(),
            self._deployment(),
            self._output(),
            self._article(),
        ]

    def advice(self) -> list[str]:
        """Returns a sentence per rule: who is meant follows from the figures alone."""
        return [*self._by_accuracy(), *self._by_speed(), *self._by_memory(), *self._by_classes(), *self._by_limits()]

    def _whole(self) -> list[Measured]:
        """The rows that are not there for their times alone."""
        return [one for one in self._alive if not one.timed_only]

    def _say(self, key: str, **values: object) -> str:
        return text(f"compare.{key}", self._language, **values)

    def _table(self, name: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]], **title: object) -> Table:
        """A table with a row per model; one that failed says so in the place of its figures."""
        failed = [
            (one.name, self._say("failed"), *[""] * (len(columns) - 1)) for one in self._models if one.error is not None
        ]
        return Table(name, self._say(name, **title), (self._say("model"), *columns), (*rows, *failed))

    def _speed(self) -> Table:
        lengths = sorted({seconds for one in self._alive for seconds in one.times})
        columns = [self._say("cold_s"), self._say("warm_s")]
        columns += [self._say("latency", seconds=seconds) for seconds in lengths]
        rows = []
        for one in self._alive:
            cells = [_number(one.about.get("start_s"), 1), _number(one.warm_start_s, 1)]
            for seconds in lengths:
                p50, p95 = np.percentile(one.times[seconds], [50, 95]) if seconds in one.times else (None, None)
                cells.append(f"{_number(p50, 3)} / {_number(p95, 3)}")
            rows.append((one.name, *cells))
        reasons = " ".join(f"{one.name}: {one.error}" for one in self._models if one.error is not None)
        return replace(self._table("speed", columns, rows), note=reasons)

    def _memory(self) -> Table:
        rows = [
            (
                one.name,
                _number(one.about.get("loaded_mb"), 0),
                _number(one.memory.get("peak_mb"), 0),
                _number(one.memory.get("gpu_peak_mb"), 0),
            )
            for one in self._alive
        ]
        return self._table("memory", [self._say(key) for key in ("loaded_mb", "peak_mb", "gpu_mb")], rows)

    def _right(self) -> Table:
        keys = ("answered", "recall", "right", "weighted_f1", "shared_recall", "confused")
        rows = []
        for one in self._alive:
            found = self._accuracy.get(one.name)
            if found is None:
                continue
            pairs = ", ".join(f"{self._name(a)} → {self._name(b)} {count}" for a, b, count in found.confused)
            figures = (_spread(found.recall), _spread(found.right), f"{found.weighted_f1:.3f}")
            rows.append((one.name, f"{found.answered}/{self._clips}", *figures, _spread(found.shared_recall), pairs))
        table = self._table("accuracy", [self._say(key) for key in keys], rows, clips=self._clips)
        if self._clips:
            heard = text("evaluate.builtin_heard", self._language) if BUILTIN in self._accuracy else ""
            return replace(table, note=" ".join(note for note in (self._agreement, heard) if note))
        return Table(table.name, table.title, table.columns, (), self._say("no_data"))

    def _per_class(self) -> list[Table]:
        """Recall, precision and F1 of each class that the recordings have; a class that a model lacks is a dash."""
        meant = [emotion for emotion in Emotion if any(emotion in one.classes for one in self._accuracy.values())]
        rows = [
            (one.name, *(_class_cell(self._accuracy[one.name], emotion, known_emotions(one)) for emotion in meant))
            for one in self._alive
            if one.name in self._accuracy
        ]
        return [self._table("per_class", [self._name(emotion) for emotion in meant], rows)] if meant else []

    def _embedding(self) -> Table:
        keys = ("dimension", "how", "purity", "other_speakers", "speaker_purity")
        rows = []
        for one in self._whole():
            found = self._accuracy.get(one.name)
            figures = (found.purity, found.other_speakers, found.speaker_purity) if found is not None else (None,) * 3
            shares = tuple(_percent(figure) for figure in figures)
            rows.append((one.name, str(one.about["embedding_dim"]), "--embedding", *shares))
        return self._table("embedding", [self._say(key) for key in keys], rows)

    def _deployment(self) -> Table:
        keys = ("download_mb", "size_mb", "engine", "packages", "device", "license", "offline")
        rows = [
            (
                one.name,
                self._download(one.model),
                _number(one.about["size_mb"], 0),
                f"{one.about['info']['engine']} {one.about['info']['precision']}",
                PACKAGES.get(one.about["info"]["engine"], "torch"),
                one.about["info"]["device"],
                one.about["info"]["license"],
                self._say("yes"),
            )
            for one in self._whole()
        ]
        return self._table("deployment", [self._say(key) for key in keys], rows)

    def _download(self, name: str) -> str:
        if name == BUILTIN:
            return self._say("included")
        known = KNOWN_MODELS.get(name)
        return _number(known.model_bytes / 1e6 if known is not None and known.model_bytes else None, 0)

    def _output(self) -> Table:
        rows = []
        for one in self._whole():
            names = [self._name(emotion) for emotion in Emotion if emotion in known_emotions(one)]
            frames = f"{one.about['frame_rate']:g} /s"
            languages = ", ".join(LANGUAGES.get(one.model, ())) or "–"
            rows.append((one.name, f"{len(names)}: {', '.join(names)}", frames, languages))
        return self._table("output", [self._say(key) for key in ("classes", "frames", "languages")], rows)

    def _article(self) -> Table:
        keys = ("model", "load_s", "per_clip", "gpu_gb", "ram_gb", "right", "f_score")
        heads = tuple(self._say(key) for key in keys)
        return Table("reference", self._say("reference"), heads, ARTICLE, self._say("reference_note"))

    def _by_accuracy(self) -> Iterator[str]:
        shared = {name: one.shared_recall for name, one in self._accuracy.items() if one.shared_recall is not None}
        if shared:
            best = max(shared.values(), key=lambda figure: figure.value)
            yield self._say("rule_accurate", models=", ".join(n for n, one in shared.items() if one.high >= best.low))

    def _by_speed(self) -> Iterator[str]:
        timed = {one.name: float(np.median(one.times[TYPICAL_S])) for one in self._alive if TYPICAL_S in one.times}
        if timed:
            model = min(timed, key=timed.__getitem__)
            yield self._say("rule_fast", seconds=TYPICAL_S, model=model, median_s=timed[model])
            fit = [name for name, median_s in timed.items() if TYPICAL_S / median_s > REAL_TIME]
            yield self._say("rule_real_time", times=REAL_TIME, models=", ".join(fit) or self._say("nobody"))

    def _by_memory(self) -> Iterator[str]:
        peaks = {one.name: one.memory["peak_mb"] for one in self._alive if one.memory.get("peak_mb") is not None}
        if peaks:
            model = min(peaks, key=peaks.__getitem__)
            yield self._say("rule_memory", model=model, peak_mb=peaks[model])

    def _by_classes(self) -> Iterator[str]:
        counts = {one.name: len(known_emotions(one)) for one in self._whole()}
        if counts:
            most = max(counts.values())
            models = ", ".join(name for name, count in counts.items() if count == most)
            yield self._say("rule_classes", models=models, count=most)

    def _by_limits(self) -> Iterator[str]:
        """Who fits into the user's limits, and who of these is the most accurate, if that was measured."""
        limits = self._limits
        fit = [one.name for one in self._alive if self._fits(one)]
        language = limits.language or self._say("any_language")
        yield self._say(
            "rule_fit",
            memory_mb=limits.memory_mb,
            seconds=TYPICAL_S,
            latency_s=limits.latency_s,
            speech=language,
            models=", ".join(fit) or self._say("nobody"),
        )
        right = {name: self._accuracy[name].recall.value for name in fit if name in self._accuracy}
        if right:
            best = max(right, key=right.__getitem__)
            yield self._say("rule_take", model=best, recall=right[best])

    def _fits(self, one: Measured) -> bool:
        peak = one.memory.get("gpu_peak_mb") or one.memory.get("peak_mb")
        if peak is not None and peak > self._limits.memory_mb:
            return False
        if TYPICAL_S in one.times and float(np.median(one.times[TYPICAL_S])) > self._limits.latency_s:
            return False
        return self._limits.language is None or self._limits.language in LANGUAGES.get(one.model, ())

    def _name(self, emotion: Emotion) -> str:
        return emotion.display_name(self._language)


def _class_cell(found: Accuracy, emotion: Emotion, known: set[Emotion]) -> str:
    if emotion not in known or emotion not in found.classes:
        return "–"
    one = found.classes[emotion]
    return f"{one.recall:.2f} / {one.precision:.2f} / {one.f1:.2f}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _spread(figure: Interval | None) -> str:
    return "–" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
