"""The result of the shipped built-in model for the example audio; update it when the weights change."""

from typing import Final

from webui.labels import Emotion

EXAMPLE_EMOTION: Final = Emotion.DISGUSTED
