"""Use cases of the program, shared by the page, the REST API and the command line."""

from webui.progress import Progress, Stage, ignore_progress
from webui.service.recognition.options import RecognizeOptions
from webui.service.recognition.service import Recognition, RecognitionService

__all__ = ["Progress", "Recognition", "RecognitionService", "RecognizeOptions", "Stage", "ignore_progress"]
