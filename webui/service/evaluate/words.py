"""What people and corpora call the nine emotions, besides what models call them."""

from typing import Final

from webui.labels import ALIASES, Emotion
from webui.texts import Language

_MORE: Final = {
    Emotion.ANGRY: "生气",
    Emotion.FEARFUL: "afraid 害怕",
    Emotion.HAPPY: "joyful 开心 高兴",
    Emotion.NEUTRAL: "calm 中立 平静",
    Emotion.OTHER: "boredom bored",
    Emotion.SAD: "难过 伤心",
    Emotion.SURPRISED: "吃惊",
}
_MEANT: Final = {
    **ALIASES,
    **{emotion.display_name(Language.ZH): emotion for emotion in Emotion},
    **{word: emotion for emotion, words in _MORE.items() for word in words.split()},
}


def emotion_of(word: str) -> Emotion | None:
    """Returns the emotion that ``word`` names, or None. Calm counts as neutral, boredom as other, as in the card."""
    return _MEANT.get(word.strip().lower())
