"""What can be asked of one recognition, and the stages it goes through."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webui.engine.runtime import Runtime
from webui.errors import RequestError
from webui.labels import Emotion
from webui.results import Granularity
from webui.settings import LONGEST_WAV_S, MAX_SMOOTHING_S, Device, Engine, Precision, Settings

MAX_SEGMENT_S: Final = 15.0
MIN_MAX_SEGMENT_S: Final = 1.0
MAX_MAX_SEGMENT_S: Final = LONGEST_WAV_S  # as long as a recording may be: nothing is cut
MERGE_GAP_S: Final = 1.0  # neighbours further apart are not joined


class Stage(StrEnum):
    """Where a recognition is, in the words of the processing log."""

    VALIDATION = "validation"
    PREPROCESSING = "preprocessing"
    INFERENCE = "inference"
    RESULTS = "results"


Progress = Callable[[float, Stage], None]


def ignore_progress(fraction: float, stage: Stage) -> None:
    """Progress for callers who don't watch."""


def parse_labels(given: str) -> tuple[Emotion, ...]:
    """Returns the emotions that ``angry,happy`` names, in the order of the nine.

    Raises:
        RequestError: one is none of the nine.
    """
    names = [name.strip().lower() for name in given.split(",") if name.strip()]
    known = {emotion.value for emotion in Emotion}
    strangers = [name for name in names if name not in known]
    if strangers or not names:
        found = ", ".join(strangers) or f"'{given}'"
        raise RequestError("request.unknown_labels", found=found, expected=", ".join(known_in_order()))
    return tuple(emotion for emotion in Emotion if emotion.value in names)


def known_in_order() -> list[str]:
    """Returns the names of the nine emotions."""
    return [emotion.value for emotion in Emotion]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """The options of one recognition.

    Attributes:
        granularity: one answer for the recording, or also a curve over time.
        extract_embedding: whether ``embedding.npy`` is written: ``(dim,)``, or ``(frames, dim)`` with frames.
        window_s: frame scores: length of audio that a row averages over, in seconds; None takes the settings' value.
        hop_s: frame scores: distance between two rows, in seconds; None takes the settings' value.
        raw_frames: frame scores: a row for every model frame, without smoothing.
        labels: the emotions that share the scores; None: all nine. The others' labels are left out of the softmax.
        max_segment_s: segments: a longer stretch of speech is cut where it is quietest, in seconds.
        merge_segments: segments: whether neighbours of the same emotion become one.
        model: a model's name or ``auto``; None takes the settings' value.
        device: where the model shall run; None takes the settings' value.
        engine: what runs an Emotion2Vec model; None takes the settings' value.
        precision: of an Emotion2Vec model's weights; None takes the settings' value.
        background: whether nobody waits for the answer: whoever does comes first.
    """

    granularity: Granularity = Granularity.UTTERANCE
    extract_embedding: bool = False
    window_s: float | None = None
    hop_s: float | None = None
    raw_frames: bool = False
    labels: tuple[Emotion, ...] | None = None
    max_segment_s: float = MAX_SEGMENT_S
    merge_segments: bool = False
    model: str | None = None
    device: Device | None = None
    engine: Engine | None = None
    precision: Precision | None = None
    background: bool = False

    def check(self) -> None:
        """Refuses options that make no sense.

        Raises:
            RequestError: no emotion is named; a window, a hop or segments would be shorter than what can be judged, or
                longer than any recording.
        """
        if self.labels is not None and not self.labels:
            raise RequestError("request.unknown_labels", found="''", expected=", ".join(known_in_order()))
        for seconds in (self.window_s, self.hop_s):
            if seconds is not None and not 0 < seconds <= MAX_SMOOTHING_S:  # NaN is in no range
                raise RequestError("request.smoothing_range", found=seconds, expected=MAX_SMOOTHING_S)
        if not MIN_MAX_SEGMENT_S <= self.max_segment_s <= MAX_MAX_SEGMENT_S:
            raise RequestError(
                "request.bad_segment_s",
                found=self.max_segment_s,
                expected_min=MIN_MAX_SEGMENT_S,
                expected_max=MAX_MAX_SEGMENT_S,
            )

    def runtime(self, settings: Settings) -> Runtime:
        """Returns how the model shall run."""
        return Runtime.of(settings, device=self.device, engine=self.engine, precision=self.precision)
