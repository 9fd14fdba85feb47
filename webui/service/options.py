"""What can be asked of one recognition, and the stages it goes through."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from webui.engine.runtime import Runtime
from webui.results import Granularity
from webui.settings import Device, Engine, Precision, Settings


class Stage(StrEnum):
    """Where a recognition is, in the words of the processing log."""

    VALIDATION = "validation"
    PREPROCESSING = "preprocessing"
    INFERENCE = "inference"
    RESULTS = "results"


Progress = Callable[[float, Stage], None]


def ignore_progress(fraction: float, stage: Stage) -> None:
    """Progress for callers who don't watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """The options of one recognition.

    Attributes:
        granularity: one answer for the recording, or also a curve over time.
        extract_embedding: whether ``embedding.npy`` is written: ``(dim,)``, or ``(frames, dim)`` with frames.
        window_s: frame scores: length of audio that a row averages over, in seconds; None takes the settings' value.
        hop_s: frame scores: distance between two rows, in seconds; None takes the settings' value.
        raw_frames: frame scores: a row for every model frame, without smoothing.
        model: a model's name or ``auto``; None takes the settings' value.
        device: where the model shall run; None takes the settings' value.
        engine: what runs an Emotion2Vec model; None takes the settings' value.
        precision: of an Emotion2Vec model's weights; None takes the settings' value.
    """

    granularity: Granularity = Granularity.UTTERANCE
    extract_embedding: bool = False
    window_s: float | None = None
    hop_s: float | None = None
    raw_frames: bool = False
    model: str | None = None
    device: Device | None = None
    engine: Engine | None = None
    precision: Precision | None = None

    def runtime(self, settings: Settings) -> Runtime:
        """Returns how the model shall run."""
        return Runtime.of(settings, device=self.device, engine=self.engine, precision=self.precision)
