"""The corpora of the built-in models: languages, licences and their evidence, credits, which are free for any use."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from training.data import Clip, TrainingDataError


class CorpusSet(StrEnum):
    """Which corpora a model is trained on."""

    ALL = "all"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus of emotional speech.

    Attributes:
        name: its name in the manifests.
        title: its name in texts.
        language: code of its language.
        spoken: its language and kind of speech, in words.
        license: licence of the recordings.
        evidence: where the licence is stated.
        any_use: whether the licence allows any use, commercial use included, if credit is given.
        credit: the publication to credit.
    """

    name: str
    title: str
    language: str
    spoken: str
    license: str
    evidence: str
    any_use: bool
    credit: str


CORPORA: Final = (
    Corpus(
        name="banglaser",
        title="BanglaSER",
        language="bn",
        spoken="Bangla, acted",
        license="CC BY 4.0",
        evidence="its page at Mendeley Data, doi 10.17632/t9h6p943xy.5, and tables of third parties",
        any_use=True,
        credit="Das R. K., Islam N., Ahmed M. R., Islam S., Shatabda S., Islam A. K. M. M. (2022): BanglaSER: A speech "
        "emotion recognition dataset for the Bangla language. Data in Brief 42, 108091.",
    ),
    Corpus(
        name="crema-d",
        title="CREMA-D",
        language="en",
        spoken="English (US), acted",
        license="ODbL 1.0 and DbCL 1.0",
        evidence="LICENSE.txt of its original repository",
        any_use=True,
        credit="Cao H., Cooper D. G., Keutmann M. K., Gur R. C., Nenkova A., Verma R. (2014): CREMA-D: Crowd-sourced "
        "Emotional Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4). "
        "https://doi.org/10.1109/TAFFC.2014.2336244",
    ),
    Corpus(
        name="emodb",
        title="EMO-DB",
        language="de",
        spoken="German, acted",
        license="CC BY 4.0",
        evidence="the repository of its first author; the primary page could not be read",
        any_use=True,
        credit="Burkhardt F., Paeschke A., Rolfes M., Sendlmeier W., Weiss B. (2005): A Database of German Emotional "
        "Speech. Interspeech 2005.",
    ),
    Corpus(
        name="emospeech",
        title="Indian EmoSpeech Command Dataset",
        language="hi",
        spoken="Indian English and Hindi, single words, recorded by volunteers",
        license="CC BY-NC-SA 4.0",
        evidence="README and licence file of its repository",
        any_use=False,
        credit="Banga S., Upadhyay U., Agarwal P., Sharma A., Mukherjee P. (2019): Indian EmoSpeech Command Dataset: A "
        "dataset for emotion based speech recognition in the wild. arXiv 1910.13801.",
    ),
    Corpus(
        name="indowave",
        title="IndoWaveSentiment",
        language="id",
        spoken="Indonesian, acted",
        license="CC BY 4.0",
        evidence="a table of a third party; its page is at Mendeley Data, doi 10.17632/j9ytfdzy27.1",
        any_use=True,
        credit="Bustamin A. and others (2024): IndoWaveSentiment. Mendeley Data.",
    ),
    Corpus(
        name="nemo",
        title="nEMO",
        language="pl",
        spoken="Polish, acted",
        license="CC BY-NC-SA 4.0",
        evidence="its publication and repository",
        any_use=False,
        credit="Christop I. (2024): nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024.",
    ),
    Corpus(
        name="ravdess",
        title="RAVDESS",
        language="en",
        spoken="English (North America), acted, speech part",
        license="CC BY-NC-SA 4.0",
        evidence="its page at Zenodo, and its publication",
        any_use=False,
        credit="Livingstone S. R., Russo F. A. (2018): The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE 13(5): e0196391. https://doi.org/10.1371/journal.pone.0196391",
    ),
    Corpus(
        name="thorsten_samples",
        title="Thorsten-Voice",
        language="de",
        spoken="German, acted, one speaker",
        license="CC0",
        evidence="its publication",
        any_use=True,
        credit="Müller T., Kreutz D.: Thorsten-Voice, https://www.thorsten-voice.de.",
    ),
)
BY_NAME: Final = {corpus.name: corpus for corpus in CORPORA}


def choose_corpora(clips: Iterable[Clip], corpora: CorpusSet) -> tuple[Clip, ...]:
    """Returns the clips of the corpora in a set; ``ALL`` keeps corpora that are not in ``CORPORA`` too.

    Raises:
        TrainingDataError: None is left.
    """
    if corpora is CorpusSet.ALL:
        return tuple(clips)
    kept = tuple(clip for clip in clips if clip.corpus in BY_NAME and BY_NAME[clip.corpus].any_use)
    if not kept:
        free = ", ".join(corpus.name for corpus in CORPORA if corpus.any_use)
        raise TrainingDataError(f"None of the recordings is of a corpus that is free for any use ({free}).")
    return kept


def are_known(names: Iterable[str]) -> bool:
    """Returns whether all corpora in ``names`` are in ``CORPORA``."""
    return all(name in BY_NAME for name in names)
