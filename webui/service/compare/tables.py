"""The six tables of a comparison, and a table of published figures for reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from webui.engine.families import card_of, languages_of, packages_of
from webui.labels import Emotion
from webui.service.compare.figures import Accuracy, known_emotions
from webui.service.compare.run import MeasuredModel
from webui.service.evaluate.metrics import Interval
from webui.texts import Language, text
from webui.units import BYTES_PER_MB

# Figures of the article that this comparison follows:
# load time in s, s per clip, GPU memory in GB, RAM in GB, accuracy, F1
ARTICLE: Final = (
    ("Emotion2Vec+ Large", "8.2", "0.9", "3.1", "2.8", "84.2 %", "0.83"),
    ("Wav2Vec2-base", "4.1", "1.6", "2.4", "2.1", "72.5 %", "0.71"),
    ("HuBERT-large", "11.7", "2.3", "5.6", "4.3", "80.3 %", "0.79"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: name of its file, without the ending.
        title: heading above the table.
        columns: headings of the columns.
        rows: rows of cells, one cell per column.
        note: sentences below the table.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class Tables:
    """Creates the tables in one language.

    Args:
        models: measurements of the models.
        accuracy: accuracy of the models, by name; empty without labelled recordings.
        clips: number of recordings.
        language: language of headings and words.
        agreement: sentence about the agreement of the annotators; "" if there was only one.
    """

    def __init__(
        self,
        models: Sequence[MeasuredModel],
        accuracy: dict[str, Accuracy],
        clips: int,
        language: Language,
        agreement: str = "",
    ) -> None:
        self._agreement = agreement
        self._models = models
        self._loaded = [model for model in models if model.error is None]
        self._accuracy = accuracy
        self._clips = clips
        self._language = language

    def all(self) -> list[Table]:
        """Returns the six tables (with a second one on accuracy, per class), and the table of published figures."""
        return [
            self._speed(),
            self._memory(),
            self._accuracies(),
            *self._per_class(),
            self._embedding(),
            self._deployment(),
            self._output(),
            self._article(),
        ]

    def _predicting(self) -> list[MeasuredModel]:
        """Returns the rows with predictions, without those that only have times."""
        return [model for model in self._loaded if not model.timed_only]

    def _text(self, key: str, **values: object) -> str:
        return text(key, self._language, **values)

    def _headings(self, *keys: str) -> list[str]:
        return [self._text(key) for key in keys]

    def _table(self, name: str, title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
        """Returns a table with one row per model; the row of a model that failed has no figures."""
        failed = self._text("compare.failed")
        empty = [""] * (len(columns) - 1)
        failures = [(model.name, failed, *empty) for model in self._models if model.error is not None]
        return Table(name, title, (self._text("compare.model"), *columns), (*rows, *failures))

    def _speed(self) -> Table:
        lengths = sorted({seconds for model in self._loaded for seconds in model.times})
        columns = self._headings("compare.cold_s", "compare.warm_s")
        columns += [self._text("compare.latency", seconds=seconds) for seconds in lengths]
        rows = []
        for model in self._loaded:
            cells = [_number(model.about.get("start_s"), 1), _number(model.warm_start_s, 1)]
            for seconds in lengths:
                p50, p95 = np.percentile(model.times[seconds], [50, 95]) if seconds in model.times else (None, None)
                cells.append(f"{_number(p50, 3)} / {_number(p95, 3)}")
            rows.append((model.name, *cells))
        reasons = " ".join(f"{model.name}: {model.error}" for model in self._models if model.error is not None)
        return replace(self._table("speed", self._text("compare.speed"), columns, rows), note=reasons)

    def _memory(self) -> Table:
        rows = [
            (
                model.name,
                _number(model.about.get("loaded_mb"), 0),
                _number(model.memory.get("peak_mb"), 0),
                _number(model.memory.get("gpu_peak_mb"), 0),
            )
            for model in self._loaded
        ]
        columns = self._headings("compare.loaded_mb", "compare.peak_mb", "compare.gpu_mb")
        return self._table("memory", self._text("compare.memory"), columns, rows)

    def _accuracies(self) -> Table:
        columns = self._headings(
            "compare.answered",
            "compare.recall",
            "compare.right",
            "compare.weighted_f1",
            "compare.shared_recall",
            "compare.confused",
        )
        rows = []
        for model in self._loaded:
            found = self._accuracy.get(model.name)
            if found is None:
                continue
            pairs = ", ".join(f"{self._name(a)} → {self._name(b)} {count}" for a, b, count in found.confused)
            figures = (_spread(found.recall), _spread(found.right), f"{found.weighted_f1:.3f}")
            rows.append((model.name, f"{found.answered}/{self._clips}", *figures, _spread(found.shared_recall), pairs))
        table = self._table("accuracy", self._text("compare.accuracy", clips=self._clips), columns, rows)
        if self._clips:
            notes = [card.accuracy_note for card in map(card_of, self._accuracy) if card is not None]
            sentences = [self._agreement, *(text(note, self._language) for note in notes if note)]
            return replace(table, note=" ".join(sentence for sentence in sentences if sentence))
        return Table(table.name, table.title, table.columns, (), self._text("compare.no_data"))

    def _per_class(self) -> list[Table]:
        """Recall, precision and F1 of each class in the recordings; a dash for a class that a model does not know."""
        classes = [emotion for emotion in Emotion if any(emotion in one.classes for one in self._accuracy.values())]
        rows = []
        for model in self._loaded:
            found, known = self._accuracy.get(model.name), known_emotions(model)
            if found is not None:
                rows.append((model.name, *(_class_cell(found, emotion, known) for emotion in classes)))
        columns = [self._name(emotion) for emotion in classes]
        return [self._table("per_class", self._text("compare.per_class"), columns, rows)] if classes else []

    def _embedding(self) -> Table:
        columns = self._headings(
            "compare.dimension",
            "compare.how",
            "compare.purity",
            "compare.other_speakers",
            "compare.speaker_purity",
        )
        rows = []
        for model in self._predicting():
            found = self._accuracy.get(model.name)
            figures = (found.purity, found.other_speakers, found.speaker_purity) if found is not None else (None,) * 3
            shares = tuple(_percent(figure) for figure in figures)
            rows.append((model.name, str(model.about["embedding_dim"]), "--embedding", *shares))
        return self._table("embedding", self._text("compare.embedding"), columns, rows)

    def _deployment(self) -> Table:
        columns = self._headings(
            "compare.download_mb",
            "compare.size_mb",
            "compare.engine",
            "compare.packages",
            "compare.device",
            "compare.license",
            "compare.offline",
        )
        rows = [
            (
                model.name,
                self._download(model.model),
                _number(model.about["size_mb"], 0),
                f"{model.about['info']['engine']} {model.about['info']['precision']}",
                ", ".join(packages_of(model.about["info"]["engine"])),
                model.about["info"]["device"],
                model.about["info"]["license"],
                self._text("compare.yes"),
            )
            for model in self._predicting()
        ]
        return self._table("deployment", self._text("compare.deployment"), columns, rows)

    def _download(self, name: str) -> str:
        card = card_of(name)
        if card is not None and card.included:
            return self._text("compare.included")
        size_bytes = card.weights_bytes if card is not None else None
        return _number(size_bytes / BYTES_PER_MB if size_bytes is not None else None, 0)

    def _output(self) -> Table:
        rows = []
        for model in self._predicting():
            names = [self._name(emotion) for emotion in Emotion if emotion in known_emotions(model)]
            rate = model.about["frame_rate"]
            frames = f"{rate:g} /s"
            languages = ", ".join(languages_of(model.model)) or "–"
            rows.append((model.name, f"{len(names)}: {', '.join(names)}", frames, languages))
        columns = self._headings("compare.classes", "compare.frames", "compare.languages")
        return self._table("output", self._text("compare.output"), columns, rows)

    def _article(self) -> Table:
        columns = self._headings(
            "compare.model",
            "compare.load_s",
            "compare.per_clip",
            "compare.gpu_gb",
            "compare.ram_gb",
            "compare.right",
            "compare.f_score",
        )
        note = self._text("compare.reference_note")
        return Table("reference", self._text("compare.reference"), tuple(columns), ARTICLE, note)

    def _name(self, emotion: Emotion) -> str:
        return emotion.display_name(self._language)


def _class_cell(found: Accuracy, emotion: Emotion, known: set[Emotion]) -> str:
    if emotion not in known or emotion not in found.classes:
        return "–"
    figures = found.classes[emotion]
    return f"{figures.recall:.2f} / {figures.precision:.2f} / {figures.f1:.2f}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _spread(figure: Interval | None) -> str:
    return "–" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
