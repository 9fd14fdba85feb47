"""The nine emotions, and how a model's own labels map to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from webui.texts import Language

NO_SCORE: Final = "—"  # shown instead of the score of an emotion that the model lacks or the request excludes


class Emotion(StrEnum):
    """The nine classes of Emotion2Vec+, in the order of its ``tokens.txt``, which every table here follows."""

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
        """The emoji shown next to the name."""
        return _FACES[self].emoji

    def display_name(self, language: Language = Language.EN) -> str:
        """Returns the name to display: ``"快乐"`` or ``"Happy"``."""
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

_NAMES_IN_OTHER_MODELS: Final = {
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
ALIASES: Final = {name: emotion for emotion, names in _NAMES_IN_OTHER_MODELS.items() for name in names.split()}

UNKNOWN_TOKEN: Final = "<unk>"
UNUSED_PREFIX: Final = "unuse"  # `unuse_N` lines in uploads before 2024-06-24; FunASR masks these classes


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The classes of one model, in the order of its logits.

    Attributes:
        names: name of each class, one per logit. A name that isn't one of the nine emotions is kept unchanged.
        emotions: emotion that each name stands for; None if it stands for none of the nine.
        used: whether each class takes part in the softmax (``unuse_N`` classes don't).
    """

    names: tuple[str, ...]
    emotions: tuple[Emotion | None, ...]
    used: tuple[bool, ...]

    def __len__(self) -> int:
        """The number of logits, unused ones included."""
        return len(self.names)

    @classmethod
    def from_emotions(cls, emotions: Iterable[Emotion]) -> "LabelSet":
        """Builds the labels of a model whose classes are all or some of the nine emotions."""
        listed = tuple(emotions)
        return cls(names=tuple(e.value for e in listed), emotions=listed, used=(True,) * len(listed))

    @classmethod
    def from_tokens(cls, tokens: Iterable[str]) -> "LabelSet":
        """Parses the lines of a ``tokens.txt``: ``生气/angry``, ``<unk>``, ``unuse_3``.

        The English half is the name of the class. A name that isn't one of the nine emotions is kept and maps to None.
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
        """Returns the names of used classes that stand for none of the nine emotions."""
        rows = zip(self.names, self.emotions, self.used, strict=True)
        return tuple(name for name, emotion, used in rows if used and emotion is None)


def _emotion_or_none(name: str) -> Emotion | None:
    try:
        return Emotion(name)
    except ValueError:
        return None
