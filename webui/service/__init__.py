"""Use cases: what the program does for a person, whatever the surface."""

from webui.service.options import Progress, RecognizeOptions, Stage, ignore_progress
from webui.service.recognition import Recognition, RecognitionService

__all__ = ["Progress", "Recognition", "RecognitionService", "RecognizeOptions", "Stage", "ignore_progress"]
