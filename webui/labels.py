"""The nine emotions, and how a model's own labels map to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from webui.texts import Language


class Emotion(StrEnum):
    """The nine classes of Emotion2Vec+, in the order of its ``tokens.txt`` and of every table here."""

    ANGRY = "angry"
    DISGUSTED = "disgusted"
    FEARFUL = "fearful"
    HAPPY = "happy"
    NEUTRAL = "neutral"
    OTHER = "other"
    SAD = "sad"
    SURPRISED = "surprised"
    UNKNOWN = "unknown"

    @property
    def emoji(self) -> str:
        """The emoji shown beside the name."""
        return _FACES[self].emoji

    def display_name(self, language: Language = Language.EN) -> str:
        """Returns the name as a person reads it: ``"快乐"`` or ``"Happy"``."""
        return _FACES[self].zh if language is Language.ZH else self.value.capitalize()


class _Face(NamedTuple):
    emoji: str
    zh: str


_FACES: Final = {
    Emotion.ANGRY: _Face("😠", "愤怒"),
    Emotion.DISGUSTED: _Face("🤢", "厌恶"),
    Emotion.FEARFUL: _Face("😨", "恐惧"),
    Emotion.HAPPY: _Face("😊", "快乐"),
    Emotion.NEUTRAL: _Face("😐", "中性"),
    Emotion.OTHER: _Face("🤔", "其他"),
    Emotion.SAD: _Face("😢", "悲伤"),
    Emotion.SURPRISED: _Face("😲", "惊讶"),
    Emotion.UNKNOWN: _Face("❓", "未知"),
}

_WORDS: Final = {
    Emotion.ANGRY: "ang anger angry",
    Emotion.DISGUSTED: "dis disgust disgusted",
    Emotion.FEARFUL: "fea fear fearful",
    Emotion.HAPPY: "hap happy happiness joy",
    Emotion.NEUTRAL: "neu neutral",
    Emotion.OTHER: "oth other",
    Emotion.SAD: "sad sadness",
    Emotion.SURPRISED: "sur surprise surprised",
    Emotion.UNKNOWN: "unk unknown",
}
ALIASES: Final = {word: emotion for emotion, words in _WORDS.items() for word in words.split()}  # as others write them

UNKNOWN_TOKEN: Final = "<unk>"
UNUSED_PREFIX: Final = "unuse"  # uploads before 2024-06-24 had `unuse_N` lines; FunASR masks them


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The classes of one model, in the order of its logits.

    Attributes:
        names: one name per logit. A name that is none of the nine emotions stays the model's own.
        emotions: for every name the emotion it stands for, or None.
        used: for every name whether it takes part in the softmax (``unuse_N`` lines don't).
    """

    names: tuple[str, ...]
    emotions: tuple[Emotion | None, ...]
    used: tuple[bool, ...]

    def __len__(self) -> int:
        """The number of logits, unused ones included."""
        return len(self.names)

    @classmethod
    def from_emotions(cls, emotions: Iterable[Emotion]) -> "LabelSet":
        """Builds the labels of a model whose classes are (some of) the nine emotions themselves."""
        listed = tuple(emotions)
        return cls(names=tuple(e.value for e in listed), emotions=listed, used=(True,) * len(listed))

    @classmethod
    def from_tokens(cls, tokens: Iterable[str]) -> "LabelSet":
        """Reads the lines of a ``tokens.txt``: ``生气/angry``, ``<unk>``, ``unuse_3``.

        The English half names the class; one that is no emotion of the nine stays as it is and maps to None.
        """
        names: list[str] = []
        emotions: list[Emotion | None] = []
        used: list[bool] = []
        for token in (line.strip() for line in tokens):
            if not token:
                continue
            name = Emotion.UNKNOWN.value if token == UNKNOWN_TOKEN else token.rsplit("/", 1)[-1]
            names.append(name)
            emotions.append(_emotion_or_none(name))
            used.append(not token.startswith(UNUSED_PREFIX))
        return cls(tuple(names), tuple(emotions), tuple(used))

    def unmapped(self) -> tuple[str, ...]:
        """Returns the used names that stand for none of the nine emotions."""
        rows = zip(self.names, self.emotions, self.used, strict=True)
        return tuple(name for name, emotion, used in rows if used and emotion is None)


def _emotion_or_none(name: str) -> Emotion | None:
    try:
        return Emotion(name)
    except ValueError:
        return None
