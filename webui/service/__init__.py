"""Use cases: what the program does for a person, whatever the surface."""

from webui.progress import Progress, Stage, ignore_progress
from webui.service.recognition.options import RecognizeOptions
from webui.service.recognition.service import Recognition, RecognitionService

__all__ = ["Progress", "Recognition", "RecognitionService", "RecognizeOptions", "Stage", "ignore_progress"]
