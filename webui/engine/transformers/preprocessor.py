"""``preprocessor_config.json``: how a classifier of transformers wants its waveforms."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.errors import CheckpointError, first_line
from webui.units import SPEECH_RATE

PREPROCESSOR_FILE: Final = "preprocessor_config.json"


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """The contents of the file, with transformers' own defaults for what is missing.

    Attributes:
        normalize: whether waveforms are brought to mean 0 and variance 1.
        sample_rate: the sample rate in Hz as it stands in the file, unchecked.
    """

    normalize: bool
    sample_rate: object


def read_preprocessor(name: str, folder: Path) -> Preprocessor:
    """Reads the file of the model ``name`` in ``folder``; a folder without one takes the defaults.

    Raises:
        CheckpointError: it is no JSON object, or can't be read.
    """
    path = folder / PREPROCESSOR_FILE
    try:
        stated = json.loads(path.read_bytes()) if path.is_file() else {}
        if not isinstance(stated, dict):
            raise ValueError(f"{PREPROCESSOR_FILE} holds no JSON object")
    except (OSError, ValueError) as err:
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=first_line(err)) from err
    return Preprocessor(bool(stated.get("do_normalize", True)), stated.get("sampling_rate", SPEECH_RATE))
