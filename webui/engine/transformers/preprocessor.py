"""``preprocessor_config.json``: how waveforms have to be prepared for a classifier of transformers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.engine.sample_rate import check_sample_rate
from webui.errors import CheckpointError, first_line
from webui.units import SPEECH_RATE

PREPROCESSOR_FILE: Final = "preprocessor_config.json"


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """The content of the file; missing keys have the defaults of transformers.

    Attributes:
        normalize: whether waveforms are normalised to mean 0 and variance 1.
        sample_rate: the sample rate of waveforms, in Hz.
    """

    normalize: bool
    sample_rate: int


def read_preprocessor(name: str, folder: Path) -> Preprocessor:
    """Reads the file of the model ``name`` in ``folder``; if there is none, all values are the defaults.

    Raises:
        CheckpointError: the file can't be read, is not a JSON object, or states an implausible sample rate.
    """
    path = folder / PREPROCESSOR_FILE
    try:
        stated = json.loads(path.read_bytes()) if path.is_file() else {}
        if not isinstance(stated, dict):
            raise ValueError(f"{PREPROCESSOR_FILE} is not a JSON object")
    except (OSError, ValueError) as err:
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=first_line(err)) from err
    sample_rate = check_sample_rate(name, stated.get("sampling_rate", SPEECH_RATE))
    return Preprocessor(bool(stated.get("do_normalize", True)), sample_rate)
