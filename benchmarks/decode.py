"""Time to decode a file to 16 kHz mono."""

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import librosa
import numpy as np

from benchmarks.tables import Table, ratio, spread
from tests.support.audio_files import FORMATS, stereo, voice
from webui.audio.decode import DecodeLimits, decode
from webui.units import SPEECH_RATE

LABELS: Final = ("wav-s16", "mp3", "flac", "ogg-vorbis", "ogg-opus", "m4a")
_LIMITS: Final = DecodeLimits(max_bytes=1_000_000_000, max_duration_s=3600.0)


def measure(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields the time in ms per format, for this program and for librosa, which FunASR uses to read files."""
    del models_dir
    seconds = 2.0 if quick else 60.0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for audio_format in (entry for entry in FORMATS if entry.label in LABELS):
            channels = voice(seconds, audio_format.rate, seed=1), voice(seconds, audio_format.rate, seed=2)
            path = Path(folder) / f"clip.{audio_format.label.split('-')[0]}"
            path.write_bytes(audio_format.make(stereo(*channels), audio_format.rate))
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(rounds + 1):
                ours.append(_time_ms(lambda path=path: decode(path, limits=_LIMITS).waveform))
                theirs.append(_time_ms(lambda path=path: _with_librosa(path)))
            rows.append((audio_format.label, spread(ours[1:], 0), spread(theirs[1:], 0), ratio(theirs[1:], ours[1:])))
    columns = ("format", "ours, ms", "librosa, ms", "x librosa")
    yield Table(f"{seconds:g} s of stereo to 16 kHz mono, {rounds} rounds", columns, tuple(rows))


def _with_librosa(path: Path) -> np.ndarray | None:
    try:
        return librosa.load(io.BytesIO(path.read_bytes()), sr=SPEECH_RATE, mono=True)[0]
    except Exception:  # noqa: BLE001 - librosa's readers raise many kinds of errors
        return None


def _time_ms(run: Callable[[], np.ndarray | None]) -> float:
    started = time.perf_counter()
    samples = run()
    return 1000 * (time.perf_counter() - started) if samples is not None else float("nan")
