"""The licence file next to the weights."""

from dataclasses import dataclass
from typing import Final

LICENSE_TEXT: Final = """\
Licence of the weights in this folder (model.safetensors)
=========================================================

These weights were trained on recordings of RAVDESS, nEMO and EMO-DB. RAVDESS and nEMO are published under
CC BY-NC-SA 4.0, so the weights are too:

    Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)
    https://creativecommons.org/licenses/by-nc-sa/4.0/
    Legal code: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may share and adapt them if you give credit, do not use them commercially, and pass them on, changed or not, under
the same licence. They come without any warranty. The program around them has its own licence.

Credits
-------

RAVDESS (CC BY-NC-SA 4.0)
    Livingstone S. R., Russo F. A. (2018): The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS).
    PLoS ONE 13(5): e0196391. https://doi.org/10.1371/journal.pone.0196391

nEMO (CC BY-NC-SA 4.0)
    Christop I. (2024): nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024.

EMO-DB (CC BY 4.0, https://creativecommons.org/licenses/by/4.0/)
    Burkhardt F., Paeschke A., Rolfes M., Sendlmeier W., Weiss B. (2005): A Database of German Emotional Speech.
    Interspeech 2005.

Changes: the recordings were decoded to 16 kHz mono, played at other speeds, filtered, mixed with noise and used to fit
the numbers in this folder. No recording is part of it. The authors of the corpora do not endorse this model.
"""


@dataclass(frozen=True, slots=True)
class WeightsLicense:
    """The licence of trained weights.

    Attributes:
        name: name of the licence, as shown in results.
        text: content of the licence file.
    """

    name: str
    text: str


OWN_LICENSE: Final = WeightsLicense("CC BY-NC-SA 4.0", LICENSE_TEXT)
USER_LICENSE: Final = WeightsLicense(
    "as the training data",
    "Licence of the weights in this folder (model.safetensors)\n\n"
    "They were trained on recordings supplied by the person who ran the training. They may be used as far as the\n"
    "licences and the speakers of those recordings, and the licence of the teacher model if there was one, allow it.\n",
)


def license_of(*, own_corpora: bool) -> WeightsLicense:
    """Returns the licence of weights trained on this project's corpora, or of weights trained on other data."""
    return OWN_LICENSE if own_corpora else USER_LICENSE
