"""The Python API: ``from webui import recognize``. docs/PYTHON.md shows how to use it.

It needs no running server and writes no files unless ``save_to`` is given. Importing it loads no model and no PyTorch.
"""

import atexit
import io
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from webui import storage
from webui.arrays import FloatArray
from webui.errors import RequestError
from webui.results import RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import Settings

Samples = NDArray[np.floating[Any]] | NDArray[np.signedinteger[Any]] | NDArray[np.unsignedinteger[Any]]
Source = str | Path | bytes | tuple[Samples, int]

SUBTYPES: Final = {"int16": "PCM_16", "int32": "PCM_32", "uint8": "PCM_U8", "float32": "FLOAT", "float64": "DOUBLE"}
ALL_ROWS: Final = 2**31  # frame scores stay in the result, since no file is kept next to it


@dataclass(frozen=True, slots=True)
class Recognized:
    """The result of one recording.

    Attributes:
        result: the document that is written to ``result.json`` as well.
        embedding: the embedding, shape ``(dim,)``, or ``(frames, dim)`` with granularity ``frame``, float32; None
            unless it was requested.
        folder: path of the run folder; None if no files were written.
    """

    result: RecognitionResult
    embedding: FloatArray | None
    folder: Path | None


def recognize(
    source: Source, *, save_to: str | Path | None = None, settings: Settings | None = None, **options: object
) -> Recognized:
    """Recognizes the emotion in one recording.

    The model is loaded at the first call and kept for the next ones.

    Args:
        source: path of an audio file in any format, its bytes, or an array with its sample rate in Hz. An array has the
            shape ``(samples,)`` or ``(samples, channels)``; floating-point values are in [-1, 1], integers are int16,
            int32 or uint8.
        save_to: folder in which a run folder is written, as the page does; None writes no files.
        settings: settings of the program; None reads the environment.
        options: fields of ``RecognizeOptions``: ``granularity="frame"``, ``extract_embedding=True``,
            ``model="builtin"``, ``labels=("happy", "sad")`` and so on.

    Raises:
        AudioError: the recording can't be used.
        RequestError: an option or the array is invalid.
        ModelError: the model can't be used.
        OutputError: the files can't be written.

    Example:
        >>> from webui import recognize
        >>> answer = recognize("examples/example_synthetic.wav", model="builtin", extract_embedding=True)
        >>> answer.result.emotion.value, answer.embedding.shape
        ('disgusted', (1920,))
    """
    requested = RecognizeOptions.of(**options)
    service = _service(settings if settings is not None else Settings())
    audio = _to_wav(*source) if isinstance(source, tuple) else Path(source) if isinstance(source, str) else source
    if save_to is not None:
        done = service.recognize(audio, requested, outputs_dir=Path(save_to))
        return Recognized(done.result, _embedding(done.folder), done.folder)
    done = service.recognize(audio, requested)
    try:
        return Recognized(done.result, _embedding(done.folder), None)
    finally:
        shutil.rmtree(done.folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _service(settings: Settings) -> RecognitionService:
    """Returns a service that writes run folders into a temporary folder, which is removed when Python ends."""
    folder = tempfile.mkdtemp(prefix="speech-emotion-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return RecognitionService(settings.model_copy(update={"outputs_dir": Path(folder), "max_json_rows": ALL_ROWS}))


def _embedding(folder: Path) -> FloatArray | None:
    file = folder / storage.EMBEDDING_FILE
    return np.load(file) if file.is_file() else None


def _to_wav(samples: Samples, sample_rate: int) -> bytes:
    """Returns an array as a WAV file, without changing any value."""
    found = np.asarray(samples)
    if found.dtype.name not in SUBTYPES or found.ndim not in (1, 2):
        expected = ", ".join(SUBTYPES)
        raise RequestError("request.bad_array", found=f"{found.dtype.name} {found.shape}", expected=expected)
    file = io.BytesIO()
    soundfile.write(file, found, int(sample_rate), format="WAV", subtype=SUBTYPES[found.dtype.name])
    return file.getvalue()
