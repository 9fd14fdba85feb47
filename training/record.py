"""The documents next to the weights: how they were trained (in ``config.json``), and the results of the evaluation.

In the documents of version 2.0.0 of the built-in model some keys had other names (``OLD_NAMES``), which are still read.
"""

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

EVALUATION_NAME: Final = "evaluation.json"
TRANSFER_NAME: Final = "transfer.json"


OLD_NAMES: Final = {
    "counting": "statistics_mlp",
    "heard": "trained_on",
    "judges": "members_per_speaker",
    "unasked": "test_recalls",
    "strangers": "unused_corpus",
    "hardships": "conditions",
    "hardship_clips": "condition_clips",
}


class Record(BaseModel):
    """Base class of the documents: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic passes whatever it was given
        if not isinstance(data, dict):
            return data
        old = {old: new for old, new in OLD_NAMES.items() if new in cls.model_fields}
        return {old.get(key, key): value for key, value in data.items()}


def write_record(path: Path, record: Record) -> None:
    """Writes a document as JSON."""
    path.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


class MemberRecord(Record):
    """How one member was trained.

    Attributes:
        seed: seed of the random numbers.
        epochs: number of epochs.
        speakers: speakers it was trained on.
        statistics_mlp: whether it is a statistics MLP; otherwise it is convolutional.
    """

    seed: int
    epochs: int
    speakers: tuple[str, ...]
    statistics_mlp: bool = False


class CalibrationRecord(Record):
    """The predictions that the temperature was fitted on. Each is by the members not trained on the clip's speaker.

    Attributes:
        speakers: speakers of the clips.
        recalls: unweighted average recall: pooled, per corpus, and the mean of the corpora.
        error: expected calibration error.
    """

    speakers: tuple[str, ...]
    recalls: dict[str, float]
    error: float


class EncoderRecord(Record):
    """A pretrained encoder that a model starts from.

    Attributes:
        name: its name.
        package: distribution and version that its weights were read from.
        sha256: SHA-256 of the weights.
        license: licence of the weights.
        origin: what it is and what it was trained on, as far as published.
    """

    name: str
    package: str
    sha256: str
    license: str
    origin: str


class TrainingRecord(Record):
    """How the weights were made.

    Attributes:
        members: one record per member, in the order in which they were given to the export.
        calibration: the predictions that the temperature was fitted on.
        teacher: name of the model whose scores were learnt; None if the labels were learnt.
        started_from: description of the model whose members the runs continued; None for random initial weights.
        corpora: corpora that the members were trained on and that the temperature was fitted on; empty in documents of
            earlier versions and for a user's own recordings.
        encoders: pretrained encoders that the model starts from.
    """

    members: tuple[MemberRecord, ...]
    calibration: CalibrationRecord
    teacher: str | None = None
    started_from: str | None = None
    corpora: tuple[str, ...] = ()
    encoders: tuple[EncoderRecord, ...] = ()

    def training_speakers(self) -> tuple[str, ...]:
        """Returns the speakers that at least one member was trained on, sorted."""
        return tuple(sorted({speaker for member in self.members for speaker in member.speakers}))


class Figure(Record):
    """A figure with two 95 % confidence intervals.

    Attributes:
        value: the figure.
        over_speakers: interval when speakers are resampled.
        over_clips: interval when clips are resampled.
    """

    value: float
    over_speakers: tuple[float, float]
    over_clips: tuple[float, float]


class NamedPrediction(Record):
    """The model's prediction for one signal.

    Attributes:
        name: name of the signal.
        emotion: the emotion with the highest score.
        confidence: score of the emotion.
        expected: the right emotion; None if there is none.
    """

    name: str
    emotion: str
    confidence: float
    expected: str | None = None


class ConditionFigures(Record):
    """Results for recordings that were degraded in one way.

    Attributes:
        name: description of the condition.
        pooled: unweighted average recall of all clips.
        mean_of_corpora: mean over the corpora of their unweighted average recall.
        mean_confidence: mean of the highest scores.
    """

    name: str
    pooled: float
    mean_of_corpora: float
    mean_confidence: float


Confusion = tuple[tuple[int, ...], ...]


class Evaluation(Record):
    """Results of the evaluation of a model; ``evaluation.json``.

    Attributes:
        command: the command that was run.
        machine: description of the machine.
        labels: the classes.
        speakers: speakers of the evaluated clips.
        clips: number of clips per corpus.
        members_per_speaker: largest number of members that predicted for a speaker.
        test_recalls: recalls of the test speakers, by corpus, and their mean; empty for other data.
        pooled: unweighted average recall of all clips.
        corpora: unweighted average recall per corpus.
        mean_of_corpora: mean of the recalls per corpus.
        accuracy: fraction of the clips whose emotion was predicted correctly.
        recalls: recall per class.
        confusion: number of clips by label (rows) and prediction (columns).
        calibration_error: expected calibration error.
        mean_confidence: mean of the highest scores.
        probes: predictions for signals without speech.
        unused_corpus: predictions for clips of a corpus that no member was trained on.
        load_s: time to load the model, in seconds.
        speed_ms: time for a clip of 5 s on one core, in milliseconds.
        parameters: number of parameters.
        size_bytes: size of the model's folder.
        conditions: figures for degraded recordings.
        condition_clips: number of clips that those figures were measured on.
        confusions: confusion matrix per corpus.
        languages: unweighted average recall per language of the corpora; empty if the languages are unknown.
        sexes: unweighted average recall per sex of the speakers; empty if it is unknown.
        neighbours: share of the clips whose nearest neighbour, by the embedding and among other speakers of all
            corpora, has the same emotion; None if it was not measured.
    """

    command: str
    machine: str
    labels: tuple[str, ...]
    speakers: tuple[str, ...]
    clips: dict[str, int]
    members_per_speaker: int
    test_recalls: dict[str, Figure]
    pooled: Figure
    corpora: dict[str, Figure]
    mean_of_corpora: Figure
    accuracy: float
    recalls: dict[str, float]
    confusion: Confusion
    calibration_error: float
    mean_confidence: float
    probes: tuple[NamedPrediction, ...]
    unused_corpus: tuple[NamedPrediction, ...]
    load_s: float
    speed_ms: float
    parameters: int
    size_bytes: int
    conditions: tuple[ConditionFigures, ...] = ()
    condition_clips: int = 0
    confusions: dict[str, Confusion] = Field(default_factory=dict)
    languages: dict[str, Figure] = Field(default_factory=dict)
    sexes: dict[str, Figure] = Field(default_factory=dict)
    neighbours: float | None = None


class HeldOutCorpus(Record):
    """Results of a pair of members for a corpus that it was not trained on.

    Attributes:
        corpus: the corpus that was held out.
        trained_on: the corpora that the pair was trained on.
        labels: classes that the held-out corpus has in common with the others; only these were compared.
        clips: number of clips.
        speakers: number of speakers.
        recall: unweighted average recall.
        seed: seed of the run.
        epochs: number of epochs of the run.
    """

    corpus: str
    trained_on: tuple[str, ...]
    labels: tuple[str, ...]
    clips: int = Field(gt=0)
    speakers: int
    recall: Figure
    seed: int
    epochs: int


class Transfer(Record):
    """Results of the cross-corpus evaluation; ``transfer.json``.

    Attributes:
        command: the command that was run.
        machine: description of the machine.
        corpora: one record per held-out corpus.
    """

    command: str
    machine: str
    corpora: tuple[HeldOutCorpus, ...]
