"""Names that annotators and corpora use for the nine emotions, in addition to those of models."""

from typing import Final

from webui.labels import ALIASES, Emotion
from webui.texts import Language

_FURTHER_NAMES: Final = {
    Emotion.ANGRY: "生气",
    Emotion.FEARFUL: "afraid 害怕",
    Emotion.HAPPY: "joyful 开心 高兴",
    Emotion.NEUTRAL: "calm 中立 平静",
    Emotion.OTHER: "boredom bored",
    Emotion.SAD: "难过 伤心",
    Emotion.SURPRISED: "吃惊",
}
_EMOTION_OF_NAME: Final = {
    **ALIASES,
    **{emotion.display_name(Language.ZH): emotion for emotion in Emotion},
    **{word: emotion for emotion, words in _FURTHER_NAMES.items() for word in words.split()},
}


def emotion_of(word: str) -> Emotion | None:
    """Returns the emotion that ``word`` names, or None. Calm is neutral and boredom is other, as in the model card."""
    return _EMOTION_OF_NAME.get(word.strip().lower())
