"""Corpora whose file names contain speaker and emotion: RAVDESS, CREMA-D, EMO-DB and nEMO."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webui.labels import Emotion

_RAVDESS: Final = {
    "01": Emotion.NEUTRAL,
    "02": Emotion.NEUTRAL,  # calm
    "03": Emotion.HAPPY,
    "04": Emotion.SAD,
    "05": Emotion.ANGRY,
    "06": Emotion.FEARFUL,
    "07": Emotion.DISGUSTED,
    "08": Emotion.SURPRISED,
}
_CREMA_D: Final = {
    "ANG": Emotion.ANGRY,
    "DIS": Emotion.DISGUSTED,
    "FEA": Emotion.FEARFUL,
    "HAP": Emotion.HAPPY,
    "NEU": Emotion.NEUTRAL,
    "SAD": Emotion.SAD,
}
_EMO_DB: Final = {  # German initials
    "W": Emotion.ANGRY,
    "L": Emotion.OTHER,  # boredom
    "E": Emotion.DISGUSTED,
    "A": Emotion.FEARFUL,
    "F": Emotion.HAPPY,
    "T": Emotion.SAD,
    "N": Emotion.NEUTRAL,
}
_NEMO: Final = {
    "anger": Emotion.ANGRY,
    "fear": Emotion.FEARFUL,
    "happiness": Emotion.HAPPY,
    "neutral": Emotion.NEUTRAL,
    "sadness": Emotion.SAD,
    "surprised": Emotion.SURPRISED,
}


@dataclass(frozen=True, slots=True)
class Named:
    """Information from a file name.

    Attributes:
        corpus: name of the corpus.
        speaker: number of the speaker.
        emotion: emotion that the speaker acts.
    """

    corpus: str
    speaker: str
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class _Scheme:
    corpus: str
    pattern: re.Pattern[str]
    emotion: Callable[[str], Emotion]


_SCHEMES: Final = (
    # modality (audio with or without video) - speech or song - emotion - intensity - statement - repetition - actor
    _Scheme(
        "ravdess",
        re.compile(r"0[13]-0[12]-(?P<code>0[1-8])-0[12]-0[12]-0[12]-(?P<speaker>\d\d)", re.ASCII),
        _RAVDESS.__getitem__,
    ),
    # actor _ sentence _ emotion _ intensity
    _Scheme(
        "crema-d",
        re.compile(r"(?P<speaker>1\d{3})_[A-Z]{3}_(?P<code>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX|X)", re.ASCII),
        _CREMA_D.__getitem__,
    ),
    # speaker, text, emotion, version
    _Scheme("emodb", re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<code>[WLEAFTN])[a-z]?", re.ASCII), _EMO_DB.__getitem__),
    # speaker _ emotion _ number of the sentence
    _Scheme(
        "nemo",
        re.compile(rf"(?P<speaker>[A-Z]{{2}}\d)_(?P<code>{'|'.join(_NEMO)})_\d+", re.ASCII),
        _NEMO.__getitem__,
    ),
)


def read_name(stem: str) -> Named | None:
    """Parses a file name without its ending; returns None if it follows none of the schemes."""
    for scheme in _SCHEMES:
        if found := scheme.pattern.fullmatch(stem):
            return Named(scheme.corpus, found["speaker"], scheme.emotion(found["code"]))
    return None
