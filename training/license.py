"""The licence file next to the weights."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from training.corpora import BY_NAME, are_known
from training.pretrained import Pretrained

WIDTH: Final = 116  # of a line of credits

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


FREE_LICENSE_NAME: Final = "CC BY 4.0"
NONCOMMERCIAL_LICENSE_NAME: Final = "CC BY-NC-SA 4.0"
SOURCES_TEXT: Final = """\
Licence of the weights in this folder (model.safetensors)
=========================================================

{terms}
They come without any warranty. The program around them has its own licence.

What they were trained on
-------------------------

{corpora}
Changes: the recordings were decoded to 16 kHz mono, played at other speeds, filtered, mixed with noise and used to fit
the numbers in this folder. No recording is part of it. The authors of the corpora do not endorse this model.

What they start from
--------------------

{encoders}"""
FREE_TERMS: Final = """\
These weights were trained only on recordings whose licences allow any use with credit. They are published under

    Creative Commons Attribution 4.0 International (CC BY 4.0)
    https://creativecommons.org/licenses/by/4.0/

You may use, share and adapt them for any purpose if you give the credits below. CREMA-D is a database under the Open
Database License, which asks for a notice when something is made from it: "Contains information from CREMA-D, which is
made available under the Open Database License (ODbL)." This is a description of the licences and not legal advice."""
NONCOMMERCIAL_TERMS: Final = """\
Some of the recordings below are published under CC BY-NC-SA 4.0, so the weights are too:

    Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)
    https://creativecommons.org/licenses/by-nc-sa/4.0/
    Legal code: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may share and adapt them if you give credit, do not use them commercially, and pass them on, changed or not, under
the same licence."""


ENCODER_LICENSES: Final = {
    "MIT": """\
MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
""",
    "BSD-2-Clause": """\
BSD 2-Clause License

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
""",
}
"""The texts that the encoders' licences ask to pass on with the weights."""


def license_of_corpora(names: Iterable[str], encoders: Iterable[Pretrained]) -> WeightsLicense:
    """Returns the licence of weights that were trained on some of this project's corpora.

    Corpora that are not in ``CORPORA`` are a user's own: then the licence is the one for users' recordings.

    Args:
        names: names of the corpora.
        encoders: pretrained encoders that the weights start from.
    """
    names = sorted(names)
    if not are_known(names):
        return USER_LICENSE
    corpora = [BY_NAME[name] for name in names]
    free = all(corpus.any_use for corpus in corpora)
    listed = "\n".join(
        f"{corpus.title} ({corpus.license}; stated by {corpus.evidence})\n{_indent(corpus.credit)}\n"
        for corpus in corpora
    )
    encoders = list(encoders)
    started = "".join(
        f"{one.name} ({one.license}), from the package {one.package}\n{_indent(one.origin)}\n{_indent(one.copyright)}\n"
        for one in encoders
    )
    started += "".join(f"\n{ENCODER_LICENSES[name]}" for name in sorted({one.license for one in encoders}))
    return WeightsLicense(
        FREE_LICENSE_NAME if free else NONCOMMERCIAL_LICENSE_NAME,
        SOURCES_TEXT.format(terms=FREE_TERMS if free else NONCOMMERCIAL_TERMS, corpora=listed, encoders=started),
    )


def _indent(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


def license_of(*, own_corpora: bool) -> WeightsLicense:
    """Returns the licence of weights trained on this project's corpora, or of weights trained on other data."""
    return OWN_LICENSE if own_corpora else USER_LICENSE
