"""What the shipped built-in model says of the example audio; changes with the weights, and only here."""

from typing import Final

from webui.labels import Emotion

EXAMPLE_EMOTION: Final = Emotion.DISGUSTED
