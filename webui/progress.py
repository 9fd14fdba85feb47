"""The stages of a recognition, and how its progress is reported."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """A stage of a recognition, named as in the processing log."""

    VALIDATION = "validation"
    PREPROCESSING = "preprocessing"
    INFERENCE = "inference"
    RESULTS = "results"


Progress = Callable[[float, Stage], None]  # called with the fraction done and the stage; may raise to stop the work


def ignore_progress(fraction: float, stage: Stage) -> None:
    """A ``Progress`` that does nothing."""
