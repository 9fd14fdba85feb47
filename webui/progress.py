"""The stages of a recognition, and how its progress is reported."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """A stage of a recognition, with its name in the processing log."""

    VALIDATION = "validation"
    PREPROCESSING = "preprocessing"
    INFERENCE = "inference"
    RESULTS = "results"

    @property
    def text_key(self) -> str:
        """Key of the text that names the stage."""
        return _STAGE_TEXTS[self]


_STAGE_TEXTS: Final = {
    Stage.VALIDATION: "page.stage_validation",
    Stage.PREPROCESSING: "page.stage_preprocessing",
    Stage.INFERENCE: "page.stage_inference",
    Stage.RESULTS: "page.stage_results",
}

Progress = Callable[[float, Stage], None]  # called with the fraction done and the stage; may raise to cancel


def ignore_progress(fraction: float, stage: Stage) -> None:
    """A ``Progress`` callback that does nothing."""
