"""Reads WAV, RF64, W64, AIFF, CAF, AU, FLAC, Ogg and NIST SPHERE with libsndfile.

PyAV reads MP3: for a damaged file, the mpg123 inside libsndfile writes to the process's stderr and can't be silenced.
"""

from collections.abc import Iterator
from typing import Final, Self

import soundfile

from webui.audio.blocks import BLOCK_VALUES, Block, CannotOpenError, Silence
from webui.audio.source import Source
from webui.errors import AudioDecodeError

SOUNDFILE_CONTAINERS: Final = frozenset({"wav", "rf64", "w64", "aiff", "caf", "au", "flac", "ogg", "sph", "raw"})
_FORMATS: Final = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG", "NIST"})
_PCM: Final = {
    "PCM_S8": "pcm_s8",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16",
    "PCM_24": "pcm_s24",
    "PCM_32": "pcm_s32",
    "FLOAT": "pcm_f32",
    "DOUBLE": "pcm_f64",
}
_CODECS: Final = {
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "MS_ADPCM": "adpcm_ms",
    "GSM610": "gsm_ms",
    "MPEG_LAYER_III": "mp3",
    "ALAC_16": "alac",
    "ALAC_20": "alac",
    "ALAC_24": "alac",
    "ALAC_32": "alac",
}
_BIG_ENDIAN_BY_DEFAULT: Final = frozenset({"AIFF", "CAF", "AU"})
_DECLARING: Final = frozenset({"flac", "ogg"})  # for other formats, libsndfile corrects the length to that of the data
_LENGTH_UNKNOWN: Final = 1 << 48  # libsndfile states the largest integer for a FLAC without a length


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # the library has no complete types
    """A file opened as not seekable: soundfile then neither seeks after a block nor relies on the header's length."""

    def seekable(self) -> bool:
        return False


class SoundfileReader:
    """Reads one recording with libsndfile; see ``AudioReader`` for the attributes.

    Args:
        source: the opened file.
        container: short name of the detected container.
        track: number of the audio track, from 1; None: the only one.

    Raises:
        CannotOpenError: libsndfile doesn't support the format or codec, or the header is damaged.
        AudioDecodeError: the file has no such track.
    """

    def __init__(self, source: Source, container: str, track: int | None = None) -> None:
        try:
            self._file = _Stream(source.rewound())
        except (soundfile.SoundFileError, RuntimeError) as err:
            raise CannotOpenError(str(err)) from err
        if self._file.format not in _FORMATS or self._file.channels < 1:
            self._file.close()
            raise CannotOpenError(self._file.format)
        if track is not None and track > 1:
            self._file.close()
            raise AudioDecodeError("audio.no_such_track", found=source.file_name, track=track, tracks=1)
        self.format = f"{container}/{_codec(self._file)}"
        self.tracks = self.track = 1
        self.other_tracks: tuple[int, ...] = ()
        self.failure: Exception | None = None
        self.silence = Silence()
        self.unused_bytes = 0
        frames = self._file.frames
        self.length_s = frames / self._file.samplerate if 0 < frames < _LENGTH_UNKNOWN else None
        self.declared_s = self.length_s if container in _DECLARING else None

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks in order. The first damage ends the iteration and sets ``failure``."""
        frames = max(1, BLOCK_VALUES // self._file.channels)
        while True:
            try:
                samples = self._file.read(frames, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, RuntimeError) as err:
                self.failure = err
                return
            if len(samples) == 0:
                return
            yield Block(samples, self._file.samplerate)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _codec(file: soundfile.SoundFile) -> str:
    subtype: str = file.subtype
    if subtype == "IMA_ADPCM":
        return "adpcm_ima_qt" if file.format == "AIFF" else "adpcm_ima_wav"
    if file.format == "FLAC":
        return "flac"
    if subtype not in _PCM:
        return _CODECS.get(subtype, subtype.lower())
    if subtype in ("PCM_S8", "PCM_U8"):
        return _PCM[subtype]
    big = file.endian == "BIG" or (file.endian == "FILE" and file.format in _BIG_ENDIAN_BY_DEFAULT)
    return _PCM[subtype] + ("be" if big else "le")
